/** The small parts that cores are made of, each by itself. */
import { describe, expect, test } from 'vitest'
import { BatchIndex } from '../src/core/batch-index.ts'
import { CoreContext } from '../src/core/context.ts'
import type { ClosedBy, CoreEffect, OrderedItem, StoreView } from '../src/core/contract.ts'
import { EffectQueue } from '../src/core/effect-queue.ts'
import { Fetcher, RoundTrip, type Want } from '../src/core/fetching.ts'
import { OrderedOnce } from '../src/core/ordered-once.ts'
import { OwnHeaders } from '../src/core/own-headers.ts'
import { Parking } from '../src/core/parking.ts'
import { TokenBucket } from '../src/core/token-bucket.ts'
import { answersOf } from '../src/core/answers.ts'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { batchDigest, encodeBatch } from '../src/wire/batch.ts'
import { toHex } from '../src/wire/bytes.ts'
import { encodeEvidence } from '../src/wire/evidence.ts'
import { decodeFrame, encodeFrame } from '../src/wire/frames.ts'
import { encodeSystemTransaction } from '../src/wire/system-transaction.ts'
import { Cluster } from './support/cluster.ts'
import { MemoryRecords } from './support/memory-records.ts'

const record = (key: string): CoreEffect => ({ type: 'persist', records: [{ kind: 'voted', key, bytes: new Uint8Array(0) }] })
const timer = (atMs: number): CoreEffect => ({ type: 'timer', atMs })

describe('the effect queue', () => {
  test('hands out at once what no persist stands before, and the rest when all of it is durable', () => {
    const queue = new EffectQueue()
    queue.push([timer(1), record('a'), timer(2)])
    queue.push([record('b'), timer(3)])
    expect(queue.takeReady()).toEqual([timer(1)])
    expect(queue.takeRecords()?.map(({ key }) => key)).toEqual(['a', 'b'])
    queue.push([timer(4)])
    expect([queue.takeReady(), queue.takeRecords(), queue.isSyncing]).toEqual([[], undefined, true])
    expect(queue.durable()).toEqual([timer(2), timer(3)])
    expect(queue.takeReady()).toEqual([timer(4)])
    expect(queue.size).toBe(0)
  })
})

describe('parking', () => {
  const parked = (id: string, group = 0, round = 5): { id: string; group: number; round: number; item: string } => ({
    id,
    group,
    round,
    item: id,
  })

  test('lets an item go with its last arrival', () => {
    const parking = new Parking<string>(4)
    parking.park(parked('x'), ['a', 'b'])
    parking.park(parked('y'), ['b'])
    expect(parking.arrived('b').map(({ id }) => id)).toEqual(['y'])
    expect([parking.isAwaited('a'), parking.isAwaited('b'), parking.size]).toEqual([true, false, 1])
    expect(parking.arrived('a').map(({ id }) => id)).toEqual(['x'])
    expect(parking.size).toBe(0)
  })

  test('is bounded for each group, and a full one takes nothing from another', () => {
    const parking = new Parking<string>(2)
    expect(['a', 'b', 'c'].map((id) => parking.park(parked(id, 1), ['k']))).toEqual([true, true, false])
    expect(parking.park(parked('d', 2), ['k'])).toBe(true)
    parking.drop('a')
    expect(parking.park(parked('c', 1), ['k'])).toBe(true)
  })

  test('gives up rounds in their order, and awaits nothing for them any more', () => {
    const parking = new Parking<string>(9)
    parking.park(parked('late', 0, 7), ['k'])
    parking.park(parked('early', 0, 3), ['l'])
    parking.park(parked('next', 0, 9), ['m'])
    expect(parking.takeUpTo(7).map(({ id }) => id)).toEqual(['early', 'late'])
    expect([parking.isAwaited('k'), parking.isAwaited('l'), parking.isAwaited('m')]).toEqual([false, false, true])
  })
})

