/**
 * The state machine over its store: state, tree, history and position, changed together by one commit a block. Between blocks all of it is
 * on disk; a process that dies within a block comes back exactly before it.
 */
import { committeeRoot, decodeCheckpoint, encodeCheckpoint, ZERO_DIGEST, type Digest, type Genesis } from '@selvedge/ledger-types'
import { createStateTree, keyHash, valueHash, type Change, type StateTree } from '@selvedge/state-tree'
import { copyOf } from './copy-of.ts'
import { ApplicationError } from './errors.ts'
import { committeeMemberOf } from './epoch/change-epoch.ts'
import type { EvidenceRules } from './evidence/contract.ts'
import { executeBlock, type ChainIdentity, type ExecutedBlock } from './execute/execute-block.ts'
import type { LedgerBlock } from './execute/block-contract.ts'
import { epochSpan, heightKey, type BlockRecord } from './history/records.ts'
import { History } from './history/history.ts'
import { IMPORTING, STATE_ROOT } from './history/import.ts'
import { RetainedRoots } from './history/retained-roots.ts'
import { RowLayers } from './history/row-layers.ts'
import { SnapshotLog } from './history/snapshot-log.ts'
import { PastLog } from './past/past-log.ts'
import { type PastState, pastStateOf } from './past/past-state.ts'
import { PastStates } from './past/past-states.ts'
import { retainedStateAt } from './past/retained-states.ts'
import { decodeField, encodeField } from './state/fields.ts'
import { AskedState } from './state/asked-state.ts'
import { loadGenesis } from './state/genesis.ts'
import { blockRow, chainRow, epochRow, type BlockRow, type EpochRow } from './state/meta-tables.ts'
import { committees } from './state/node-tables.ts'
import { rowBytes } from './state/schema.ts'
import { State, type StateWrite } from './state/state.ts'
import { createMemoryStore } from './store/memory-store.ts'
import { createTreeNodes, type TreeNodes } from './store/tree-nodes.ts'
import { SPACES, type KeyValueStore, type Write } from './store/contract.ts'

/** Blocks after an epoch's final one whose checkpoint names the snapshot of the state at it. */
export const SNAPSHOT_DELAY_BLOCKS = 100
const SNAPSHOT_ROOTS = new TextEncoder().encode('snapshotRoot')
/** Height of genesis, which no block has. */
const GENESIS_HEIGHT = 0

export interface Applied {
  readonly executed: ExecutedBlock
  readonly stateRoot: Digest
  readonly record: BlockRecord
}

export class Ledger {
  readonly store: KeyValueStore
  readonly chain: ChainIdentity
  /** The executor's: rows of the blocks that run. */
  readonly state: State
  /** The committed one, for questions. */
  readonly asked: AskedState
  readonly history: History
  readonly snapshots: SnapshotLog
  /** States of earlier blocks, of an archive. */
  readonly #past: PastStates
  readonly #pastLog: PastLog
  readonly #nodes: TreeNodes
  readonly #tree: StateTree
  /** Ends of epochs, of a node that is none. */
  readonly #retained: RetainedRoots
  readonly #layers: RowLayers
  readonly #genesis: Genesis
  /** Genesis alone, in memory, once somebody has asked for it. */
  #beginning: Ledger | undefined
  #stateRoot: Digest

  constructor(
    store: KeyValueStore,
    genesis: Genesis,
    evidenceRules: EvidenceRules,
    { isArchive, keepsSnapshots }: { readonly isArchive: boolean; readonly keepsSnapshots: boolean },
  ) {
    this.store = store
    this.#genesis = genesis
    this.chain = { chainId: genesis.chainId, genesisHash: genesis.hash, evidenceRules }
    this.state = new State(store)
    this.asked = new AskedState(store)
    this.history = new History(store, isArchive)
    this.snapshots = new SnapshotLog(store, keepsSnapshots)
    this.#pastLog = new PastLog(store, isArchive)
    this.#past = new PastStates(store, this.#pastLog, { head: () => this.block().height, rootOf: (height) => this.#rootOf(height) })
    this.#nodes = createTreeNodes(store)
    if (store.get(SPACES.local, IMPORTING) !== undefined) {
      throw new ApplicationError('APPLICATION_FOREIGN_STORE', 'an import into this store did not end: begin it again')
    }
    const known = store.get(SPACES.local, STATE_ROOT)?.slice()
    this.#tree = createStateTree({ nodes: this.#nodes, ...(known === undefined ? {} : { root: known }) })
    this.#retained = new RetainedRoots(store, this.#tree, !isArchive)
    this.#layers = new RowLayers(store, [this.snapshots, this.#retained])
    if (known === undefined) this.#stateRoot = this.#begin(genesis)
    else this.#stateRoot = known
    this.#assertChain()
    this.#holdBeginning()
  }

