/**
 * From a pinned committee to the head of the ledger: the chain of final certificates, the newest certified snapshot, its bytes from whoever
 * has them, the state rebuilt and compared, then block after block. Nothing a source says is believed; a lie names its teller.
 */
import { checkpointOfCertificate, createSnapshotReader, type Digest, isSameBytes, type SnapshotHeader } from '@selvedge/ledger-types'
import { decodeEpochProof, type LightClientOptions } from '@selvedge/ledger-types/light-client'
import { BLOCK_MS_MAX, IMPORT_BYTES, REQUEST_MS_MAX, STRIKES_MAX } from './constants.ts'
import { downloadSnapshot } from './download.ts'
import { SynchronizerError } from './errors.ts'
import { type FollowedBlock, followBlocks, type Position } from './follow.ts'
import type { BlockExecutor, SnapshotCache, StateImporter, SyncSource } from './ports.ts'
import { SourceBook, type SourceFault } from './source-book.ts'
import { type EpochStart, type NamedSnapshot, Trust } from './trust.ts'

export interface JoinerComponents {
  /** Asked together; more of them make it faster and a lie or a stall cheaper. */
  readonly sources: readonly SyncSource[]
  readonly cache: SnapshotCache
  readonly executor: BlockExecutor
}

export interface JoinerOptions {
  /** What is trusted: a committee of an epoch that is younger than the unbonding time (createLightClient's options). */
  readonly pinned: LightClientOptions
  /**
   * The last block before the pinned epoch, if it is pinned too: a state that an epoch begins from by decree has no certificate that anybody
   * could show, and is taken when it is this one.
   */
  readonly pinnedStart?: EpochStart | undefined
  /** For one answer: a certificate, or a span of the snapshot. @default 15 s */
  readonly requestMsMax?: number | undefined
  /** For the next block, before another source is asked. @default 60 s */
  readonly blockMsMax?: number | undefined
  /** Failures in a row, none of them a lie, after which a source is out. @default 3 */
  readonly strikesMax?: number | undefined
  /** Chunks (1 KiB) that one source is asked for at a time. @default 1,024 */
  readonly spanChunks?: number | undefined
  /** Largest snapshot that is taken, in bytes. @default 1 TiB */
  readonly snapshotBytesMax?: number | undefined
  readonly onProgress?: ((progress: JoinProgress) => void) | undefined
  /** Told of every lie and failure. */
  readonly onFault?: ((fault: SourceFault) => void) | undefined
}

export type JoinProgress =
  | { readonly type: 'epoch'; readonly epoch: number /** What led there: good for whoever joins later. */; readonly proof: Uint8Array }
  | { readonly type: 'snapshot'; readonly epoch: number; readonly root: Digest }
  | { readonly type: 'stored'; readonly source: string; readonly newBytes: number; readonly size: number }
  | { readonly type: 'imported'; readonly rows: number; readonly offset: number; readonly size: number }

/** A state that was taken over. */
export interface Joined extends Position {
  /** Of the next block. */
  readonly epoch: number
  readonly stateRoot: Digest
  readonly rows: number
}

export interface Joiner {
  /**
   * Takes over the newest certified state, if it is of a block above `above`. May be called again after a failure, also in a new process: what is in the cache is kept.
   * @throws {SynchronizerError} `SYNCHRONIZER_NO_SNAPSHOT`, `SYNCHRONIZER_NO_SOURCE`, `SYNCHRONIZER_WRONG_STATE`.
   * @throws what the importer throws, unchanged, another root than the certified one included; the reason of `signal`, within one turn of its abort.
   */
  join(importer: StateImporter, options?: { readonly signal?: AbortSignal; readonly above?: number }): Promise<Joined>
  /** Executes block after block from what was joined; see `followBlocks`. */
  follow(from: Joined, options?: { readonly signal?: AbortSignal }): AsyncGenerator<FollowedBlock, void, undefined>
  /** What sources did wrong so far. */
  readonly faults: readonly SourceFault[]
}

/**
 * Makes a joiner; does nothing before it is asked.
 * @throws {LedgerError} `LEDGER_BAD_CERTIFICATE` when the committee is not the one that is pinned.
 */
export function createJoiner({ sources, cache, executor }: JoinerComponents, options: JoinerOptions): Joiner {
  const { requestMsMax: msMax = REQUEST_MS_MAX, blockMsMax = BLOCK_MS_MAX, strikesMax = STRIKES_MAX, onProgress } = options
  const { spanChunks, snapshotBytesMax } = options
  const book = new SourceBook(sources, { strikesMax, msMax, onFault: options.onFault })
  const trust = new Trust(options.pinned, options.pinnedStart)
  return {
    async join(importer, { signal, above } = {}) {
      await followEpochs(trust, book, signal, onProgress)
      const snapshot = await findSnapshot(trust, book, signal)
      if (snapshot.final !== undefined) assertAbove(snapshot.final.height, above)
      onProgress?.({ type: 'snapshot', epoch: snapshot.epoch, root: snapshot.root })
      const onStored = (stored: { source: string; newBytes: number; size: number }): void => onProgress?.({ type: 'stored', ...stored })
      const size = await downloadSnapshot(snapshot.root, cache, book, { signal, msMax, spanChunks, snapshotBytesMax, onStored })
      const { header, rows } = await importSnapshot(
        cache,
        size,
        importer,
        (head) => {
          assertHeader(head, snapshot, trust.chainId)
          assertAbove(head.height, above)
        },
        signal,
        onProgress,
      )
      const { height, stateRoot } = header
      const digests = snapshot.final === undefined ? await askDigests(snapshot.epoch, header, book, signal) : [snapshot.final.blockDigest]
      return { height, stateRoot, epoch: snapshot.epoch, digests, rows }
    },
    follow: (from, { signal } = {}) => followBlocks({ client: trust.clientOf(from.epoch), book, executor }, from, { signal, blockMsMax }),
    get faults() {
      return book.faults
    },
  }
}

