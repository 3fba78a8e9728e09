/**
 * Plain `node:tls` in a process of its own: one port sends what is asked for and stays open; one asks its clients for their key, and says a
 * byte when it has seen it.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { credentialsOf, holds, keyOf } from './certificate.ts'
import { decodeOrder } from './order.ts'
import { answerParent, processorMs, residentBytes } from './other-process.ts'

export interface PlainNodeFacts {
  readonly port: number
  readonly mutualPort: number
}

/** Whose keys both ends of the mutual port prove. */
export const NODE_SEED: Uint8Array = new Uint8Array(32).fill(1)
export const CLIENT_SEED: Uint8Array = new Uint8Array(32).fill(9)

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1', 1_024)
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

async function run(): Promise<void> {
  const client = keyOf(createKeyPair(CLIENT_SEED))
  const own = credentialsOf(createKeyPair(NODE_SEED))
  let sockets = 0
  const open = createServer(own, (socket) => {
    sockets++
    socket.on('error', () => {}).on('close', () => sockets--)
    socket.on('data', (bytes: Uint8Array) => socket.write(new Uint8Array(decodeOrder(bytes).totalBytes)))
  })
  const mutual = createServer({ ...own, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => {})
    if (!holds(socket, client)) return void socket.destroy()
    socket.resume()
    socket.write(Uint8Array.of(1))
  })
  const facts: PlainNodeFacts = { port: await portOf(open), mutualPort: await portOf(mutual) }
  answerParent(facts, { processorMs, residentBytes, sessions: () => sockets })
}

if (import.meta.main) await run()
