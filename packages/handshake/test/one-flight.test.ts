/** What belongs together leaves together: a request with its end, an answer of one chunk group with its head and its end. */
import { expect, test } from 'vitest'
import { collect } from './collect.ts'
import { join } from './memory-session.ts'

const NONE = new Uint8Array()

test('the end of a request goes with it, before the node has taken it; nothing more can be sent', async () => {
  let isEnded = false
  const { session, clientCarrier } = await join(async (request) => {
    const lane = request.accept(NONE)
    const turn = new Promise<'later'>((resolve) => setImmediate(() => resolve('later')))
    const step = await Promise.race([lane.source[Symbol.asyncIterator]().next(), turn])
    isEnded = step !== 'later' && step.done === true
    await lane.end()
  })
  const before = clientCarrier.sends
  const lane = await session.openLane({ serviceId: 0, metadata: Uint8Array.of(1), isRequestOnly: true })
  expect(clientCarrier.sends).toBe(before + 1)
  await expect(lane.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_ENDED' })
  await lane.end() // as often as one likes
  expect(await collect(lane.source)).toEqual([])
  expect(isEnded).toBe(true)
  await session.close()
})

test('an answer of one chunk group leaves in one write with its head and its end', async () => {
  const bytes = new Uint8Array(16_384 + 17 * 64).fill(3)
  const { session, nodeCarrier } = await join(async (request) => {
    const lane = request.accept(NONE)
    const written = lane.write(bytes)
    await lane.end()
    await written
  })
  const before = nodeCarrier.sends
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, isRequestOnly: true })
  expect(Buffer.concat(await collect(lane.source)).equals(bytes)).toBe(true)
  expect(nodeCarrier.sends).toBe(before + 1)
  await session.close()
})

test('what is larger does not wait for the end of the turn', async () => {
  const { session, nodeCarrier } = await join(async (request) => {
    const lane = request.accept(NONE)
    const before = nodeCarrier.sends
    const written = lane.write(new Uint8Array(65_536))
    expect(nodeCarrier.sends).toBe(before + 1)
    await lane.end()
    await written
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, isRequestOnly: true })
  expect(Buffer.concat(await collect(lane.source))).toHaveLength(65_536)
  await session.close()
})
