/**
 * The smallest state machine that shows everything: accounts, transfers, and epochs that end when two thirds of the stake say so.
 *
 * A block is applied by appending it to the journal; after a restart the journal is executed again, from genesis. Executing is a pure
 * function of the blocks, so that all validators' states are equal when their journals are.
 *
 * Invariant: a block is in the journal whole before `execute` returns, and no item after the one that closed its epoch.
 */
import {
  type ClosedBy,
  createCommittee,
  decodeSystemTransaction,
  type EpochPlan,
  type Executed,
  type Executor,
  type OrderedBlock,
} from '@selvedge/consensus'
import { createHash } from 'node:crypto'
import { Accounts } from './accounts.ts'
import { type JournalBlock, type JournalItem, openJournal } from './journal.ts'
import { decodeTransfer } from './transfer.ts'

/** What is planned for an epoch before it begins; the rest of its plan comes from the block that closes the one before. */
export type PlannedEpoch = Pick<EpochPlan, 'committee' | 'mode' | 'parameters'>

export interface SmallExecutorOptions {
  /** The journal's file. */
  readonly path: string
  readonly chainId: number
  readonly genesis: EpochPlan
  /** From epoch 1 on; the last one is repeated. */
  readonly planned: readonly PlannedEpoch[]
  /** Block time that an epoch lasts at least: a word that wants its end earlier is refused, and does not count later. @default 0 */
  readonly epochMs?: number
  /** Told of each block when it is durable. */
  readonly onApplied?: (block: JournalBlock, isFinal: boolean, height: number) => void
}

export interface SmallExecutor extends Executor {
  /** Of the next block. */
  readonly plan: EpochPlan
  readonly height: number
  /** Of the last block; nothing before the first. */
  readonly checkpoint: Uint8Array | undefined
  close(): void
}

export function createSmallExecutor({ path, chainId, genesis, planned, epochMs = 0, onApplied }: SmallExecutorOptions): SmallExecutor {
  const accounts = new Accounts()
  let plan = genesis
  let index = 0
  let height = 0
  let ready = new Set<number>()
  let checkpoint: Uint8Array | undefined
  let closedBy: ClosedBy | undefined

  /** Executes in order until the epoch closes. @returns how many items that were. */
  function run({ items, timestampMs }: JournalBlock): { readonly count: number; readonly isFinal: boolean } {
    const { quorum, stakeOf } = createCommittee(plan.committee)
    for (const [i, { author, isSystem, bytes }] of items.entries()) {
      if (!isSystem) {
        const transfer = decodeTransfer(bytes)
        if (transfer !== undefined) accounts.apply(transfer)
      } else if (isReadyToClose(bytes, plan.epoch) && timestampMs >= plan.previous.timestampMs + epochMs) {
        ready.add(author)
        if (stakeOf(ready) >= quorum) return { count: i + 1, isFinal: true }
      }
    }
    return { count: items.length, isFinal: false }
  }

  function apply(block: JournalBlock): { readonly applied: JournalBlock; readonly executed: Executed } {
    const { count, isFinal } = run(block)
    index = block.index
    height += 1
    checkpoint = checkpointOf(chainId, block, height, accounts)
    const signed = { height, bytes: checkpoint }
    const applied = { ...block, items: block.items.slice(0, count) }
    if (!isFinal) return { applied, executed: { checkpoint: signed } }
    const { author, bytes } = applied.items[count - 1] as JournalItem
    closedBy = { author, bytes: new Uint8Array(bytes) }
    plan = planAfter(block)
    index = 0
    ready = new Set()
    return { applied, executed: { checkpoint: signed, final: plan, closedBy } }
  }

  function planAfter({ epoch, digest, timestampMs }: JournalBlock): EpochPlan {
    const next = planned[Math.min(epoch, planned.length - 1)]
    if (next === undefined) throw new Error('an executor needs at least one planned epoch')
    // Nobody here gains by choosing the order of leaders, so the digest of the final sub-DAG is as good as a real beacon.
    const beacon = createHash('sha256').update('devnet beacon').update(plan.beacon).update(digest).digest()
    return { ...next, epoch: epoch + 1, beacon, previous: { subDagDigest: new Uint8Array(digest), timestampMs } }
  }

  const journal = openJournal(path, (block) => void apply(block))
  return {
    get plan() {
      return plan
    },
    get height() {
      return height
    },
    get checkpoint() {
      return checkpoint
    },
    lastApplied: () => ({ index, plan, closedBy }),
    execute(block) {
      const { applied, executed } = apply(journalBlockOf(block))
      journal.append(applied)
      onApplied?.(applied, executed.final !== undefined, height)
      return executed
    },
    close: () => journal.close(),
  }
}

function isReadyToClose(bytes: Uint8Array, epoch: number): boolean {
  try {
    const transaction = decodeSystemTransaction(bytes)
    return transaction.kind === 'readyToClose' && transaction.epoch === epoch
  } catch {
    return false // order passes on whatever a member sends; what means nothing changes nothing
  }
}

function journalBlockOf({ epoch, index, digest, timestampMs, items }: OrderedBlock): JournalBlock {
  const flat = items.flatMap((item): JournalItem[] => {
    if (item.type === 'system') return [{ author: item.author, isSystem: true, bytes: item.bytes }]
    return item.transactions.map((bytes) => ({ author: item.author, isSystem: false, bytes }))
  })
  return { epoch, index, digest, timestampMs, items: flat }
}

/** What the members sign together: chainId u32 · epoch u64 · height u64 (as every checkpoint begins) · block's digest · accounts' digest. */
function checkpointOf(chainId: number, { epoch, digest }: JournalBlock, height: number, accounts: Accounts): Uint8Array {
  const head = Buffer.alloc(20)
  head.writeUInt32LE(chainId, 0)
  head.writeBigUInt64LE(BigInt(epoch), 4)
  head.writeBigUInt64LE(BigInt(height), 12)
  return Buffer.concat([head, digest, accounts.digest()])
}
