import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import { connectSession } from '../src/index.ts'
import { collect } from './collect.ts'
import { createSessionServer } from '../src/tls.ts'

test('a client gets over TLS what the node sends, byte for byte, and both ends close', async () => {
  const identity = createKeyPair()
  const sent = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) >> 3)
  const server = createSessionServer(
    {
      identity,
      async onLane(request) {
        const lane = request.accept(request.metadata)
        for (let i = 0; i < sent.length; i += 100_000) await lane.write(sent.subarray(i, i + 100_000))
        await lane.end()
      },
    },
    { chainId: 1337 },
  )
  const { port } = await server.start()
  const session = await connectSession({ host: '127.0.0.1', port, nodeKey: identity.publicKey, chainId: 1337 })
  const lane = await session.openLane({ serviceId: 0, metadata: new Uint8Array([1, 2, 3]) })
  expect(lane.metadata).toEqual(new Uint8Array([1, 2, 3]))
  const received = Buffer.concat(await collect(lane.source))
  expect(received.equals(sent)).toBe(true)
  await lane.end()
  await session.close()
  expect(await session.closed).toBeUndefined()
  await server.stop()
  expect(server.counts).toEqual({ sessions: 0, pending: 0 })
})
