/**
 * Going on after more than a third of the stake is gone for good. The order cannot: no quorum is left to end the epoch. So survivors end it
 * by decree: on a copy of the last state, those whose keys are lost leave the committee and the list of Active nodes, and the block is
 * executed that the others would have made, in which each is ready to close. By the ledger's own rules the next epoch begins from there.
 *
 * Nothing that was certified is taken back, and nobody signs twice: the new epoch has a number under which nobody has signed anything.
 * Nobody is slashed for a beacon that could not be revealed, points that could not be opened or a dispute that could not be answered: claims
 * that wait for answers are void, open disputes are dropped and their bonds returned. What is lost is the chain of certificates over this one step: whoever follows
 * the ledger from before must pin the new committee, on the word of the operators. The state is a snapshot stream, so its BLAKE3 root is
 * what the operators compare and agree on.
 */
import {
  accounts,
  CLAIM_STATES,
  claims,
  clients,
  committees,
  createApplication,
  createStateImport,
  DISPUTE_STATES,
  disputes,
  encodeField,
  keyOf,
  NODE_STATES,
  nodes,
  roundRow,
  stateRootOf,
  type AccountRow,
  type Application,
  type ClientRow,
  type KeyValueStore,
  type MemberRow,
  type NodeRow,
  type Table,
} from '@selvedge/application'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  committeeRoot,
  createSnapshotReader,
  encodeSnapshotEntry,
  encodeSnapshotHeader,
  type CommitteeMember,
  type Digest,
  type Genesis,
  type SnapshotEntry,
} from '@selvedge/ledger-types'
import { createHasher } from '@selvedge/verified-streaming'
import { NodeError } from '../errors.ts'
import { evidenceRules } from '../ledger/evidence-rules.ts'
import { committeeAt } from '../ledger/committee-at.ts'
import type { Pin } from '../ledger/pin.ts'

export interface RestartState {
  /** That begins. */
  readonly epoch: number
  readonly height: number
  readonly stateRoot: Digest
  /** Of the block by decree. */
  readonly blockDigest: Digest
  readonly committee: readonly CommitteeMember[]
  readonly committeeRoot: Digest
  /** The state as a stream. */
  pieces(): Iterable<Uint8Array>
}

export interface RestartOptions {
  readonly genesis: Genesis
  /** nodeIndices of those whose keys are lost. */
  readonly gone: readonly number[]
  /** @default the newest that the state machine has */
  readonly newestVersion?: number
}

/** A row that is put in place of what is there, or taken out. */
interface Change {
  readonly table: number
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}
type Changes = ReadonlyMap<string, Change>

const DECREE = new TextEncoder().encode('selvedge restart/1\0')
const PIECE_BYTES = 64 * 2 ** 10

/**
 * The state that the next epoch begins from: the same on every survivor that stands at the same block.
 * @param survivor - is only read. @param store - empty; the copy, not to be used by a node.
 * @throws {NodeError} `NODE_USAGE` when a node is unknown, or nobody would be left
 */
export function restartStateOf(
  survivor: Application,
  store: KeyValueStore,
  { genesis, gone, newestVersion }: RestartOptions,
): RestartState {
  const { epoch } = survivor.lastApplied()
  const seats = survivor.state.get(committees, epoch) ?? []
  const left = seats.filter(({ nodeIndex }) => !gone.includes(nodeIndex))
  if (left.length === 0) throw new NodeError('NODE_USAGE', 'nobody would be left in the committee')
  copyState(survivor, store, changesBefore(survivor, epoch, left, gone))
  const application = createApplication({ store, evidenceRules }, { genesis, ...(newestVersion === undefined ? {} : { newestVersion }) })
  const height = closeByDecree(application, left)
  // Evidence about the epoch that ended names places in the committee that it had.
  const after = changesOf([changeOf(committees, epoch, seats)])
  const stateRoot = stateRootOf(entriesOf(application, after))
  const committee = committeeAt(application, epoch + 1)
  const header = { chainId: genesis.chainId, height, stateRoot }
  const root = committeeRoot(committee)
  const { blockDigest } = application.lastApplied()
  const pieces = (): Iterable<Uint8Array> => piecesOf(application, header, after)
  return { epoch: epoch + 1, height, stateRoot, blockDigest, committee, committeeRoot: root, pieces }
}

/**
 * Fills `store` from the stream. @returns its BLAKE3 root: what is in `store` is good if that is the root that was agreed on.
 * @throws {LedgerError} `LEDGER_MALFORMED` @throws {ApplicationError} `APPLICATION_WRONG_ROOT` @throws {NodeError} `NODE_USAGE`
 */
export async function importRestart(
  store: KeyValueStore,
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  chainId: number,
): Promise<{ readonly root: Digest; readonly height: number }> {
  const importer = createStateImport({ store })
  const reader = createSnapshotReader()
  const hasher = createHasher()
  for await (const bytes of stream) {
    hasher.update(bytes)
    importer.add(reader.push(bytes))
  }
  reader.end()
  const { header } = reader
  if (header?.chainId !== chainId) throw new NodeError('NODE_USAGE', `the file is of chain ${header?.chainId}, not ${chainId}`)
  importer.finish(header)
  return { root: hasher.digest(), height: header.height }
}

