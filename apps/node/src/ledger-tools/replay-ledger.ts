/**
 * The whole history once more: every block from genesis is executed into a fresh store, and what comes out is compared with what the
 * committee certified. Nothing of the archive is believed: what its certificates say is checked by the committee that execution itself
 * arrives at, and what its blocks hold by what the certificates say.
 */
import { ApplicationError, createApplication, type Application, type KeyValueStore, type LedgerBlock } from '@selvedge/application'
import {
  checkpointOfCertificate,
  decodeCheckpoint,
  isArchivedBlockWhole,
  isSameBytes,
  LedgerError,
  ZERO_DIGEST,
  type ArchivedBlock,
  type Checkpoint,
  type Digest,
  type Genesis,
} from '@selvedge/ledger-types'
import { createLightClient, type LightClient } from '@selvedge/ledger-types/light-client'
import { createHasher } from '@selvedge/verified-streaming'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { committeeAt } from '../ledger/committee-at.ts'
import { evidenceRules } from '../ledger/evidence-rules.ts'
import { ledgerBlockAt } from '../ledger/replay.ts'
import { createLedgerVerdicts, type LedgerVerdicts } from '../ledger/verdicts.ts'

/** A block as an archive keeps it. The newest blocks of a node that was killed have no certificate yet. */
export interface PastBlock extends Omit<ArchivedBlock, 'certificate'> {
  readonly certificate: Uint8Array | undefined
  /** Of the certificate, or what the node itself computed. */
  readonly checkpoint: Checkpoint
}

/** Where the history and its execution part. */
export interface Difference {
  readonly height: number
  readonly epoch: number
  /** A field of the checkpoint, or `certificate`, `archive` (its bytes are not those of the certificate), `block` (cannot be executed). */
  readonly what: string
  /** Hex, or words. */
  readonly archived: string
  readonly computed: string
}

export interface Replayed {
  readonly height: number
  readonly epoch: number
  readonly blocks: number
  readonly transactions: number
  /** Blocks whose certificate was checked. */
  readonly certified: number
  /** Of the last block that was executed, hex. */
  readonly stateRoot: string
  /** The first one; the replay ended there. */
  readonly difference?: Difference
}

export interface ReplayOptions {
  readonly signal: AbortSignal
  readonly onBlock?: (height: number, epoch: number) => void
}

const FIELDS = [
  'timestampMs',
  'isFinal',
  'txRoot',
  'receiptsRoot',
  'blockDigest',
  'stateRoot',
  'committeeRoot',
  'nextCommitteeRoot',
  'snapshotRoot',
] as const

/** @param store - empty; holds the replayed ledger afterwards. @throws the reason of `options.signal` */
export async function replayLedger(
  genesis: Genesis,
  blocks: AsyncIterable<PastBlock> | Iterable<PastBlock>,
  store: KeyValueStore,
  options: ReplayOptions,
): Promise<Replayed> {
  const application = createApplication({ store, evidenceRules }, { genesis, isArchive: true })
  const verdicts = createLedgerVerdicts(application)
  try {
    return await replayInto(application, verdicts, blocks, options)
  } finally {
    await verdicts.stop()
  }
}

async function replayInto(
  application: Application,
  verdicts: LedgerVerdicts,
  blocks: AsyncIterable<PastBlock> | Iterable<PastBlock>,
  { signal, onBlock = () => {} }: ReplayOptions,
): Promise<Replayed> {
  const { chainId } = application.view()
  application.provideSnapshotRoot(0, snapshotRootOf(application)) // the first epoch's checkpoints name the state of genesis
  const count = { blocks: 0, transactions: 0, certified: 0 }
  let client = clientOf(application, chainId)
  let difference: Difference | undefined
  for await (const block of blocks) {
    await nextTurn() // signals and progress between blocks
    signal.throwIfAborted()
    if (client.epoch !== application.lastApplied().epoch) client = clientOf(application, chainId)
    difference = await differenceOf(application, verdicts, client, block)
    if (difference !== undefined) break
    count.blocks++
    count.transactions += block.transactions.length
    count.certified += block.certificate === undefined ? 0 : 1
    onBlock(block.checkpoint.height, block.checkpoint.epoch)
  }
  const { height, epoch, stateRoot } = application.lastApplied()
  return { height, epoch, ...count, stateRoot: hexOf(stateRoot), ...(difference === undefined ? {} : { difference }) }
}

