/** The state machine as its users see it: blocks in, outcomes out, questions about what is committed. Synchronous from end to end. */
import type { AccountMeans, EpochRules } from '@selvedge/delivery-acknowledgement'
import type { MembershipView } from '@selvedge/interface'
import {
  CODE_WORDS,
  CODES,
  decodeCheckpoint,
  decodeTransaction,
  encodeCheckpoint,
  transactionId,
  type AccountTransaction,
  type Code,
  type Digest,
  type Genesis,
} from '@selvedge/ledger-types'
import { encodeProof } from '@selvedge/state-tree'
import { committeeMemberOf } from './epoch/change-epoch.ts'
import { creditorsIn, meansIn } from './epoch/means.ts'
import { decodeView, encodeView, viewOf } from './epoch/view.ts'
import { copyOf } from './copy-of.ts'
import { ApplicationError } from './errors.ts'
import type { EvidenceRules } from './evidence/contract.ts'
import { checkAccountTransaction } from './execute/account-envelope.ts'
import type { LedgerBlock, Outcome, Verdict } from './execute/block-contract.ts'
import { contextOf, type ExecutedBlock } from './execute/execute-block.ts'
import { checkNodeTransaction } from './execute/node-envelope.ts'
import { simulateCall, type Simulated } from './execute/simulate.ts'
import { archivedBlockAt, certificateAt, epochFilePieces } from './history/epoch-file.ts'
import { epochProofIn, epochProofsIn, epochProofWrite, proofWritesOf, type KeptEpochProof } from './history/epoch-proofs.ts'
import { blockRecord, heightKey } from './history/records.ts'
import type { History } from './history/history.ts'
import { createSnapshot, type LedgerSnapshot } from './history/snapshot.ts'
import { Ledger, SNAPSHOT_DELAY_BLOCKS } from './ledger.ts'
import { rulesOf } from './node-transactions/claims-rules.ts'
import type { PastState } from './past/past-state.ts'
import { encodeField } from './state/fields.ts'
import type { AccountRow } from './state/account-tables.ts'
import { accountOf, balanceOf } from './state/accounts.ts'
import { committees } from './state/node-tables.ts'
import { nodeOf } from './state/nodes.ts'
import { rowBytes } from './state/schema.ts'
import type { State } from './state/state.ts'
import { SPACES, type KeyValueStore, type Write } from './store/contract.ts'

export interface ApplicationComponents {
  readonly store: KeyValueStore
  /** Of the order that drives this ledger. */
  readonly evidenceRules: EvidenceRules
}

export interface ApplicationOptions {
  /** As `parseGenesis` gives it. A store that holds another chain is refused. */
  readonly genesis: Genesis
  /** Keep all blocks and receipts, not those of two epochs. @default false */
  readonly isArchive?: boolean
  /**
   * Keep what it takes to stream the state of a final block, also after blocks that followed and a restart, until its root is given. For
   * nodes that make snapshots: every one is to be answered by `provideSnapshotRoot`. @default false
   */
  readonly keepsSnapshots?: boolean
  /** Newest version of the rules that may be executed. @default the newest this package has */
  readonly newestVersion?: number
}

/** The newest rules that this package has. */
export const NEWEST_VERSION = 1
/** How far ahead of its account a nonce may be in a pool. */
export const NONCES_AHEAD_MAX = 16n

/** Where the ledger stands. */
export interface Position {
  readonly epoch: number
  /** Blocks of the epoch that were applied. */
  readonly index: number
  readonly height: number
  readonly timestampMs: number
  readonly blockDigest: Digest
  readonly stateRoot: Digest
  /** Height, time and sub-DAG of the final block before this epoch: what the epoch's order begins from. */
  readonly start: { readonly height: number; readonly timestampMs: number; readonly subDagDigest: Digest }
  /** Base fee of the next block, 10^-9 native a gas. */
  readonly baseFee: bigint
  readonly nextEvent: number
}

