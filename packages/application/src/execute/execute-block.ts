/**
 * One block: the clock of the epoch, the transactions in their order, the change of the epoch when it closes, the fee of the next block.
 * Total: nothing in a block makes it throw. Whether the block is the next one is the caller's to check.
 */
import { blockDigest, decodeTransaction, type LedgerEvent } from '@selvedge/ledger-types'
import { copyOf } from '../copy-of.ts'
import type { EvidenceRules } from '../evidence/contract.ts'
import { changeEpoch } from '../epoch/change-epoch.ts'
import { momentOf } from '../epoch/contract.ts'
import { CLOCK_STEPS } from '../epoch/steps.ts'
import { pruneDebits } from '../epoch/pruning.ts'
import { releaseLeft } from '../epoch/unbonding.ts'
import { blockRow, epochRow, type BlockRow, type EpochRow } from '../state/meta-tables.ts'
import { committees } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'
import { isReadyToClose } from '../system/ready-to-close.ts'
import { runAccountTransaction } from './account-envelope.ts'
import { nextFeeIn } from './base-fee.ts'
import type { LedgerBlock, Verdict } from './block-contract.ts'
import { BlockRun } from './block-run.ts'
import type { BlockContext } from './handler.ts'
import { runNodeTransaction } from './node-envelope.ts'
import { runSystemTransaction } from './system.ts'

export interface ChainIdentity {
  readonly chainId: number
  readonly genesisHash: Uint8Array
  readonly evidenceRules: EvidenceRules
}

export interface ExecutedBlock {
  readonly run: BlockRun
  readonly blockDigest: Uint8Array
  readonly txRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
  /** What the next block starts from. */
  readonly row: BlockRow
  readonly isFinal: boolean
  readonly retried: number
}

/** What a block of the running epoch knows. */
export function contextOf(state: State, { chainId, genesisHash, evidenceRules }: ChainIdentity, timestampMs: number): BlockContext {
  const last = state.get(blockRow, null) as BlockRow
  const { epoch, startMs, endMs } = state.get(epochRow, null) as EpochRow
  const committee = state.get(committees, epoch) ?? []
  const height = last.height + 1
  const times = { timestampMs, epochStartMs: startMs, epochEndMs: endMs }
  return { chainId, genesisHash, height, epoch, ...times, baseFee: last.baseFee, committee, evidenceRules }
}

/** Changes `state` and nothing else; it is the caller who commits. */
export function executeBlock(state: State, chain: ChainIdentity, block: LedgerBlock): ExecutedBlock {
  const last = state.get(blockRow, null) as BlockRow
  const context = contextOf(state, chain, block.timestampMs)
  const run = new BlockRun(state, context, last.nextEvent)
  const emit = (event: LedgerEvent): void => void run.blockEvents.push(event)
  releaseLeft({ state, block: context, emit })
  pruneDebits(state, context.epoch)
  runClock(state, context, emit)
  const retried = runItems(run, block)
  run.settleFees()
  const { height, timestampMs, baseFee } = context
  const transactionCount = run.transactions.length
  emit({ kind: 'block', height, timestampMs, baseFee, gasUsed: run.gasUsed, transactionCount })
  const isFinal = run.isClosing
  const subDagDigest = copyOf(block.digest) // rows keep it, and it is the caller's
  if (isFinal) changeEpoch(state, context, subDagDigest, emit)
  run.close()
  const txRoot = run.txRoot()
  const digest = blockDigest({ ...chain, height, previousDigest: last.blockDigest, subDagDigest, timestampMs, txRoot })
  const row: BlockRow = {
    height,
    index: isFinal ? 0 : block.index,
    timestampMs,
    subDagDigest,
    blockDigest: digest,
    gasUsed: run.gasUsed,
    ...nextFeeIn(state, last.excess, run.gasUsed, timestampMs - last.timestampMs),
    nextEvent: run.nextEvent,
  }
  state.put(blockRow, null, row)
  return { run, blockDigest: digest, txRoot, receiptsRoot: run.receiptsRoot(), row, isFinal, retried }
}

/** Runs the steps of the epoch's clock whose moment has come, each once. */
function runClock(state: State, block: BlockContext, emit: (event: LedgerEvent) => void): void {
  for (const { bit, percent, run } of CLOCK_STEPS) {
    const row = state.get(epochRow, null) as EpochRow
    if ((row.clock & bit) !== 0 || block.timestampMs < momentOf(block, percent)) continue
    state.put(epochRow, null, { ...row, clock: row.clock | bit })
    run({ state, block, emit })
  }
}

/** @returns how many transactions came after the one that closed the epoch. */
function runItems(run: BlockRun, { items }: LedgerBlock): number {
  let retried = 0
  for (const item of items) {
    if (item.type === 'system') {
      if (run.isClosing) continue
      runSystemTransaction(run, item.author, item.bytes)
      run.isClosing = isReadyToClose(run.state, run.block)
      continue
    }
    if (run.isClosing) {
      retried += item.transactions.length
      continue
    }
    for (const [i, bytes] of item.transactions.entries()) runTransaction(run, item.author, bytes, item.verdicts?.[i])
  }
  return retried
}

function runTransaction(run: BlockRun, author: number, bytes: Uint8Array, verdict: Verdict | undefined): void {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok) run.refuse(author)
  else if (decoded.transaction.form === 'node') runNodeTransaction(run, author, bytes, decoded.transaction, verdict)
  else runAccountTransaction(run, author, bytes, decoded.transaction, verdict)
}