/** Trusts the committee that execution arrived at: for epoch 0 that is the one of genesis. */
function clientOf(application: Application, chainId: number): LightClient {
  const { epoch } = application.lastApplied()
  return createLightClient({ chainId, epoch, committee: committeeAt(application, epoch) })
}

async function differenceOf(
  application: Application,
  verdicts: LedgerVerdicts,
  client: LightClient,
  block: PastBlock,
): Promise<Difference | undefined> {
  const { height, epoch, blockDigest } = application.lastApplied()
  const place = { height: height + 1, epoch }
  const { checkpoint } = block
  if (checkpoint.height !== place.height || checkpoint.epoch !== epoch) {
    const archived = `block ${checkpoint.height} of epoch ${checkpoint.epoch}`
    return { ...place, what: 'block', archived, computed: `block ${place.height} of epoch ${epoch}` }
  }
  const { certificate } = block
  if (certificate !== undefined) {
    const fault = refusalOf(() => client.verifyCertificate(certificate))
    if (fault !== undefined) return { ...place, what: 'certificate', archived: fault, computed: 'a certificate of the epoch’s committee' }
    if (!isArchivedBlockWhole({ ...block, certificate }, blockDigest)) {
      return { ...place, what: 'archive', archived: 'other bytes', computed: 'the bytes that its certificate names' }
    }
  }
  const refused = await executed(application, verdicts, block)
  if (refused !== undefined) return { ...place, what: 'block', archived: refused, computed: 'a block that can be executed' }
  const computed = decodeCheckpoint(application.history.recordOf(place.height)?.checkpoint ?? new Uint8Array(0))
  const field = FIELDS.find((name) => !isSame(checkpoint[name], computed[name]) && !isUnknown(block, name))
  return field === undefined ? undefined : { ...place, what: field, archived: textOf(checkpoint[field]), computed: textOf(computed[field]) }
}

/** And, at the end of an epoch, the snapshot that its successor's checkpoint names. @returns why it cannot be. */
async function executed(application: Application, verdicts: LedgerVerdicts, block: PastBlock): Promise<string | undefined> {
  let next: LedgerBlock | undefined
  const malformed = refusalOf(() => void (next = ledgerBlockAt(application, block.checkpoint, block)))
  if (next === undefined) return malformed
  const items = await verdicts.withVerdicts(next.items)
  return refusalOf(() => {
    const outcome = application.execute({ ...(next as LedgerBlock), items })
    if (outcome.final !== undefined) application.provideSnapshotRoot(outcome.height, snapshotRootOf(application))
  })
}

/** BLAKE3 of the state as a stream. */
export function snapshotRootOf(application: Application): Digest {
  const snapshot = application.openSnapshot()
  try {
    const hasher = createHasher()
    for (const piece of snapshot.pieces()) hasher.update(piece)
    return hasher.digest()
  } finally {
    snapshot.close()
  }
}

/** A node that died before it knew the snapshot's root has a checkpoint without it. */
function isUnknown({ certificate, checkpoint }: PastBlock, field: (typeof FIELDS)[number]): boolean {
  return field === 'snapshotRoot' && certificate === undefined && isSameBytes(checkpoint.snapshotRoot, ZERO_DIGEST)
}

function refusalOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof LedgerError || error instanceof ApplicationError) return error.message
    throw error
  }
}

/** A block of an epoch file. */
export function pastBlockOf(block: ArchivedBlock): PastBlock {
  return { ...block, checkpoint: checkpointOfCertificate(block.certificate) }
}

type FieldValue = Checkpoint[(typeof FIELDS)[number]]

function isSame(a: FieldValue, b: FieldValue): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? isSameBytes(a, b) : a === b
}

function textOf(value: FieldValue): string {
  return value instanceof Uint8Array ? hexOf(value) : String(value)
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