export type Admission =
  | { readonly code: 0; readonly id: Digest; readonly sender: Uint8Array; readonly nonce: bigint; readonly isNext: boolean }
  | { readonly code: 0; readonly id: Digest; readonly nodeIndex: number; readonly nonce: bigint }
  | { readonly code: Exclude<Code, 0>; readonly words: string }

export interface Application {
  /**
   * Executes the next block and commits all it changes; when it returns, that is on disk. Total in what the block holds.
   * @throws {ApplicationError} `APPLICATION_OUT_OF_ORDER` for a block that is not the next, `APPLICATION_VERSION` when its rules are not known.
   */
  execute(block: LedgerBlock): Outcome
  lastApplied(): Position
  /** Of the running epoch. The same object until the next. Its lists are frozen, and its bytes are no row's: who writes into them changes this object alone. */
  view(): MembershipView
  /** Whether a pool should take a transaction now: codes 1 to 11 with their words. A nonce may be up to 16 ahead. */
  checkAdmission(bytes: Uint8Array, verdict?: Verdict): Admission
  /** What a call would give if it were executed now; nothing changes. */
  simulate(call: Pick<AccountTransaction, 'to' | 'value' | 'data'> & { readonly from: Uint8Array }): Simulated
  account(address: Uint8Array): AccountRow
  /** µ; token 0 is the native one. */
  balance(address: Uint8Array, token: number): bigint
  /**
   * What claims of `epoch` by a node are judged by, as the state stands: of a running epoch what it holds now, which only grows until its end.
   * Good until the next block; undefined: no such node. An epoch beyond the one that was settled last is not known any more.
   */
  epochRules(epoch: number, nodeIndex: number): EpochRules | undefined
  /**
   * What stands behind an account for a node in the running epoch; undefined: it never paid anything in. `creditors` is counted with the last block of
   * each epoch from the first question on: 0 before that, and after a restart until the next one.
   */
  clientMeans(account: Uint8Array, nodeIndex: number): AccountMeans | undefined
  /** Read-only: rows of the committed state, by the package's tables. */
  readonly state: Pick<State, 'get' | 'rows' | 'between'>
  readonly history: History
  /** The bytes of a row; `key` as in state.md. */
  read(table: number, key: Uint8Array): Uint8Array | undefined
  /**
   * The state after a block, with proofs against its root: of every block on an archive, since it is one; on any other node of the last two that
   * ended an epoch, and of the one whose state was taken over; in the first epoch of genesis (height 0), which is made again in memory at the first question: that takes as
   * long as the first start. `undefined` where it is not kept.
   */
  stateAt(height: number): PastState | undefined
  /** It keeps every state, as it was made to (`ApplicationOptions`). */
  readonly isArchive: boolean
  /** Heights whose state is kept: `epochEnds`, ascending, and all from `from` to the newest. */
  statesHeld(): { readonly from: number; readonly epochEnds: readonly number[] }
  /** Proof of a row, or of its absence, against `stateRoot`, as on the wire; `key` as in state.md. */
  prove(table: number, key: Uint8Array): { readonly proof: Uint8Array; readonly value: Uint8Array | undefined; readonly stateRoot: Digest }
  /**
   * The state as it is now, or as it was after the final block at `height`, as a stream. To be closed.
   * @throws {ApplicationError} `APPLICATION_PRUNED` for a height that is not held (`heldSnapshots`).
   */
  openSnapshot(height?: number): LedgerSnapshot
  /** Final blocks whose snapshot has no root yet, ascending: an earlier life of the process may not have come to its end with them. */
  heldSnapshots(): readonly number[]
  /** The BLAKE3 root of the snapshot at final block `height`. @returns checkpoints that waited for it, to be signed now. */
  provideSnapshotRoot(
    height: number,
    root: Digest,
  ): readonly { readonly epoch: number; readonly height: number; readonly bytes: Uint8Array }[]
  /** Keeps the certificate of a block, once it was verified. Those of final blocks outlive the history, and make the proof of their epoch. */
  addCertificate(height: number, bytes: Uint8Array): void
  certificateOf(height: number): Uint8Array | undefined
  /** What leads from the committee of `epoch` to the next (`encodeEpochProof`), once its last block is certified. */
  epochProof(epoch: number): Uint8Array | undefined
  /** All of them, ascending. */
  epochProofs(): Iterable<KeptEpochProof>
  /** Proofs that this node was led by, verified: for those who join through it. */
  addEpochProofs(proofs: Iterable<KeptEpochProof>): void
  /** First block of an epoch, and its last when it is over; `undefined` for an epoch that ended before the state was taken over. */
  epochSpan(epoch: number): { readonly first: number; readonly last: number | undefined } | undefined
  /** An archived block as on the wire (`encodeArchivedBlock`); `undefined` while it has no certificate, and where it is not kept. */
  archivedBlock(height: number): Uint8Array | undefined
  /** A closed epoch as a file, in pieces; `undefined` where blocks or certificates of it are missing (any node but an archive, in time). */
  epochFile(epoch: number): Iterable<Uint8Array> | undefined
}