  get stateRoot(): Digest {
    return this.#stateRoot
  }

  block(): BlockRow {
    return this.state.get(blockRow, null) as BlockRow
  }

  epoch(): EpochRow {
    return this.state.get(epochRow, null) as EpochRow
  }

  /** First block of `epoch`, and its last when it is over; `undefined` for an epoch that did not end here. */
  epochSpan(epoch: number): { readonly first: number; readonly last: number | undefined } | undefined {
    const running = this.epoch()
    if (epoch === running.epoch) return { first: running.startHeight + 1, last: undefined }
    const span = this.store.get(SPACES.epochs, encodeField(heightKey, epoch))
    return span === undefined ? undefined : decodeField(epochSpan, span)
  }

  /** Executes the next block and commits it. @param extra - what else belongs into the same commit. */
  apply(block: LedgerBlock, extra: (executed: ExecutedBlock) => readonly Write[]): Applied {
    const { startHeight, epoch } = this.epoch()
    const previousDigest = this.block().blockDigest
    const firstEvent = this.block().nextEvent
    const executed = executeBlock(this.state, this.chain, block)
    const writes = this.state.writes()
    const stateRoot = this.#tree.update(changesOf(writes))
    const isSnapshotDue = isDue(executed, startHeight)
    const snapshotRoot = isSnapshotDue ? this.snapshotRootOf(startHeight) : ZERO_DIGEST
    const { row, run, blockDigest, txRoot, receiptsRoot, isFinal } = executed
    const committeeOf = (of: number): Digest => committeeRoot((this.state.get(committees, of) ?? []).map(committeeMemberOf))
    const checkpoint = encodeCheckpoint({
      chainId: this.chain.chainId,
      epoch,
      height: row.height,
      timestampMs: row.timestampMs,
      isFinal,
      blockDigest,
      txRoot,
      stateRoot,
      receiptsRoot,
      committeeRoot: committeeOf(epoch),
      nextCommitteeRoot: isFinal ? committeeOf(epoch + 1) : ZERO_DIGEST,
      snapshotRoot: snapshotRoot ?? ZERO_DIGEST,
    })
    const record: BlockRecord = {
      checkpoint,
      isPending: snapshotRoot === undefined,
      index: block.index,
      previousDigest,
      subDagDigest: block.digest,
      baseFee: run.block.baseFee,
      gasUsed: run.gasUsed,
      transactionCount: run.transactions.length,
      firstEvent,
      nextEvent: run.nextEvent,
    }
    const { transactions, receipts } = run
    const ids = run.executed.slice(0, -1).map(({ id }) => id)
    const historyWrites = this.history.writesOf({
      height: row.height,
      digest: blockDigest,
      record,
      transactions,
      receipts,
      ids,
      keepFrom: this.epoch().previousHeight + 1, // the blocks of two epochs
    })
    const span = { first: startHeight + 1, last: row.height }
    const ended = { space: SPACES.epochs, key: encodeField(heightKey, epoch), value: encodeField(epochSpan, span) }
    const held = [
      ...this.snapshots.writesOf(isFinal ? { height: row.height, stateRoot, isDone: false } : undefined),
      ...this.#retained.writesOf(isFinal ? row.height : undefined),
    ]
    const past = this.#pastLog.writesOf(row.height, writes, this.#nodes.writes())
    const layers = this.#layers.writesOf(writes)
    this.#commit(writes, stateRoot, [...historyWrites, ...held, ...layers, ...past, ...(isFinal ? [ended] : []), ...extra(executed)])
    if (isFinal) this.#beginning = undefined
    return { executed, stateRoot, record }
  }

  /** The root that was given for the snapshot at a final block, as `snapshotRoot`. */
  snapshotRootOf(height: number): Digest | undefined {
    const bytes = this.store.get(SPACES.local, snapshotKey(height))
    return bytes === undefined ? undefined : bytes.slice()
  }

  saveSnapshotRoot(height: number, root: Digest): Write {
    return { space: SPACES.local, key: snapshotKey(height), value: root }
  }

