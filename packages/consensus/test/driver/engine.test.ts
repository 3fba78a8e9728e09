// Goal: a slow disk slows peers down instead of filling the memory. Method: the engine over a store whose syncs end when the test says so,
// with epochs that put away every frame they hear; a peer sends more than may wait.
import { afterEach, expect, test } from 'vitest'
import type { Epochs } from '../../src/core/epochs-contract.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { Engine } from '../../src/driver/engine.ts'
import { FlowControl, QUEUED_BYTES_MAX } from '../../src/driver/flow-control.ts'
import { Submissions } from '../../src/driver/submissions.ts'
import { createMemoryNetwork, createMemoryStore, type Network, type Store } from '../../src/index.ts'
import { until } from '../support/until.ts'

const MIB = 2 ** 20
/** Of records that wait for the disk. */
const UNSYNCED_MIB = 16
const FRAMES = 80
const [A, B] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
const [keyA, keyB] = [Buffer.from(A).toString('hex'), Buffer.from(B).toString('hex')]
const networks: Network[] = []
afterEach(async () => {
  for (const network of networks.splice(0)) await network.stop()
})

/** Each frame becomes a record, which must be durable before anything is said. */
function createKeeping(): Epochs {
  let kept = 0
  return {
    epoch: 0,
    gauges: undefined,
    step(event, _, effects) {
      if (event.type !== 'frames') return
      for (const { frame } of event.frames) {
        const records = [{ kind: 'batch', key: `${kept++}`, bytes: frame } as const]
        effects.push({ type: 'epoch', epoch: 0, effect: { type: 'persist', records } })
      }
    },
  }
}

test('while more than 16 MiB wait for the disk no peer is read, and when it is done all that they sent is', async () => {
  const hub = createMemoryNetwork()
  const [a, b] = [hub.join(A), hub.join(B)]
  networks.push(a, b)
  const syncs: (() => void)[] = []
  const store: Store = { ...createMemoryStore(), sync: () => new Promise((resolve) => syncs.push(resolve)) }
  const flow = new FlowControl(b)
  const engine = new Engine({
    epochs: createKeeping(),
    store,
    clock: systemClock,
    flow,
    submissions: new Submissions(),
    isMember: true,
    perform: () => {},
    onRetry: () => {},
    onFailure: (failure) => {
      throw failure
    },
  })
  let taken = 0
  await a.start({ onFrame: () => {}, onPeer: () => {} })
  await b.start({
    onFrame: (from, frame) => {
      taken += 1
      flow.take(from, frame.length)
      engine.post({ type: 'frame', from, frame })
    },
    onPeer: () => {},
  })
  a.setPeers([keyB])
  b.setPeers([keyA])
  for (let i = 0; i < FRAMES; i++) a.send(keyB, new Uint8Array(MIB).fill(i))
  for (let before = -1; before !== taken; ) {
    before = taken
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(taken).toBeGreaterThan(UNSYNCED_MIB)
  expect(taken).toBeLessThanOrEqual(UNSYNCED_MIB + QUEUED_BYTES_MAX / MIB + 5) // what was read when it became too much, and a turn of it
  expect(syncs).toHaveLength(1)
  await until(() => {
    syncs.shift()?.()
    return taken === FRAMES
  })
  for (let i = 0; i < FRAMES; i++) await until(() => store.epoch(0).get('batch', `${i}`)?.[0] === i)
  engine.stop()
})