test('a token bucket gives its burst, then its rate, and takes nothing when it refuses', () => {
  const bucket = new TokenBucket(10, 3)
  expect([bucket.take(1_000, 2), bucket.take(1_000, 2), bucket.take(1_000)]).toEqual([true, false, true])
  expect([bucket.take(1_050), bucket.take(1_100), bucket.take(1_100)]).toEqual([false, true, false])
  expect(bucket.take(60_000, 4)).toBe(false) // never above the burst
  expect(bucket.take(60_000, 3)).toBe(true)
})

describe('fetching', () => {
  const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
  const want = (byte: number, changes: Partial<Want> = {}): Want => ({
    key: `${byte}`,
    digest: digest(byte),
    round: 9,
    author: 1,
    first: 1,
    bytes: 0,
    group: 0,
    ...changes,
  })

  function createFetcher(authorBytesMax = Number.POSITIVE_INFINITY): {
    fetcher: Fetcher
    at: (nowMs: number) => (readonly [number, number])[]
  } {
    const cluster = new Cluster({ size: 7, mode: 'certified', seed: 1, createCore: createCertifiedCore })
    const random = cluster.random
    const context = new CoreContext(
      { crypto: cluster.committee.cryptos[0]!, store: new MemoryRecords(), random: () => random.u32() },
      cluster.setupOf(0),
    )
    const requestOf = (worker: number, digests: readonly Uint8Array[]) => ({ type: 'batchRequest', epoch: 3, worker, digests }) as const
    const fetcher = new Fetcher(context, new RoundTrip(), { requestOf, requestCountMax: 2, authorBytesMax })
    const at = (nowMs: number): (readonly [number, number])[] => {
      const effects: CoreEffect[] = []
      context.enter({ nowMs, unixMs: 0 }, effects)
      fetcher.advance()
      return effects.flatMap((effect) => {
        if (effect.type !== 'send' || effect.to === 'others') return []
        const frame = decodeFrame(effect.frame, 7)
        return [[effect.to, frame.type === 'batchRequest' ? frame.digests.length : 0] as const]
      })
    }
    at(0)
    return { fetcher, at }
  }

  test('asks the first, after 200 ms three others, then ever more slowly up to 5 s', () => {
    const { fetcher, at } = createFetcher()
    fetcher.want(want(1))
    expect(at(0)).toEqual([[1, 1]])
    const times: number[] = []
    for (let nowMs = 1; nowMs < 25_000; nowMs++) {
      const sent = at(nowMs)
      if (sent.length === 0) continue
      times.push(nowMs)
      expect(new Set(sent.map(([to]) => to)).size).toBe(3)
      expect(sent.map(([to]) => to)).not.toContain(0)
    }
    expect(times).toEqual([200, 600, 1_400, 3_000, 6_200, 11_200, 16_200, 21_200])
  })

  test('packs digests for one peer, and not more than a request may hold', () => {
    const { fetcher, at } = createFetcher()
    for (const byte of [1, 2, 3]) fetcher.want(want(byte))
    fetcher.want(want(4, { group: 1 }))
    expect(at(0)).toEqual([
      [1, 2],
      [1, 1],
      [1, 1],
    ])
    expect(fetcher.expects(1)).toBe(true)
    expect(fetcher.expects(2)).toBe(false)
  })

  test('one author has so many bytes on the way, whatever the others want', () => {
    const { fetcher, at } = createFetcher(100)
    for (const byte of [1, 2, 3]) fetcher.want(want(byte, { bytes: 60 }))
    fetcher.want(want(4, { bytes: 60, author: 2, first: 2 }))
    expect(at(0)).toEqual([
      [1, 1],
      [2, 1],
    ])
    fetcher.arrived('1')
    expect(at(5)).toEqual([[1, 1]])
  })

  test('gives up with the round', () => {
    const { fetcher, at } = createFetcher()
    fetcher.want(want(1, { round: 4 }))
    fetcher.want(want(2, { round: 5 }))
    fetcher.dropUpTo(4)
    expect([fetcher.has('1'), fetcher.has('2')]).toEqual([false, true])
    expect(at(0)).toEqual([[1, 1]])
  })
})