/**
 * Opens the ledger in `store`, or begins it from genesis.
 * @throws {ApplicationError} `APPLICATION_FOREIGN_STORE`, `APPLICATION_MALFORMED`
 * @throws {LedgerError} `LEDGER_BAD_GENESIS` when an operator's signature in the genesis file is not good.
 */
export function createApplication({ store, evidenceRules }: ApplicationComponents, options: ApplicationOptions): Application {
  const { genesis, isArchive = false, keepsSnapshots = false, newestVersion = NEWEST_VERSION } = options
  const ledger = new Ledger(store, genesis, evidenceRules, { isArchive, keepsSnapshots })
  let view = openView(ledger)
  let creditors: ReadonlyMap<number, number> | undefined
  return {
    execute(block) {
      assertNext(ledger, block, newestVersion)
      let next: MembershipView | undefined
      const { executed, stateRoot, record } = ledger.apply(block, ({ isFinal }) => {
        if (!isFinal) return []
        if (creditors !== undefined) creditors = creditorsIn(ledger.state, view.epoch)
        const made = madeView(ledger, keptView(ledger, view.epoch))
        next = made.view
        return made.writes
      })
      if (next !== undefined) view = next
      return outcomeOf(executed, stateRoot, record.isPending ? undefined : record.checkpoint, next)
    },
    lastApplied: () => positionOf(ledger),
    view: () => view,
    checkAdmission: (bytes, verdict) => admissionOf(ledger, bytes, verdict),
    simulate(call) {
      const { state } = ledger.asked
      try {
        return simulateCall(state, contextOf(state, ledger.chain, ledger.block().timestampMs), call)
      } finally {
        ledger.asked.forget()
      }
    },
    account: (address) => accountOf(ledger.asked.state, address),
    balance: (address, token) => balanceOf(ledger.asked.state, address, token),
    epochRules(epoch, nodeIndex) {
      const { state } = ledger.asked
      const node = nodeOf(state, nodeIndex)
      return node === undefined ? undefined : rulesOf(state, ledger.chain, epoch, nodeIndex, node.nodeKey)
    },
    clientMeans(account, nodeIndex) {
      creditors ??= new Map()
      return meansIn(ledger.asked.state, view.epoch, account, nodeIndex, creditors)
    },
    state: {
      get: (table, key) => ledger.asked.state.get(table, key),
      rows: (...asked) => ledger.asked.state.rows(...asked),
      between: (...asked) => ledger.asked.state.between(...asked),
    },
    history: ledger.history,
    read: (table, key) => rowBytes(store, table, key),
    stateAt: (height) => ledger.stateAt(height),
    isArchive,
    statesHeld: () => ledger.statesHeld(),
    prove: (table, key) => provenRow(ledger, table, key),
    openSnapshot: (height) => snapshotOf(ledger, genesis.chainId, height),
    heldSnapshots: () => ledger.snapshots.held().flatMap((held) => (held.isDone ? [] : [held.height])),
    provideSnapshotRoot: (height, root) => completeCheckpoints(ledger, height, root),
    addCertificate(height, bytes) {
      const proof = proofWritesOf(bytes, (epoch) => (ledger.state.get(committees, epoch) ?? []).map(committeeMemberOf))
      store.commit([{ space: SPACES.certificates, key: encodeField(heightKey, height), value: bytes }, ...proof])
    },
    certificateOf: (height) => certificateAt(store, height),
    epochProof: (epoch) => epochProofIn(store, epoch),
    epochProofs: () => epochProofsIn(store),
    addEpochProofs: (proofs) => store.commit(Array.from(proofs, epochProofWrite)),
    epochSpan: (epoch) => ledger.epochSpan(epoch),
    archivedBlock: (height) => archivedBlockAt(store, ledger.history, height),
    epochFile: (epoch) => epochFilePieces(store, ledger.history, genesis.chainId, epoch),
  }
}

