/**
 * Plain `node:tls` in a process of its own: one port sends a file of random bytes of the given size to whoever connects, one says back what
 * it is told.
 *
 *   plain-node.ts BYTES
 */
import { once } from 'node:events'
import { createReadStream, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { credentialsOf } from '../../../packages/handshake/bench/certificate.ts'
import { answerParent, processorMs } from '../../../packages/handshake/bench/other-process.ts'
import { makeFolder, MIB, randomParts } from './random-content.ts'

export interface PlainNodeFacts {
  readonly filePort: number
  readonly echoPort: number
}

const WRITE_BYTES = 64 * 1024

async function sendFile(path: string, socket: TLSSocket): Promise<void> {
  socket.resume() // nothing comes
  for await (const bytes of createReadStream(path, { highWaterMark: MIB }) as AsyncIterable<Uint8Array>) {
    for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
      if (!socket.write(bytes.subarray(at, at + WRITE_BYTES))) await once(socket, 'drain')
    }
  }
  socket.end()
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

const folder = makeFolder()
const path = join(folder, 'file')
await writeFile(path, randomParts(Number(process.argv[2])))
const own = credentialsOf(createKeyPair())
const filePort = await portOf(
  createServer(own, (socket) => {
    socket.on('error', () => {})
    void sendFile(path, socket)
  }),
)
const echoPort = await portOf(
  createServer(own, (socket) => {
    socket.on('error', () => {})
    socket.setNoDelay(true)
    socket.on('data', (bytes: Uint8Array) => socket.write(bytes))
  }),
)
const facts: PlainNodeFacts = { filePort, echoPort }
answerParent(facts, { processorMs }, async () => rmSync(folder, { recursive: true }))
