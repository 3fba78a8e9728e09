/**
 * A small ledger for tests, real but for its rules: transactions set rows, the state is a tree, members certify every block, an epoch ends
 * every few blocks with another committee, and the block after the next names the snapshot of the final block before.
 */
import { aggregateBls, type BlsKeyPair, createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  blockDigest,
  type Checkpoint,
  checkpointSigningBytes,
  type CommitteeMember,
  committeeRoot,
  compareBytes,
  compareSnapshotKeys,
  encodeArchivedBlock,
  encodeBlockCertificate,
  encodeCheckpoint,
  encodeCommittee,
  encodeSnapshotEntry,
  encodeSnapshotHeader,
  leafHash,
  type SnapshotEntry,
  treeRoot,
} from '@selvedge/ledger-types'
import { encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { createMemoryNodeStore, createStateTree, keyHash, type StateTree, valueHash } from '@selvedge/state-tree'
import type { BlockExecutor, ChainArchive, SnapshotServer, StateImporter } from '@selvedge/synchronizer'

export const CHAIN_ID = 1337
export const EPOCH_BLOCKS = 4
const TIME_MS = 1_800_000_000_000
const ZERO = new Uint8Array(32)

interface Member {
  readonly bls: BlsKeyPair
  readonly member: CommitteeMember
}

const committees = new Map<number, readonly Member[]>()
/** Four members, other ones in each epoch. */
export function membersOf(epoch: number): readonly Member[] {
  const known = committees.get(epoch)
  if (known !== undefined) return known
  const members = [1, 2, 3, 4].map((i) => {
    const seed = new Uint8Array(32).fill(epoch * 4 + i)
    const bls = createBlsKeyPair(seed)
    return { bls, member: { key: createKeyPair(seed).publicKey, blsKey: bls.publicKey, stake: i, nodeIndex: i } }
  })
  const sorted = members.toSorted((a, b) => compareBytes(a.member.key, b.member.key))
  committees.set(epoch, sorted)
  return sorted
}

export const committeeOf = (epoch: number): readonly CommitteeMember[] => membersOf(epoch).map(({ member }) => member)

export function certify(checkpoint: Checkpoint, members: readonly Member[] = membersOf(checkpoint.epoch)): Uint8Array {
  const message = checkpointSigningBytes(encodeCheckpoint(checkpoint))
  const signers = members.map((_, i) => i)
  const aggregate = aggregateBls(members.map(({ bls }) => bls.sign(message)))
  return encodeBlockCertificate({ checkpoint, signers, aggregate }, members.length)
}

/** Rows and the tree over them. A transaction is one encoded row; an empty value removes it. */
export class TestState implements StateImporter, BlockExecutor {
  readonly rows: Map<string, SnapshotEntry> = new Map()
  #tree: StateTree = createStateTree({ nodes: createMemoryNodeStore() })
  height: number = 0

  get root(): Uint8Array {
    return this.#tree.root()
  }

  add(rows: readonly SnapshotEntry[]): void {
    for (const row of rows) this.rows.set(`${row.table} ${row.key.join()}`, row)
    this.#tree.update(rows.map(({ table, key, value }) => ({ keyHash: keyHash(table, key), valueHash: valueHash(value) })))
  }

  finish({ height, stateRoot }: { height: number; stateRoot: Uint8Array }): void {
    if (compareBytes(this.root, stateRoot) !== 0) throw new Error('another root')
    this.height = height
  }

  execute({ transactions }: { readonly transactions: readonly Uint8Array[] }, height: number): Uint8Array {
    this.add(transactions.map((bytes) => ({ table: 1, key: bytes.slice(0, 4), value: bytes.slice(4) })))
    this.height = height
    return this.root
  }

  *stream(height: number): Generator<Uint8Array, void, undefined> {
    yield encodeSnapshotHeader({ chainId: CHAIN_ID, height, stateRoot: this.root })
    for (const row of [...this.rows.values()].toSorted(compareSnapshotKeys)) yield encodeSnapshotEntry(row)
  }
}

const numbered = (height: number, i: number, size: number): Uint8Array => {
  const bytes = new Uint8Array(4 + size).fill(height * 31 + i)
  new DataView(bytes.buffer).setUint32(0, height * 1_000 + i)
  return bytes
}

export class TestLedger implements ChainArchive {
  readonly state: TestState = new TestState()
  readonly #snapshots: SnapshotServer | undefined
  readonly #blocks: Uint8Array[] = []
  readonly #epochProofs: Uint8Array[] = []
  readonly #certificates = new Map<number, Uint8Array>()
  readonly #waiting = new Set<() => void>()
  #digest: Uint8Array = ZERO
  #snapshotRoot: Uint8Array = ZERO
  readonly #valueBytes: number

  constructor(snapshots?: SnapshotServer, valueBytes = 2_000) {
    this.#snapshots = snapshots
    this.#valueBytes = valueBytes
  }

  get height(): number {
    return this.#blocks.length
  }

  get epoch(): number {
    return this.#epochProofs.length
  }

  /** Makes so many blocks. */
  async run(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#makeBlock()
  }

  async #makeBlock(): Promise<void> {
    const { epoch } = this
    const height = this.height + 1
    const isFinal = height % EPOCH_BLOCKS === 0
    const transactions = [0, 1, 2].map((i) => numbered(height, i, this.#valueBytes))
    const stateRoot = this.state.execute({ transactions }, height)
    const receipts = [...transactions.map((_, i) => Uint8Array.of(i)), Uint8Array.of(9)]
    const txRoot = treeRoot(transactions.map(leafHash))
    const subDagDigest = new Uint8Array(32).fill(height)
    const timestampMs = TIME_MS + height
    const digest = blockDigest({ chainId: CHAIN_ID, height, previousDigest: this.#digest, subDagDigest, timestampMs, txRoot })
    const namesSnapshot = height % EPOCH_BLOCKS === 2 && height > EPOCH_BLOCKS
    const certificate = certify({
      chainId: CHAIN_ID,
      epoch,
      height,
      timestampMs,
      isFinal,
      blockDigest: digest,
      txRoot,
      stateRoot,
      receiptsRoot: treeRoot(receipts.map(leafHash)),
      committeeRoot: committeeRoot(committeeOf(epoch)),
      nextCommitteeRoot: isFinal ? committeeRoot(committeeOf(epoch + 1)) : ZERO,
      snapshotRoot: namesSnapshot ? this.#snapshotRoot : ZERO,
    })
    this.#digest = digest
    this.#blocks.push(encodeArchivedBlock({ certificate, subDagDigest, transactions, receipts }))
    if (namesSnapshot && this.#snapshots !== undefined) this.#certificates.set(epoch, certificate)
    if (isFinal) {
      this.#epochProofs.push(encodeEpochProof({ certificate, committee: encodeCommittee(committeeOf(epoch + 1)) }))
      if (this.#snapshots !== undefined) this.#snapshotRoot = (await this.#snapshots.add(height, this.state.stream(height))).root
    }
    for (const wake of this.#waiting) wake()
  }

  async epochProof(epoch: number): Promise<Uint8Array | undefined> {
    return this.#epochProofs[epoch]
  }

  async snapshotCertificate(epoch: number): Promise<Uint8Array | undefined> {
    return this.#certificates.get(epoch)
  }

  oldestHeight(): number {
    return 1
  }

  async block(height: number): Promise<Uint8Array | undefined> {
    return this.#blocks[height - 1]
  }

  blockAdded(height: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const wake = (): void => {
      if (this.height >= height) resolve()
    }
    const onAbort = (): void => reject(signal?.reason)
    this.#waiting.add(wake)
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => {
      this.#waiting.delete(wake)
      signal?.removeEventListener('abort', onAbort)
    })
  }
}