function provenRow(ledger: Ledger, table: number, key: Uint8Array): ReturnType<Application['prove']> {
  const proof = encodeProof(ledger.prove(table, key))
  return { proof, value: rowBytes(ledger.store, table, key), stateRoot: copyOf(ledger.stateRoot) }
}

function assertNext(ledger: Ledger, block: LedgerBlock, newestVersion: number): void {
  const { epoch, version } = ledger.epoch()
  const { index, timestampMs } = ledger.block()
  if (version > newestVersion) {
    throw new ApplicationError(
      'APPLICATION_VERSION',
      `epoch ${epoch} runs under version ${version}, ${newestVersion} is the newest known`,
      { version },
    )
  }
  if (block.epoch !== epoch || block.index !== index + 1) {
    const expected = `block ${index + 1} of epoch ${epoch}`
    throw new ApplicationError('APPLICATION_OUT_OF_ORDER', `${expected} is the next, not ${block.index} of ${block.epoch}`, {
      epoch,
      index,
    })
  }
  if (!Number.isSafeInteger(block.timestampMs) || block.timestampMs < timestampMs || block.digest.length !== 32) {
    throw new ApplicationError(
      'APPLICATION_OUT_OF_ORDER',
      `time never falls and a digest is 32 bytes: ${block.timestampMs} after ${timestampMs}`,
    )
  }
}

function outcomeOf(
  { run, row, blockDigest, retried }: ExecutedBlock,
  stateRoot: Digest,
  checkpoint: Uint8Array | undefined,
  view: MembershipView | undefined,
): Outcome {
  return {
    height: row.height,
    epoch: run.block.epoch,
    blockDigest: copyOf(blockDigest),
    stateRoot: copyOf(stateRoot),
    checkpoint,
    gasUsed: run.gasUsed,
    nextBaseFee: row.baseFee,
    firstEvent: run.firstEvent,
    nextEvent: run.nextEvent,
    executed: run.executed,
    refused: run.refused,
    retried,
    final: view === undefined ? undefined : { view },
  }
}

function positionOf(ledger: Ledger): Position {
  const { height, index, timestampMs, blockDigest, baseFee, nextEvent } = ledger.block()
  const { epoch, startHeight, startMs, startSubDag } = ledger.epoch()
  const start = { height: startHeight, timestampMs: startMs, subDagDigest: copyOf(startSubDag) }
  const digests = { blockDigest: copyOf(blockDigest), stateRoot: copyOf(ledger.stateRoot) }
  return { epoch, index, height, timestampMs, ...digests, start, baseFee, nextEvent }
}

/** The stored view of the running epoch; made and stored where there is none: at genesis, and after an import. */
function openView(ledger: Ledger): MembershipView {
  const kept = keptView(ledger, ledger.epoch().epoch)
  if (kept !== undefined) return kept
  const { view, writes } = madeView(ledger, undefined)
  ledger.store.commit(writes)
  return view
}

