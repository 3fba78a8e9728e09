/** What executors of a chain (chain.ts) do with a block: transactions up to the one that closes the epoch, and no word before its time. */
import type { ClosedBy } from '../../src/core/contract.ts'
import { decodeBatch } from '../../src/wire/batch.ts'
import { decodeSignedBlock } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { createCommittee } from '../../src/wire/committee.ts'
import { decodeSystemTransaction } from '../../src/wire/system-transaction.ts'
import type { Applied, Item } from './chain-types.ts'
import type { MemoryRecords } from './memory-records.ts'

export interface Ran {
  readonly taken: readonly string[]
  /** Words that came before block time was there. */
  readonly refusedCount: number
  /** Of the epoch's last block. */
  readonly closedBy?: ClosedBy
}

/** @param mayEnd - whether block time is there. Notes in `ready` who may be counted. */
export function runItems({ ready, setup }: Applied, items: readonly Item[], records: MemoryRecords, mayEnd: boolean): Ran {
  const committee = createCommittee(setup.committee)
  const taken: string[] = []
  let refusedCount = 0
  for (const item of items) {
    if (item.type !== 'system') {
      taken.push(...transactionsOf(item, records))
      continue
    }
    const transaction = decodeSystemTransaction(item.bytes)
    if (transaction.kind !== 'readyToClose' || transaction.epoch !== setup.epoch) continue
    if (mayEnd) ready.add(item.author)
    else refusedCount++
    if (committee.stakeOf(ready) >= committee.quorum) return { taken, refusedCount, closedBy: item }
  }
  return { taken, refusedCount }
}

function transactionsOf({ type, digest }: Exclude<Item, { type: 'system' }>, records: MemoryRecords): string[] {
  const bytes = records.get(type, toHex(digest))
  if (bytes === undefined) throw new Error(`a member lacks ${type} ${toHex(digest)}`)
  const list = type === 'block' ? decodeSignedBlock(bytes).block.transactions : decodeBatch(bytes).transactions
  return list.map(toHex)
}
