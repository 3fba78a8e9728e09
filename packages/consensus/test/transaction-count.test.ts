/** Tiny transactions: how many stand in one batch or block is bounded, and nothing is lost by it. */
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { decodeBatch, decodeBatchInfo, encodeBatch } from '../src/wire/batch.ts'
import { decodeSignedBlock, encodeSignedBlock } from '../src/wire/block.ts'
import { TRANSACTION_COUNT_MAX } from '../src/wire/limits.ts'
import { Cluster } from './support/cluster.ts'
import { executedOf, expectAgreement, watch } from './support/watch.ts'

const tooLarge: unknown = expect.objectContaining({ code: 'CONSENSUS_TOO_LARGE' })
const many = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array())

test('a batch of more empty transactions than may be is refused before any is taken apart', () => {
  const batch = { epoch: 0, author: 0, worker: 0, seq: 0, createdAtMs: 0, transactions: many(TRANSACTION_COUNT_MAX) }
  const good = encodeBatch(batch)
  expect(decodeBatch(good).transactions).toHaveLength(TRANSACTION_COUNT_MAX)
  expect(() => encodeBatch({ ...batch, transactions: many(TRANSACTION_COUNT_MAX + 1) })).toThrow(tooLarge as Error)
  const bad = new Uint8Array(good.length + 4)
  bad.set(good)
  new DataView(bad.buffer).setUint32(28, TRANSACTION_COUNT_MAX + 1, true)
  expect(() => decodeBatch(bad)).toThrow(tooLarge as Error)
  expect(() => decodeBatchInfo(bad)).toThrow(tooLarge as Error)
})

test('and so is a block', () => {
  const block = { epoch: 0, round: 1, author: 0, createdAtMs: 0, ancestors: [], systemTransactions: [] }
  const signature = new Uint8Array(64)
  const good = encodeSignedBlock({ block: { ...block, transactions: many(TRANSACTION_COUNT_MAX) }, signature })
  expect(decodeSignedBlock(good).block.transactions).toHaveLength(TRANSACTION_COUNT_MAX)
  expect(() => encodeSignedBlock({ block: { ...block, transactions: many(TRANSACTION_COUNT_MAX + 1) }, signature })).toThrow(
    tooLarge as Error,
  )
})

test.each([
  ['certified', createCertifiedCore],
  ['uncertified', createUncertifiedCore],
] as const)('own tiny transactions are spread over batches or blocks: %s', (mode, createCore) => {
  const core = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80, batchBytesMax: 2_000_000 }
  const cluster = new Cluster({ size: 4, mode, seed: 1, createCore, core })
  watch(cluster)
  cluster.start().run(50)
  const count = 2 * TRANSACTION_COUNT_MAX + 5
  cluster.submit(
    0,
    Array.from({ length: count }, (_, i) => Uint8Array.of(i & 255, i >> 8, 1)),
  )
  expect(cluster.run(5_000, () => executedOf(cluster, 1).length === count)).toBe(true)
  expectAgreement(cluster)
})