function changesBefore({ state }: Application, epoch: number, left: readonly MemberRow[], gone: readonly number[]): Changes {
  const round: Change = { table: roundRow.id, key: keyOf(roundRow, null), value: undefined }
  const idle = gone.map((nodeIndex) => {
    const row: NodeRow | undefined = state.get(nodes, nodeIndex)
    if (row === undefined) throw new NodeError('NODE_USAGE', `no node has index ${nodeIndex}`)
    return changeOf(nodes, nodeIndex, { ...row, state: NODE_STATES.idle, since: epoch })
  })
  return changesOf([round, ...idle, ...voided(state, epoch), ...dropped(state), changeOf(committees, epoch, left)])
}

/** Claims whose points nobody can open any more. */
function voided(state: Application['state'], epoch: number): Change[] {
  if (epoch === 0) return []
  const rows = state.between(claims, { epoch: epoch - 1, nodeIndex: 0 }, { epoch, nodeIndex: 0 })
  const waiting = rows.filter(([, claim]) => claim.state < CLAIM_STATES.passed)
  return waiting.map(([key, claim]) => changeOf(claims, key, { ...claim, state: CLAIM_STATES.void }))
}

/** Disputes that nobody can answer any more, and what their clients have again. */
function dropped(state: Application['state']): Change[] {
  const open = state.rows(disputes).filter(([, dispute]) => dispute.state === DISPUTE_STATES.open)
  const owners = new Map<string, { readonly address: Uint8Array; readonly row: AccountRow }>()
  for (const [{ clientIndex }, { bond }] of open) {
    const { address } = state.get(clients, clientIndex) as ClientRow
    const name = Buffer.from(address).toString('hex')
    const row = owners.get(name)?.row ?? (state.get(accounts, address) as AccountRow)
    owners.set(name, { address, row: { ...row, native: row.native + bond } })
  }
  return [
    ...open.map(([key, dispute]) => changeOf(disputes, key, { ...dispute, bond: 0n, state: DISPUTE_STATES.dropped })),
    ...Array.from(owners.values(), ({ address, row }) => changeOf(accounts, address, row)),
  ]
}

function copyState(source: Application, store: KeyValueStore, changed: Changes): void {
  const importer = createStateImport({ store })
  for (const entry of entriesOf(source, changed)) importer.add([entry])
  importer.finish({ height: source.lastApplied().height, stateRoot: stateRootOf(entriesOf(source, changed)) })
}

/** @returns height of the decreed block. */
function closeByDecree(application: Application, left: readonly MemberRow[]): number {
  const { epoch, index, height, timestampMs, blockDigest } = application.lastApplied()
  const outcome = application.execute({
    epoch,
    index: index + 1,
    digest: sha256(Buffer.concat([DECREE, blockDigest])),
    timestampMs: Math.max(timestampMs, application.view().endMs),
    items: left.map((_, author) => ({ type: 'system', author, bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch }) })),
  })
  if (outcome.final === undefined) throw new NodeError('NODE_USAGE', `epoch ${epoch} cannot be ended at block ${height}`)
  return outcome.height
}

function changeOf<K, V>(table: Table<K, V>, key: K, value: V): Change {
  return { table: table.id, key: keyOf(table, key).slice(), value: encodeField(table.value, value) }
}

function changesOf(changes: readonly Change[]): Changes {
  return new Map(changes.map((change) => [nameOf(change), change]))
}

function* entriesOf(application: Application, changed: Changes): Iterable<SnapshotEntry> {
  const snapshot = application.openSnapshot()
  try {
    const reader = createSnapshotReader()
    for (const piece of snapshot.pieces()) {
      for (const entry of reader.push(piece)) {
        const change = changed.get(nameOf(entry))
        if (change === undefined) yield entry
        else if (change.value !== undefined) yield { ...entry, value: change.value }
      }
    }
    reader.end()
  } finally {
    snapshot.close()
  }
}

function* piecesOf(
  application: Application,
  header: { readonly chainId: number; readonly height: number; readonly stateRoot: Digest },
  changed: Changes,
): Iterable<Uint8Array> {
  let parts: Uint8Array[] = [encodeSnapshotHeader(header)]
  let size = 0
  for (const entry of entriesOf(application, changed)) {
    const bytes = encodeSnapshotEntry(entry)
    parts.push(bytes)
    size += bytes.length
    if (size < PIECE_BYTES) continue
    yield new Uint8Array(Buffer.concat(parts))
    parts = []
    size = 0
  }
  yield new Uint8Array(Buffer.concat(parts))
}

const nameOf = ({ table, key }: Pick<SnapshotEntry, 'table' | 'key'>): string => `${table} ${Buffer.from(key).toString('hex')}`

/** What strangers pin to join what goes on from `state`. */
export function pinOf({ chainId, hash }: Genesis, { epoch, height, stateRoot, blockDigest, committee }: RestartState): Pin {
  return { chainId, genesisHash: hash, epoch, committee, start: { height, stateRoot, blockDigest } }
}
