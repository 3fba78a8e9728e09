import { encodeSystemTransaction, type BlockItem, type EpochPlan, type OrderedBlock } from '@selvedge/consensus'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSmallExecutor, type SmallExecutor } from '../src/devnet/small-executor.ts'
import { encodeTransfer } from '../src/devnet/transfer.ts'
import { scratchFolder } from './harness.ts'

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill)
const committee = [1, 2, 3, 4].map((i) => ({ key: bytes(32, i), blsKey: bytes(48, i), stake: 1, nodeIndex: i - 1 }))
const genesis: EpochPlan = {
  epoch: 0,
  committee,
  mode: 'certified',
  beacon: bytes(32, 9),
  previous: { subDagDigest: bytes(32, 9), timestampMs: 1 },
}
const open = (path: string, epochMs?: number): SmallExecutor => {
  const planned = [{ committee: committee.slice(1), mode: 'uncertified' }] as const
  return createSmallExecutor({ path, chainId: 1337, genesis, planned, ...(epochMs === undefined ? {} : { epochMs }) })
}

const transfer = (from: number, to: number, amount: number, number: number): Uint8Array => {
  return encodeTransfer({ id: bytes(16, number), from, to, amount, number })
}
const own = (author: number, ...transactions: Uint8Array[]): BlockItem => ({ type: 'transactions', author, transactions })
const ready = (author: number, epoch: number): BlockItem => {
  return { type: 'system', author, bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch }) }
}

function block(epoch: number, index: number, ...items: BlockItem[]): OrderedBlock {
  const digest = bytes(32, 100 + index)
  const leader = { round: 2 * index, author: 0, digest }
  const subDag = { index, epoch, leader, vertices: [], timestampMs: index, previousDigest: digest, scheduleVersion: 0 }
  return { epoch, index, subDag, digest, timestampMs: index, items }
}

test('what was applied is there after a restart, with the same state', async () => {
  const path = join(await scratchFolder(), 'journal')
  const executor = open(path)
  await executor.execute(block(0, 1, own(0, transfer(1, 2, 50, 1), bytes(7, 7)), own(1, transfer(2, 3, 10, 1))))
  await executor.execute(block(0, 2))
  const { checkpoint } = executor
  executor.close()
  const again = open(path)
  expect(await again.lastApplied()).toEqual({ index: 2, plan: genesis })
  expect(again.checkpoint).toEqual(checkpoint)
  again.close()
})

test('a record that a kill tore is cut, and the block comes again', async () => {
  const path = join(await scratchFolder(), 'journal')
  const executor = open(path)
  await executor.execute(block(0, 1, own(0, transfer(1, 2, 50, 1))))
  const whole = await readFile(path)
  await executor.execute(block(0, 2, own(0, transfer(1, 2, 50, 2))))
  const after = executor.checkpoint
  executor.close()
  await writeFile(path, (await readFile(path)).subarray(0, -3))
  const again = open(path)
  expect(await again.lastApplied()).toMatchObject({ index: 1 })
  expect((await readFile(path)).length).toBe(whole.length)
  await again.execute(block(0, 2, own(0, transfer(1, 2, 50, 2))))
  expect(again.checkpoint).toEqual(after)
  again.close()
})

test('a byte that changed on disk ends the journal there', async () => {
  const path = join(await scratchFolder(), 'journal')
  const executor = open(path)
  await executor.execute(block(0, 1, own(0, transfer(1, 2, 50, 1))))
  executor.close()
  const written = await readFile(path)
  written[written.length - 1]! ^= 1
  await writeFile(path, written)
  await appendFile(path, written)
  const again = open(path)
  expect(await again.lastApplied()).toMatchObject({ index: 0 })
  again.close()
})

test('the epoch ends with the third of four that is ready; what follows in that block is not executed', async () => {
  const folder = await scratchFolder()
  const executor = open(join(folder, 'journal'))
  const before = open(join(folder, 'other'))
  const first = [ready(0, 0), ready(0, 0), ready(1, 0), ready(2, 7), own(3, transfer(1, 2, 50, 1))]
  expect(await executor.execute(block(0, 1, ...first))).not.toHaveProperty('final')
  const executed = await executor.execute(block(0, 2, ready(3, 0), own(3, transfer(1, 2, 50, 2)), ready(2, 0)))
  expect(executed.final).toMatchObject({ epoch: 1, mode: 'uncertified', committee: committee.slice(1) })
  const { plan } = await executor.lastApplied()
  expect(plan?.previous).toEqual({ subDagDigest: bytes(32, 102), timestampMs: 2 })
  await before.execute(block(0, 1, ...first))
  await before.execute(block(0, 2, ready(3, 0)))
  expect(executor.checkpoint).toEqual(before.checkpoint)
  expect(await executor.lastApplied()).toMatchObject({ index: 0, plan: { epoch: 1 } })
  executor.close()
  before.close()
  const again = open(join(folder, 'journal'))
  expect(await again.lastApplied()).toEqual(await executor.lastApplied())
  again.close()
})

test('a transfer that does not hold changes nothing', async () => {
  const folder = await scratchFolder()
  const [executor, reference] = [open(join(folder, 'a')), open(join(folder, 'b'))]
  const bad = [transfer(1, 2, 2_000_000, 2), transfer(1, 2, 5, 1), transfer(256, 1, 1, 1), transfer(1, 256, 1, 3)]
  await executor.execute(block(0, 1, own(0, transfer(1, 2, 50, 1), ...bad)))
  await reference.execute(block(0, 1, own(0, transfer(1, 2, 50, 1), transfer(1, 2, 2_000_000, 2))))
  expect(executor.checkpoint).toEqual(reference.checkpoint)
  executor.close()
  reference.close()
})

test('a word that wants the end before its time is refused, and what closed the epoch is told, after a restart too', async () => {
  const path = join(await scratchFolder(), 'journal')
  const executor = open(path, 2)
  await executor.execute(block(0, 1, ready(0, 0), ready(1, 0))) // the epoch began at 1
  expect(await executor.execute(block(0, 3, ready(2, 0), ready(3, 0)))).not.toHaveProperty('final')
  const last = await executor.execute(block(0, 4, ready(1, 0), own(0, transfer(1, 2, 50, 1)), ready(0, 0), own(1, transfer(1, 2, 50, 2))))
  const closedBy = { author: 1, bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: 0 }) }
  expect(last).toMatchObject({ final: { epoch: 1 }, closedBy })
  const { checkpoint } = executor
  executor.close()
  const again = open(path, 2)
  expect(await again.lastApplied()).toMatchObject({ index: 0, plan: { epoch: 1 }, closedBy })
  expect(again.checkpoint).toEqual(checkpoint)
  again.close()
})