/** As it was stored: what its receivers made of the bytes of the one they were handed is not in it. */
function keptView(ledger: Ledger, epoch: number): MembershipView | undefined {
  const bytes = ledger.store.get(SPACES.views, encodeField(heightKey, epoch))
  return bytes === undefined ? undefined : decodeView(bytes)
}

/**
 * The view of the epoch that the state is at the beginning of, and its writes, in place of the one before the last. It is read back from its
 * bytes, since it may share none with the rows: those stay in memory, and the next block is executed from them.
 */
function madeView(
  ledger: Ledger,
  previous: MembershipView | undefined,
): { readonly view: MembershipView; readonly writes: readonly Write[] } {
  const bytes = encodeView(viewOf(ledger.state, ledger.chain, previous))
  const view = decodeView(bytes)
  const own = { space: SPACES.views, key: encodeField(heightKey, view.epoch), value: bytes }
  const before = { space: SPACES.views, key: encodeField(heightKey, view.epoch - 1), value: undefined }
  return { view, writes: view.epoch === 0 ? [own] : [own, before] }
}

function admissionOf(ledger: Ledger, bytes: Uint8Array, verdict: Verdict | undefined): Admission {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok) return refusal(decoded.code)
  const { transaction } = decoded
  const { state } = ledger.asked
  const context = contextOf(state, ledger.chain, ledger.block().timestampMs)
  const id = verdict?.id ?? transactionId(bytes)
  const { nonce } = transaction
  if (transaction.form === 'node') {
    const { code } = checkNodeTransaction(state, context, bytes, transaction, verdict)
    return code === CODES.ok ? { code, id, nodeIndex: transaction.nodeIndex, nonce } : refusal(code)
  }
  const checked = checkAccountTransaction(state, context, transaction, verdict, NONCES_AHEAD_MAX)
  if (!('account' in checked)) return refusal(checked.code)
  return { code: CODES.ok, id, sender: checked.sender, nonce, isNext: nonce === checked.account.nonce }
}

function refusal(code: Code): Admission {
  return { code: code as Exclude<Code, 0>, words: CODE_WORDS[code] }
}

function snapshotOf(ledger: Ledger, chainId: number, height: number = ledger.block().height): LedgerSnapshot {
  const held = ledger.snapshots.held().find((each) => each.height === height && !each.isDone)
  if (held === undefined && height !== ledger.block().height)
    throw new ApplicationError('APPLICATION_PRUNED', `the state at height ${height} is not held`, { height })
  return createSnapshot(ledger.store.openSnapshot(), { chainId, height, stateRoot: held?.stateRoot ?? ledger.stateRoot })
}

/** Writes the root into the checkpoint that waited for it: that of the one block which names this snapshot, if it is there already. */
function completeCheckpoints(ledger: Ledger, height: number, root: Digest): { epoch: number; height: number; bytes: Uint8Array }[] {
  if (root.length !== 32) throw new ApplicationError('APPLICATION_MALFORMED', `a snapshot's root is 32 bytes, got ${root.length}`)
  const writes: Write[] = [ledger.saveSnapshotRoot(height, root), ...ledger.snapshots.doneWith(height)]
  const completed: { epoch: number; height: number; bytes: Uint8Array }[] = []
  const last = Math.min(ledger.block().height, height + SNAPSHOT_DELAY_BLOCKS)
  for (let at = height + 1; at <= last; at++) {
    const record = ledger.history.recordOf(at)
    if (record?.isPending !== true) continue
    const checkpoint = { ...decodeCheckpoint(record.checkpoint), snapshotRoot: root }
    if (ledger.epochSpan(checkpoint.epoch)?.first !== height + 1) break // it waits for the snapshot of another epoch's beginning
    const bytes = encodeCheckpoint(checkpoint)
    writes.push({
      space: SPACES.blocks,
      key: encodeField(heightKey, at),
      value: encodeField(blockRecord, { ...record, checkpoint: bytes, isPending: false }),
    })
    completed.push({ epoch: checkpoint.epoch, height: at, bytes })
    break // one checkpoint names one snapshot
  }
  ledger.store.commit(writes)
  return completed
}
