// Goal: an archived block is shown to be the one that was certified; a snapshot or epoch file from a stranger costs no more than it sends.
import { expect, test } from 'vitest'
import {
  type ArchivedBlock,
  blockDigest,
  concatBytes,
  createSnapshotReader,
  encodeArchivedBlock,
  encodeEpochFileHeader,
  encodeSnapshotEntry,
  encodeSnapshotHeader,
  isArchivedBlockWhole,
  isBlockReceipt,
  leafHash,
  readEpochFile,
  SNAPSHOT_HEADER_BYTES,
  treeRoot,
} from '../src/index.ts'
import { certificateOf, CHAIN_ID, checkpointOf, membersOf, TIME_MS } from './network.ts'

const MEMBERS = membersOf([1])
const PREVIOUS = new Uint8Array(32).fill(1)
const malformed: unknown = expect.objectContaining({ code: 'LEDGER_MALFORMED' })

function archivedOf(transactions: readonly Uint8Array[], receipts: readonly Uint8Array[]): ArchivedBlock {
  const subDagDigest = new Uint8Array(32).fill(2)
  const txRoot = treeRoot(transactions.map(leafHash))
  const digest = blockDigest({ chainId: CHAIN_ID, height: 1, previousDigest: PREVIOUS, subDagDigest, timestampMs: TIME_MS, txRoot })
  const checkpoint = checkpointOf(MEMBERS, { txRoot, receiptsRoot: treeRoot(receipts.map(leafHash)), blockDigest: digest })
  return { certificate: certificateOf(MEMBERS, checkpoint, [0]), subDagDigest, transactions, receipts }
}

const BLOCK = archivedOf([Uint8Array.of(1), Uint8Array.of(2)], [Uint8Array.of(3), Uint8Array.of(4), Uint8Array.of(5)])

test('a block is whole with its own transactions, receipts, sub-DAG and predecessor only', () => {
  expect(isArchivedBlockWhole(BLOCK, PREVIOUS)).toBe(true)
  expect(isArchivedBlockWhole(archivedOf([], [Uint8Array.of(9)]), PREVIOUS)).toBe(true)
  expect(isArchivedBlockWhole(BLOCK, new Uint8Array(32))).toBe(false)
  const [first, second] = BLOCK.transactions
  for (const change of [
    { transactions: [second!, first!] },
    { transactions: [first!] },
    { receipts: BLOCK.receipts.slice(1) },
    { subDagDigest: PREVIOUS },
  ]) {
    expect(isArchivedBlockWhole({ ...BLOCK, ...change }, PREVIOUS)).toBe(false)
  }
})

test('an epoch file is read block by block, and refused where it is cut', () => {
  const header = { chainId: CHAIN_ID, epoch: 3, count: 2 }
  const file = concatBytes(encodeEpochFileHeader(header), encodeArchivedBlock(BLOCK), encodeArchivedBlock(BLOCK))
  const read = readEpochFile(file)
  expect(read.header).toEqual(header)
  expect([...read.blocks]).toEqual([BLOCK, BLOCK])
  const cut = readEpochFile(file.slice(0, -1)).blocks[Symbol.iterator]()
  expect(cut.next().value).toEqual(BLOCK)
  expect(() => cut.next()).toThrow(malformed)
  expect(() => [...readEpochFile(concatBytes(file, Uint8Array.of(0))).blocks]).toThrow(malformed)
  expect(() => readEpochFile(concatBytes(Uint8Array.of(0), file))).toThrow(malformed)
  expect(() => readEpochFile(encodeEpochFileHeader({ ...header, count: 2 ** 32 - 1 }))).toThrow(malformed)
  expect(() => encodeArchivedBlock({ ...BLOCK, receipts: [] })).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
})

const HEADER = { chainId: CHAIN_ID, height: 9, stateRoot: PREVIOUS }
const ENTRY = { table: 1, key: Uint8Array.of(1, 2), value: Uint8Array.of(3) }

test('a snapshot gives its entries as soon as they are whole', () => {
  const reader = createSnapshotReader()
  const stream = concatBytes(encodeSnapshotHeader(HEADER), encodeSnapshotEntry(ENTRY))
  expect(reader.push(stream.subarray(0, SNAPSHOT_HEADER_BYTES - 1))).toEqual([])
  expect(reader.header).toBeUndefined()
  expect(reader.push(stream.subarray(SNAPSHOT_HEADER_BYTES - 1, -1))).toEqual([])
  expect(reader.header).toEqual(HEADER)
  expect(() => reader.end()).toThrow(malformed)
  expect(reader.push(stream.subarray(-1))).toEqual([ENTRY])
  expect(() => reader.end()).not.toThrow()
})

test('a snapshot that repeats, turns back, or names another domain is refused', () => {
  const header = encodeSnapshotHeader(HEADER)
  const entry = encodeSnapshotEntry(ENTRY)
  const lower = encodeSnapshotEntry({ ...ENTRY, key: Uint8Array.of(1) })
  expect(() => createSnapshotReader().push(concatBytes(header, entry, entry))).toThrow(malformed)
  expect(() => createSnapshotReader().push(concatBytes(header, entry, lower))).toThrow(malformed)
  expect(createSnapshotReader().push(concatBytes(header, lower, entry))).toHaveLength(2)
  expect(() => createSnapshotReader().push(Uint8Array.of(0))).toThrow(malformed) // at its first byte
})

test('a snapshot’s absurd length is refused before anything is held for it', () => {
  const reader = createSnapshotReader()
  reader.push(encodeSnapshotHeader(HEADER))
  expect(() => reader.push(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff))).toThrow(malformed)
  const second = createSnapshotReader()
  second.push(encodeSnapshotHeader(HEADER))
  expect(() => second.push(Uint8Array.of(1, 0, 0, 0, 0, 1, 0, 16, 0))).toThrow(malformed) // 2^20 + 1
  expect(() => encodeSnapshotEntry({ ...ENTRY, key: new Uint8Array(1_025) })).toThrow(
    expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }),
  )
})

test('the receipt of the block itself has no id', () => {
  const fields = { index: 0, code: 0, gasUsed: 0, fee: 0n, firstEvent: 0, events: [] } as const
  expect([isBlockReceipt({ ...fields, id: new Uint8Array(32) }), isBlockReceipt({ ...fields, id: PREVIOUS })]).toEqual([true, false])
})
