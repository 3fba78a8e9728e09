/** The node's process of the loopback bench: sends as many bytes as it is asked for, over a lane or over plain node:tls. */
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type TLSSocket } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createSessionServer, encodeCertificate } from '@selvedge/handshake/tls'
import { decodeOrder, sendLane } from './order.ts'

const identity = createKeyPair(new Uint8Array(32).fill(1))

async function sendPlain(socket: TLSSocket): Promise<void> {
  socket.on('error', () => {})
  const [bytes] = (await once(socket, 'data')) as [Uint8Array]
  const { totalBytes, writeBytes } = decodeOrder(bytes)
  const piece = new Uint8Array(writeBytes)
  for (let sent = 0; sent < totalBytes; sent += writeBytes) if (!socket.write(piece)) await once(socket, 'drain')
  socket.end()
}

const key = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), identity.seed]),
  format: 'der',
  type: 'pkcs8',
}).export({ format: 'pem', type: 'pkcs8' })
const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(encodeCertificate(identity)).toString('base64')}\n-----END CERTIFICATE-----\n`
const plain = createServer({ key, cert, ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3' }, (socket) => void sendPlain(socket))
plain.listen(0, '127.0.0.1')
await once(plain, 'listening')
const server = createSessionServer({ identity, onLane: sendLane }, { chainId: 1337, connectionsBurst: 10_000 })
const { port } = await server.start()
process.send?.({ port, plainPort: (plain.address() as { port: number }).port, nodeKey: [...identity.publicKey] })
process.on('message', () => process.send?.(process.cpuUsage()))
process.on('disconnect', () => process.exit(0))
