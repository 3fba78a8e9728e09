/**
 * Plain `node:tls` in a process of its own, which sends a file of random bytes of the given size to whoever connects.
 *
 *   plain-node.ts BYTES
 */
import { once } from 'node:events'
import { createReadStream, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { credentialsOf } from '../../../packages/handshake/bench/certificate.ts'
import { answerParent, processorMs } from '../../../packages/handshake/bench/other-process.ts'
import { portOf } from './echo.ts'
import { makeFolder, MIB, randomParts } from './random-content.ts'

export interface PlainNodeFacts {
  readonly filePort: number
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

const folder = makeFolder()
const path = join(folder, 'file')
await writeFile(path, randomParts(Number(process.argv[2])))
const filePort = await portOf(
  createServer(credentialsOf(createKeyPair()), (socket) => {
    socket.on('error', () => {})
    void sendFile(path, socket)
  }),
)
const facts: PlainNodeFacts = { filePort }
answerParent(facts, { processorMs }, async () => rmSync(folder, { recursive: true }))