describe('what is executed once', () => {
  const readyBytes = encodeSystemTransaction({ kind: 'readyToClose', epoch: 3 })
  const ready = (author: number): OrderedItem => ({ type: 'system', author, bytes: readyBytes })
  const batch = (byte: number): OrderedItem => ({ type: 'batch', author: 0, digest: new Uint8Array(32).fill(byte) })
  const keyOf = (byte: number): string => toHex(new Uint8Array(32).fill(byte))

  function createOnce(): { once: OrderedOnce; index: BatchIndex } {
    const index = new BatchIndex(new MemoryRecords())
    for (const byte of [1, 2, 3]) index.add(keyOf(byte), { author: 0, worker: 0, bytes: 1_000 })
    return { once: new OrderedOnce(index), index }
  }

  test('a batch in the first sub-DAG that names it; its bytes are given back when that is executed', () => {
    const { once, index } = createOnce()
    expect(once.take(1, [batch(1), batch(2), batch(1)])).toEqual([batch(1), batch(2)])
    expect(once.take(2, [batch(2), batch(3)])).toEqual([batch(3)])
    expect(index.unexecutedBytesOf(0)).toBe(3 * 2_024)
    once.executedUpTo(1)
    expect(index.unexecutedBytesOf(0)).toBe(2_024)
    expect([index.isExecuted(keyOf(1)), index.isExecuted(keyOf(3))]).toEqual([true, false])
  })

  test('a batch that was executed is still here, under the name that its bytes have, and is not ordered or charged again', () => {
    const records = new MemoryRecords()
    const bytes = encodeBatch({ epoch: 3, author: 2, worker: 0, seq: 1, createdAtMs: 0, transactions: [new Uint8Array(100)] })
    const digest = batchDigest(1337, bytes)
    const key = toHex(digest)
    records.write([{ kind: 'batch', key, bytes }])
    const index = new BatchIndex(records)
    expect(index.order(key)).toBe(true)
    index.execute(key)
    const entry = { digest, worker: 0, bytes: bytes.length }
    const named = [{ author: 2 }, { author: 1 }].map((header) => index.availabilityOf(key, entry, header))
    expect([named, index.has(key), index.order(key)]).toEqual([['available', 'mismatched'], true, false])
    index.add(key, { author: 2, worker: 0, bytes: bytes.length })
    expect([index.unexecutedBytesOf(2), index.isExecuted(key)]).toEqual([0, true])
  })

  test('a system transaction of a kind once for each sender; what does not decode is passed on once too', () => {
    const { once } = createOnce()
    const odd = { type: 'system', author: 1, bytes: new Uint8Array([77, 1]) } as const
    expect(once.take(1, [ready(0), ready(1), odd])).toEqual([ready(0), ready(1), odd])
    expect(once.take(2, [ready(0), ready(2), odd])).toEqual([ready(2)])
  })

  test('evidence once for each sender and accused, however it is put', () => {
    const { once } = createOnce()
    const accusing = (author: number, signer: number, byte: number): OrderedItem => {
      const pair = [1, 2].map((each) => ({ hash: new Uint8Array(32).fill(each), signature: new Uint8Array(64).fill(byte) })) as never
      const evidence = encodeEvidence({ kind: 'header', epoch: 3, round: 1, author: signer, signer, pair })
      return { type: 'system', author, bytes: encodeSystemTransaction({ kind: 'evidence', evidence }) }
    }
    const items = [accusing(0, 2, 1), accusing(0, 2, 2), accusing(0, 3, 1), accusing(1, 2, 1)]
    expect(once.take(1, items)).toEqual([items[0], items[2], items[3]])
    expect(once.take(2, [accusing(0, 3, 9)])).toEqual([])
  })

  test('the batches behind what the executor says closed the epoch are not executed, whatever words were ordered before', () => {
    const { once } = createOnce()
    once.take(1, [ready(0), ready(3), batch(1)])
    once.take(2, [ready(1), batch(2), ready(2), batch(3)])
    const lateOf = (index: number, closedBy: ClosedBy | undefined): boolean[] =>
      [1, 2, 3].map((byte) => once.unexecutedOf(index, closedBy)(keyOf(byte)))
    expect(lateOf(2, { author: 2, bytes: readyBytes })).toEqual([false, false, true])
    expect(lateOf(2, { author: 1, bytes: readyBytes })).toEqual([false, true, true])
    expect(lateOf(2, undefined)).toEqual([false, false, false])
    expect(lateOf(2, 'unknown')).toEqual([false, true, true])
    expect(lateOf(2, { author: 0, bytes: readyBytes })).toEqual([false, false, false]) // stands in another sub-DAG
    expect(lateOf(3, 'unknown')).toEqual([false, false, false])
  })
})

