import { afterEach, expect, test } from 'vitest'
import { FlowControl, FRAMES_IN_FLIGHT_MAX, QUEUED_BYTES_MAX } from '../../src/driver/flow-control.ts'
import { createMemoryNetwork, type Network } from '../../src/index.ts'
import { until } from '../support/until.ts'

const MIB = 2 ** 20
const [A, B] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
const [keyA, keyB] = [Buffer.from(A).toString('hex'), Buffer.from(B).toString('hex')]
const networks: Network[] = []
afterEach(async () => {
  for (const network of networks.splice(0)) await network.stop()
})

/** B counts what it takes and steps nothing by itself. */
async function startPair(): Promise<{ a: Network; flowA: FlowControl; flowB: FlowControl; taken: Uint8Array[]; seen: string[] }> {
  const hub = createMemoryNetwork()
  const [a, b] = [hub.join(A), hub.join(B)]
  networks.push(a, b)
  const [flowA, flowB] = [new FlowControl(a), new FlowControl(b)]
  const taken: Uint8Array[] = []
  const seen: string[] = []
  await a.start({ onFrame: () => {}, onPeer: (peer, isConnected) => seen.push(`${peer === keyB} ${isConnected}`) })
  await b.start({
    onFrame: (from, frame) => {
      flowB.take(from, frame.length)
      taken.push(frame)
    },
    onPeer: () => {},
  })
  a.setPeers([keyA, keyB])
  b.setPeers([keyA, keyB])
  return { a, flowA, flowB, taken, seen }
}

test('a peer is read up to 64 frames, and again when half of them are done', async () => {
  const { flowA, flowB, taken } = await startPair()
  for (let i = 0; i < 200; i++) flowA.send(keyB, Uint8Array.of(i))
  await until(() => taken.length >= FRAMES_IN_FLIGHT_MAX)
  await new Promise((resolve) => setImmediate(resolve))
  expect(taken).toHaveLength(FRAMES_IN_FLIGHT_MAX)
  for (let i = 0; i < FRAMES_IN_FLIGHT_MAX / 2; i++) flowB.release(keyA, 1)
  await until(() => taken.length === FRAMES_IN_FLIGHT_MAX * 1.5)
  while (taken.length < 200) {
    flowB.release(keyA, 1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(taken.map(([first]) => first)).toEqual(Array.from({ length: 200 }, (_, i) => i))
})

test('a peer is read up to 16 MiB, and what it is sent beyond 16 MiB is dropped', async () => {
  const { a, flowA, taken } = await startPair()
  for (let i = 0; i < 60; i++) flowA.send(keyB, new Uint8Array(MIB))
  expect(flowA.dropped).toBe(60 - QUEUED_BYTES_MAX / MIB - 1)
  await until(() => taken.length === QUEUED_BYTES_MAX / MIB + 1)
  expect(a.queuedBytes(keyB)).toBe(0)
  for (let i = 0; i < 60; i++) flowA.send(keyB, new Uint8Array(MIB))
  await new Promise((resolve) => setImmediate(resolve))
  expect(taken).toHaveLength(QUEUED_BYTES_MAX / MIB + 1) // not read any more
  expect(flowA.isReady(keyB)).toBe(false)
  const { dropped } = flowA
  flowA.send(keyB, new Uint8Array(1_000)) // a vote still goes out
  expect(flowA.dropped).toBe(dropped)
  for (let i = 0; i < 5_000; i++) flowA.send(keyB, new Uint8Array(1_000))
  expect(flowA.dropped).toBeGreaterThan(dropped) // and yet there is an end
})

test('nobody is read while the disk is behind', async () => {
  const { flowA, flowB, taken } = await startPair()
  flowB.setCongested(true)
  for (let i = 0; i < 10; i++) flowA.send(keyB, Uint8Array.of(i))
  await until(() => taken.length === 1) // the one that shows that there is something to read
  flowB.release(keyA, 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(taken).toHaveLength(1)
  flowB.setCongested(false)
  await until(() => taken.length === 10)
})

test('a peer that went away while the disk was behind is read when it is back', async () => {
  const { a, flowA, flowB, taken } = await startPair()
  flowB.setCongested(true)
  flowA.send(keyB, Uint8Array.of(1))
  await until(() => taken.length === 1)
  flowB.release(keyA, 1)
  a.setPeers([])
  flowB.forget(keyA)
  flowB.setCongested(false)
  a.setPeers([keyB])
  flowA.send(keyB, Uint8Array.of(2))
  await until(() => taken.length === 2)
  expect(taken).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
})

test('peers are those that both name, and both are told', async () => {
  const { a, flowA, taken, seen } = await startPair()
  expect(seen).toEqual(['true true'])
  a.setPeers([])
  expect(seen).toEqual(['true true', 'true false'])
  flowA.send(keyB, Uint8Array.of(1))
  a.setPeers([keyB])
  flowA.send(keyB, Uint8Array.of(2))
  await until(() => taken.length === 1)
  expect(taken).toEqual([Uint8Array.of(2)])
})
