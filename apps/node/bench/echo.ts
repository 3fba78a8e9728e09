/** Plain TLS that says back what it is told. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:tls'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { credentialsOf } from '../../../packages/handshake/bench/certificate.ts'

/** Listens on a port of this machine that is free. */
export async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

/** @returns the port. */
export async function echoOn(identity: KeyPair): Promise<number> {
  return await portOf(
    createServer(credentialsOf(identity), (socket) => {
      socket.on('error', () => {})
      socket.setNoDelay(true)
      socket.on('data', (bytes: Uint8Array) => socket.write(bytes))
    }),
  )
}