test('content of own headers is given back once a committed leader stands four rounds above', () => {
  const headers = new OwnHeaders()
  const content = (byte: number): { payload: never[]; systemTransactions: Uint8Array[] } => ({
    payload: [],
    systemTransactions: [new Uint8Array([byte])],
  })
  for (const round of [3, 4, 6]) headers.add(round, content(round))
  headers.commit(3)
  expect(headers.takeOrphans(7)).toEqual([])
  expect(headers.takeOrphans(8)).toEqual([content(4)])
  expect(headers.takeOrphans(8)).toEqual([])
})

describe('answers', () => {
  const records = new MemoryRecords()
  const digests: Uint8Array[] = []
  for (let seq = 0; seq < 12; seq++) {
    const bytes = encodeBatch({
      epoch: 3,
      author: 0,
      worker: 0,
      seq,
      createdAtMs: 0,
      transactions: Array.from({ length: 10 }, () => new Uint8Array(60_000)),
    })
    const digest = batchDigest(1337, bytes)
    digests.push(digest)
    records.write([{ kind: 'batch', key: toHex(digest), bytes }])
  }

  test('batches come in frames of at most 4 MiB, and what is not here is left out', () => {
    const request = encodeFrame({ type: 'batchRequest', epoch: 3, worker: 0, digests: [...digests, new Uint8Array(32)] }, 4)
    const frames = answersOf(request, records, 4)
    expect(frames.map((frame) => (frame.type === 'batchResponse' ? frame.batches.length : 0))).toEqual([6, 6])
    for (const frame of frames) expect(encodeFrame(frame, 4).length).toBeLessThanOrEqual(4 * 2 ** 20)
  })

  test('a range gives of each author what follows its round, lowest first, and an answer even when that is nothing', () => {
    const store = new MemoryRecords()
    for (const round of [3, 1, 2]) {
      for (const author of [1, 0])
        store.write([{ kind: 'certificate', key: `${round}.${author}`, round, author, bytes: new Uint8Array([round, author]) }])
    }
    const ask = (afterRounds: number[], countMax: number): number[][] => {
      const frames = answersOf(
        encodeFrame({ type: 'certificateRequest', epoch: 3, query: { by: 'round', afterRounds, countMax } }, 2),
        store,
        2,
      )
      expect(frames.length).toBe(1)
      return frames[0]!.type === 'certificates' ? frames[0]!.certificates.map((bytes) => [...bytes]) : []
    }
    expect(ask([1, 2], 10)).toEqual([
      [2, 0],
      [3, 0],
      [3, 1],
    ])
    expect(ask([0, 0], 3)).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
    ])
    expect(ask([3, 3], 3)).toEqual([])
  })

  test('a range reads what it sends, and passes over so many others only', () => {
    let [seenCount, readCount] = [0, 0]
    const store: StoreView = {
      get: () => undefined,
      has: () => false,
      *entries(kind) {
        for (let round = 1; round <= 70_000; round++) {
          seenCount++
          yield {
            kind,
            key: `${round}`,
            round,
            author: 1,
            get bytes() {
              readCount++
              return Uint8Array.of(round)
            },
          }
        }
      },
    }
    const countOf = (afterRounds: number[]): number => {
      const query = { by: 'round', afterRounds, countMax: 20 } as const
      const [frame] = answersOf(encodeFrame({ type: 'blockRequest', epoch: 3, query }, 2), store, 2)
      return frame?.type === 'blocks' ? frame.blocks.length : -1
    }
    expect([countOf([0, 16_000]), readCount]).toEqual([20, 21]) // the last one told that it is enough
    expect([countOf([0, 69_999]), readCount]).toEqual([0, 21])
    expect(seenCount).toBeLessThan(33_000)
  })
})
