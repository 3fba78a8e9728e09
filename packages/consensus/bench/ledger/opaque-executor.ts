/**
 * An executor that looks at nothing: it notes how far it is, and tells the generator of its own transactions. The note is written without
 * a sync: it outlives the process, which is what the bench kills.
 */
import type { EpochPlan, Executor } from '@selvedge/consensus'
import { existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { type CommitRecord, numberOf, RECORD, SAMPLE_EVERY } from './transactions.ts'

export interface OpaqueExecutor extends Executor {
  readonly round: number
  readonly index: number
  /** Told of what was committed of this validator's own. */
  onCommitted: (records: readonly CommitRecord[]) => void
}

export function createOpaqueExecutor(path: string, self: number, plan: EpochPlan): OpaqueExecutor {
  if (!existsSync(path)) writeFileSync(path, '')
  const note = readFileSync(path)
  const file = openSync(path, 'r+')
  let index = note.length === 16 ? Number(note.readBigUInt64LE(0)) : 0
  let round = note.length === 16 ? Number(note.readBigUInt64LE(8)) : 0
  const buffer = Buffer.alloc(16)
  const executor: OpaqueExecutor = {
    get round() {
      return round
    },
    get index() {
      return index
    },
    onCommitted: () => {},
    lastApplied: () => ({ index, plan }),
    execute({ index: next, subDag, items }) {
      const atNs = process.hrtime.bigint()
      const records: CommitRecord[] = []
      let own = 0
      for (const item of items) {
        if (item.type !== 'transactions' || item.author !== self) continue
        own += item.transactions.length
        for (const transaction of item.transactions) {
          const value = numberOf(transaction)
          if (value % SAMPLE_EVERY === 0) records.push({ kind: RECORD.sample, value, atNs })
        }
      }
      if (own > 0) records.push({ kind: RECORD.committed, value: own, atNs })
      if (records.length > 0) executor.onCommitted(records)
      index = next
      round = subDag.leader.round
      buffer.writeBigUInt64LE(BigInt(index), 0)
      buffer.writeBigUInt64LE(BigInt(round), 8)
      writeSync(file, buffer, 0, 16, 0)
      return {}
    },
  }
  return executor
}
