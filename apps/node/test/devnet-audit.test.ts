import { encodeSignedHeader, encodeVote, type Header, type StoredRecord } from '@selvedge/consensus'
import { createFileStore } from '@selvedge/consensus/store'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { areLogsEqual, auditSignatures, readDelivered } from '../src/devnet/audit.ts'
import { openJournal } from '../src/devnet/journal.ts'
import { encodeTransfer } from '../src/devnet/transfer.ts'
import { scratchFolder } from './harness.ts'

const header = (round: number, createdAtMs: number): Header => {
  return { epoch: 0, round, author: 1, createdAtMs, payload: [], parents: [], systemTransactions: [] }
}
const signature = new Uint8Array(64)
const COMMITTEES = [[10, 11, 12, 13]]

async function logWith(...records: StoredRecord[]): Promise<string> {
  const path = join(await scratchFolder(), 'wal')
  const store = createFileStore({ path })
  await store.start()
  for (const record of records) {
    store.epoch(0).append([record])
    await store.sync()
  }
  await store.stop()
  return path
}

const proposed = (round: number, createdAtMs: number) => {
  return {
    kind: 'proposed',
    key: String(round),
    round,
    author: 1,
    bytes: encodeSignedHeader({ header: header(round, createdAtMs), signature }),
  } as const
}
const voted = (round: number, fill: number) => {
  const vote = { epoch: 0, round, author: 2, headerDigest: new Uint8Array(32).fill(fill), voter: 1, signature }
  return { kind: 'voted', key: '2', bytes: encodeVote(vote) } as const
}

test('two headers for one slot are found, though the later record replaced the first', async () => {
  const path = await logWith(proposed(1, 5), proposed(2, 6), proposed(2, 7))
  const { doubleSigned } = auditSignatures(new Map([[11, path]]), COMMITTEES)
  expect(doubleSigned).toEqual(['header of 1 in round 2 of epoch 0'])
})

test('two votes for one slot are found, in one log or in two', async () => {
  const one = await logWith(voted(3, 1), voted(3, 2))
  expect(auditSignatures(new Map([[11, one]]), COMMITTEES).doubleSigned).toEqual(['vote of 1 on 2 in round 3 of epoch 0'])
  const logs = new Map([
    [11, await logWith(voted(3, 1))],
    [12, await logWith(voted(3, 2))],
  ])
  expect(auditSignatures(logs, COMMITTEES).doubleSigned).toHaveLength(1)
})

test('saying the same again, or something of another slot, is no double signing', async () => {
  const path = await logWith(proposed(1, 5), proposed(1, 5), proposed(2, 5), voted(1, 1), voted(2, 2), voted(2, 2))
  const { doubleSigned, statements, modes, authorsIn } = auditSignatures(new Map([[11, path]]), COMMITTEES)
  expect({ doubleSigned, statements, modes, authors: [...authorsIn(0)] }).toEqual({
    doubleSigned: [],
    statements: 4,
    modes: [],
    authors: [11],
  })
})

async function journalOf(...amounts: number[]): Promise<string> {
  const path = join(await scratchFolder(), 'journal')
  const journal = openJournal(path, () => {})
  for (const [i, amount] of amounts.entries()) {
    const bytes = encodeTransfer({ id: new Uint8Array(16).fill(i), from: 1, to: 2, amount, number: i + 1 })
    journal.append({ epoch: 0, index: i + 1, digest: new Uint8Array(32), timestampMs: 1, items: [{ author: 0, isSystem: false, bytes }] })
  }
  journal.close()
  return path
}

test('delivered logs are equal where one begins as the other does, to the byte of a transaction', async () => {
  const long = readDelivered(await journalOf(1, 2, 3))
  const short = readDelivered(await journalOf(1, 2))
  const other = readDelivered(await journalOf(1, 9, 3))
  expect(long.ids.size).toBe(3)
  expect(areLogsEqual([long, short])).toBe(true)
  expect(areLogsEqual([long, other])).toBe(false)
  expect(areLogsEqual([short, other])).toBe(false)
})

test('a log that says nothing is equal to nothing', async () => {
  const empty = join(await scratchFolder(), 'journal')
  await writeFile(empty, '')
  expect(areLogsEqual([readDelivered(await journalOf(1)), readDelivered(empty)])).toBe(false)
})