  /** What shows a row, or that there is none, against the state's root. */
  prove(table: number, key: Uint8Array): ReturnType<StateTree['prove']> {
    return this.#tree.prove(keyHash(table, key))
  }

  /** The state after block `height`: of every block on an archive, else of the retained ones, in the first epoch of genesis; `undefined` where it is not kept. */
  stateAt(height: number): PastState | undefined {
    const kept = this.#past.at(height) ?? retainedStateAt({ store: this.store, tree: this.#tree, retained: this.#retained }, height)
    return kept ?? (height === GENESIS_HEIGHT && this.#isFirstEpoch ? this.#genesisState() : undefined)
  }

  /** Heights for `stateAt`: each from `from` to the newest, and single ones before it, ascending. */
  statesHeld(): { readonly from: number; readonly epochEnds: readonly number[] } {
    const from = this.#past.from() ?? this.block().height
    const ends = [...(this.#isFirstEpoch ? [GENESIS_HEIGHT] : []), ...this.#retained.live()]
    return { from, epochEnds: ends.filter((height) => height < from) }
  }

  /** While it runs, genesis is what stands for the last block before it. */
  get #isFirstEpoch(): boolean {
    return this.epoch().startHeight === GENESIS_HEIGHT
  }

  /** No store keeps it: it is made again, of the genesis that this ledger began with, at the first question in an epoch that has no other. */
  #genesisState(): PastState {
    this.#beginning ??= new Ledger(createMemoryStore(), this.#genesis, this.chain.evidenceRules, {
      isArchive: false,
      keepsSnapshots: false,
    })
    const beginning = this.#beginning
    return pastStateOf((table, key) => rowBytes(beginning.store, table, key), {
      prove: (place) => beginning.#tree.prove(place),
      root: () => copyOf(beginning.stateRoot),
    })
  }

  /** The root that a block had. */
  #rootOf(height: number): Digest | undefined {
    const record = this.history.recordOf(height)
    return record === undefined ? undefined : decodeCheckpoint(record.checkpoint).stateRoot
  }

  #begin(genesis: Genesis): Digest {
    loadGenesis(this.state, genesis)
    const writes = this.state.writes()
    const root = this.#tree.update(changesOf(writes))
    this.#commit(writes, root, [])
    return root
  }

  /** A state that stands at the end of an epoch, and of which nothing is noted yet: genesis, or one that was taken over. */
  #holdBeginning(): void {
    const { height } = this.block()
    if (this.epoch().startHeight !== height || this.snapshots.held().length > 0) return
    const isDone = this.snapshotRootOf(height) !== undefined
    const writes = this.snapshots.beginning({ height, stateRoot: this.#stateRoot, isDone })
    if (writes.length > 0) this.store.commit(writes) // tools open stores that cannot be written
  }

  #commit(stateWrites: readonly Write[], stateRoot: Digest, others: readonly Write[]): void {
    const root = { space: SPACES.local, key: STATE_ROOT, value: stateRoot }
    this.store.commit((stateWrites as readonly Write[]).concat(this.#nodes.writes(), others, root))
    this.#nodes.settle()
    this.#layers.settle()
    this.state.settle()
    this.asked.forget()
    this.#stateRoot = stateRoot
  }

  #assertChain(): void {
    const row = this.state.get(chainRow, null)
    const isSame = row?.chainId === this.chain.chainId && row.genesisHash.every((byte, i) => byte === this.chain.genesisHash[i])
    if (!isSame) throw new ApplicationError('APPLICATION_FOREIGN_STORE', 'the store holds the state of another chain')
  }
}

/** Whether the checkpoint of this block names the snapshot: 100 blocks into the epoch, or at its end when that is earlier. */
function isDue({ row, isFinal }: ExecutedBlock, startHeight: number): boolean {
  const age = row.height - startHeight
  return age === SNAPSHOT_DELAY_BLOCKS || (isFinal && age < SNAPSHOT_DELAY_BLOCKS)
}

function snapshotKey(height: number): Uint8Array {
  const key = new Uint8Array(SNAPSHOT_ROOTS.length + 8)
  key.set(SNAPSHOT_ROOTS)
  new DataView(key.buffer).setBigUint64(SNAPSHOT_ROOTS.length, BigInt(height))
  return key
}

/** Rows of the state as the tree sees them. */
function changesOf(writes: readonly StateWrite[]): Change[] {
  return writes.map(({ keyHash: place, value }) => ({ keyHash: place, valueHash: value === undefined ? null : valueHash(value) }))
}
