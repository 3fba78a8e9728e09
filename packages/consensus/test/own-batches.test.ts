/** Own batches between a client and a header: what goes back into the queue, and what the end of an epoch gives back. */
import { expect, test } from 'vitest'
import { BatchIndex } from '../src/core/batch-index.ts'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { CoreContext } from '../src/core/context.ts'
import type { CoreEffect, StoredRecord } from '../src/core/contract.ts'
import { OwnBatches } from '../src/core/own-batches.ts'
import { toHex } from '../src/wire/bytes.ts'
import type { PayloadEntry } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { MemoryRecords } from './support/memory-records.ts'

const nothing = (): boolean => false

/** @param keeps - whether the store keeps a record. */
function create(keeps: (record: StoredRecord) => boolean = () => true): {
  own: OwnBatches
  seal: (byte: number) => void
  take: () => PayloadEntry[]
} {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore })
  const store = new MemoryRecords()
  const context = new CoreContext({ crypto: cluster.committee.cryptos[0]!, store, random: () => 0 }, cluster.setupOf(0))
  const own = new OwnBatches(context, new BatchIndex(store))
  const held = new Set<string>()
  let nowMs = 0
  const seal = (byte: number): void => {
    const effects: CoreEffect[] = []
    context.enter({ nowMs: (nowMs += 1_000), unixMs: 0 }, effects)
    own.submit([new Uint8Array(8).fill(byte)])
    context.enter({ nowMs: (nowMs += 1_000), unixMs: 0 }, effects)
    own.advance()
    for (const effect of effects) if (effect.type === 'persist') store.write(effect.records.filter(keeps))
    for (const { key } of store.entries('batch')) {
      if (held.has(key)) continue
      held.add(key)
      for (const other of [1, 2]) own.acknowledge(other, Uint8Array.from(Buffer.from(key, 'hex')))
    }
  }
  return { own, seal, take: () => own.takePayload() }
}

const keysOf = (payload: readonly PayloadEntry[]): string[] => payload.map(({ digest }) => toHex(digest))

test('a batch that two headers carried goes back once, ahead of what waits, and not at all once it is ordered', () => {
  const { own, seal, take } = create()
  seal(1)
  const first = take()
  seal(2)
  const second = take()
  seal(3)
  own.putBack([...first, ...second, ...first]) // two orphans, one of which carried what the other did
  own.putBack(first) // it is in the queue by now
  expect(own.hasPayload).toBe(true)
  const again = take()
  expect(keysOf(again).toSorted()).toEqual(
    keysOf(again)
      .filter((key, at, all) => all.indexOf(key) === at)
      .toSorted(),
  )
  expect(again.length).toBe(3)
  expect(take()).toEqual([])
  own.commit(keysOf(first)[0]!, 1)
  own.putBack([...first, ...second])
  expect(keysOf(take())).toEqual(keysOf(second))
})

test('the end of an epoch gives back what no header brought through, told of or not', () => {
  const { own, seal, take } = create()
  for (const byte of [1, 2, 3]) seal(byte)
  const [ordered] = keysOf(take())
  own.commit(ordered!, 7)
  own.submit([new Uint8Array(8).fill(4)])
  const { told, waiting } = own.release(7, nothing)
  expect(told.length).toBe(2)
  expect(waiting.map(([byte]) => byte)).toEqual([4])
  expect(own.release(7, nothing)).toEqual({ told: [], waiting: [] })
})

test('a batch that was told of and is not in the store is a bug, not a loss in silence', () => {
  const { own, seal } = create(({ kind }) => kind !== 'batch')
  seal(1)
  expect(() => own.release(7, nothing)).toThrow('is stored')
})

test('who is connected anew gets what it has not acknowledged, and nothing that a quorum holds', () => {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore })
  const store = new MemoryRecords()
  const context = new CoreContext({ crypto: cluster.committee.cryptos[0]!, store, random: () => 0 }, cluster.setupOf(0))
  const own = new OwnBatches(context, new BatchIndex(store))
  const stepAt = (nowMs: number, run: () => void): CoreEffect[] => {
    const effects: CoreEffect[] = []
    context.enter({ nowMs, unixMs: 0 }, effects)
    run()
    for (const effect of effects) if (effect.type === 'persist') store.write(effect.records)
    return effects
  }
  const receivers = (effects: readonly CoreEffect[]): unknown[] => effects.flatMap((each) => (each.type === 'send' ? [each.to] : []))
  stepAt(0, () => own.submit([new Uint8Array(8)]))
  expect(receivers(stepAt(1_000, () => own.advance()))).toEqual(['others'])
  const [{ key } = { key: '' }] = [...store.entries('batch')]
  const digest = Uint8Array.from(Buffer.from(key, 'hex'))
  stepAt(1_010, () => own.acknowledge(1, digest))
  expect(receivers(stepAt(1_020, () => own.repeatTo(1)))).toEqual([])
  expect(receivers(stepAt(1_020, () => own.repeatTo(2)))).toEqual([2])
  for (let i = 0; i < 100; i++) expect(receivers(stepAt(1_021 + i, () => own.repeatTo(2)))).toEqual([]) // one that comes and goes
  expect(receivers(stepAt(6_020, () => own.repeatTo(2)))).toEqual([2])
  stepAt(6_030, () => own.acknowledge(2, digest))
  expect(receivers(stepAt(6_040, () => own.repeatTo(3)))).toEqual([]) // it asks for it where it needs it
})

test('a batch is said again after three times what a quorum usually takes to hold one', () => {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore })
  const store = new MemoryRecords()
  const context = new CoreContext({ crypto: cluster.committee.cryptos[0]!, store, random: () => 0 }, cluster.setupOf(0))
  const own = new OwnBatches(context, new BatchIndex(store))
  const effects: CoreEffect[] = []
  let nowMs = 0
  const waitOf = (): number => {
    context.enter({ nowMs: (nowMs += 1_000), unixMs: 0 }, effects)
    own.submit([Uint8Array.of(nowMs >> 8)])
    context.enter({ nowMs: (nowMs += 100), unixMs: 0 }, effects)
    own.advance()
    for (const effect of effects.splice(0)) if (effect.type === 'persist') store.write(effect.records)
    return own.nextAtMs - nowMs
  }
  const holdAfter = (ms: number): void => {
    context.enter({ nowMs: (nowMs += ms), unixMs: 0 }, effects)
    for (const { key } of store.entries('batch')) {
      for (const other of [1, 2]) own.acknowledge(other, Uint8Array.from(Buffer.from(key, 'hex')))
      own.commit(key, 1)
    }
  }
  expect(waitOf()).toBe(200) // the least
  for (let i = 0; i < 40; i++) {
    holdAfter(400)
    waitOf()
  }
  holdAfter(400)
  expect(waitOf()).toBeGreaterThan(1_100)
  holdAfter(0)
  for (let i = 0; i < 40; i++) {
    waitOf()
    holdAfter(1)
  }
  expect(waitOf()).toBe(200)
})