/** As far as anybody can prove. Who withholds the newest epochs keeps a joiner behind, but on the true chain. */
async function followEpochs(
  trust: Trust,
  book: SourceBook,
  signal: AbortSignal | undefined,
  onProgress: JoinerOptions['onProgress'],
): Promise<void> {
  for (;;) {
    const { epoch } = trust
    const next = await book.askAll(
      signal,
      'an epoch proof',
      (source, inner) => source.epochProof(epoch, { signal: inner }),
      (bytes) => {
        trust.advance(bytes)
        return bytes
      },
    )
    if (next === undefined) return
    onProgress?.({ type: 'epoch', epoch: trust.epoch, proof: next })
  }
}

async function findSnapshot(trust: Trust, book: SourceBook, signal: AbortSignal | undefined): Promise<NamedSnapshot> {
  for (const epoch of trust.epochs) {
    const found = await book.askAll(
      signal,
      'a snapshot certificate',
      (source, inner) => source.snapshotCertificate(epoch, { signal: inner }),
      (bytes) => trust.snapshotOf(epoch, bytes),
    )
    if (found !== undefined) return found
  }
  throw new SynchronizerError('SYNCHRONIZER_NO_SNAPSHOT', `no source has a certified snapshot of epochs ${trust.epochs.join(', ')}`)
}

async function importSnapshot(
  cache: SnapshotCache,
  size: number,
  importer: StateImporter,
  assert: (header: SnapshotHeader) => void,
  signal: AbortSignal | undefined,
  onProgress: JoinerOptions['onProgress'],
): Promise<{ readonly header: SnapshotHeader; readonly rows: number }> {
  const reader = createSnapshotReader()
  let rows = 0
  let isChecked = false
  for (let offset = 0; offset < size; offset += IMPORT_BYTES) {
    signal?.throwIfAborted()
    const entries = reader.push(await cache.store.readContent(offset, Math.min(IMPORT_BYTES, size - offset)))
    if (!isChecked && reader.header !== undefined) {
      assert(reader.header)
      isChecked = true
    }
    await importer.add(entries)
    rows += entries.length
    onProgress?.({ type: 'imported', rows, offset: Math.min(offset + IMPORT_BYTES, size), size })
  }
  reader.end()
  signal?.throwIfAborted()
  const header = reader.header!
  await importer.finish({ height: header.height, stateRoot: header.stateRoot })
  return { header, rows }
}

/** The snapshot is what a quorum signed; that it is of the right block is checked all the same, since a state is not taken on half a word. */
function assertHeader({ chainId, height, stateRoot }: SnapshotHeader, { final }: NamedSnapshot, expectedChain: number): void {
  const isRight = chainId === expectedChain && (final === undefined || (final.height === height && isSameBytes(final.stateRoot, stateRoot)))
  if (!isRight)
    throw new SynchronizerError('SYNCHRONIZER_WRONG_STATE', `the certified snapshot is of block ${height} of chain ${chainId}`, { height })
}

/** Nothing is gained by a state that is no newer than what is here. */
function assertAbove(height: number, above: number | undefined): void {
  if (above === undefined || height > above) return
  throw new SynchronizerError('SYNCHRONIZER_NO_SNAPSHOT', `the newest certified snapshot is of block ${height}, not above ${above}`, {
    height,
  })
}

/**
 * Pinned to the very epoch that the snapshot begins, the joiner has no committee to check the block before it with. What sources say its
 * digest was is taken as candidates: the next block's certificate covers the right one.
 */
async function askDigests(
  epoch: number,
  header: SnapshotHeader,
  book: SourceBook,
  signal: AbortSignal | undefined,
): Promise<readonly Digest[]> {
  const digests: Digest[] = []
  await book.askAll<never>(
    signal,
    'the last block before the snapshot',
    (source, inner) => source.epochProof(epoch - 1, { signal: inner }),
    (bytes) => {
      const { height, stateRoot, blockDigest } = checkpointOfCertificate(decodeEpochProof(bytes).certificate)
      if (height !== header.height || !isSameBytes(stateRoot, header.stateRoot))
        throw new SynchronizerError('SYNCHRONIZER_MALFORMED', 'another block than the snapshot is of')
      if (!digests.some((each) => isSameBytes(each, blockDigest))) digests.push(blockDigest)
      return undefined // all are asked
    },
  )
  if (digests.length === 0) throw new SynchronizerError('SYNCHRONIZER_NO_SNAPSHOT', 'no source knows the block that the snapshot is of')
  return digests
}
