/**
 * Snapshots to serve: the canonical stream of a state is written to a file while it is hashed, and served by ranges of chunks, each slice
 * with what proves it. Its BLAKE3 root is what the committee signs, so whoever serves it needs to be trusted in nothing.
 */
import type { Digest } from '@selvedge/ledger-types'
import { type ChunkRanges, createOutboardBuilder, encodeRanges, type RandomAccess } from '@selvedge/verified-streaming'
import { SNAPSHOTS_MAX } from './constants.ts'
import { SynchronizerError } from './errors.ts'
import type { Asking, SnapshotFiles } from './ports.ts'

export interface StoredSnapshot {
  /** Of the final block whose state it is. */
  readonly height: number
  readonly root: Digest
  readonly size: number
}

export interface SnapshotServer {
  /** Finds what an earlier life of the process left whole, and removes the rest. */
  start(): Promise<void>
  /**
   * Takes the stream of the state at `height`, and gives the root that its checkpoint names. The oldest snapshots beyond the limit are removed.
   * @throws whatever the stream or the files throw, and the reason of `signal`; then there is no such snapshot.
   */
  add(height: number, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, asking?: Asking): Promise<StoredSnapshot>
  /** What is there, the newest first. */
  readonly snapshots: readonly StoredSnapshot[]
  /**
   * The chunks of `ranges`, as a slice in chunk groups of 16 KiB.
   * @throws {SynchronizerError} `SYNCHRONIZER_NOT_FOUND` for a root that is not there.
   */
  slice(root: Digest, ranges: ChunkRanges, asking?: Asking): AsyncIterable<Uint8Array>
}

export interface SnapshotServerOptions {
  /** @default 2 */
  readonly snapshotsMax?: number | undefined
}

interface Kept extends StoredSnapshot {
  readonly outboard: Uint8Array
}

const CONTENT = 'snapshot-'
const PROOF = 'outboard-' // root 32 ‖ size u64 ‖ outboard: written last, so its presence says that the snapshot is whole
const PROOF_HEAD_BYTES = 40

/** Makes a server over what `files` holds. */
export function createSnapshotServer({ files }: { readonly files: SnapshotFiles }, options: SnapshotServerOptions = {}): SnapshotServer {
  const { snapshotsMax = SNAPSHOTS_MAX } = options
  let kept: Kept[] = []
  const keep = async (snapshot: Kept): Promise<void> => {
    const all = [snapshot, ...kept.filter(({ height }) => height !== snapshot.height)].toSorted((a, b) => b.height - a.height)
    kept = all.slice(0, snapshotsMax)
    for (const { height } of all.slice(snapshotsMax)) await remove(files, height)
  }
  return {
    async start() {
      const names = await files.list()
      for (const name of names) {
        const height = heightOf(name, CONTENT)
        if (height === undefined) continue
        if (names.includes(PROOF + height)) await keep(await readKept(files, height))
        else await remove(files, height)
      }
    },
    async add(height, pieces, { signal } = {}) {
      const builder = createOutboardBuilder()
      await writeFile(files, CONTENT + height, pieces, signal, (bytes) => builder.update(bytes))
      const { root, size, outboard } = builder.finish()
      await writeFile(files, PROOF + height, [proofHead(root, size), outboard], signal)
      await keep({ height, root, size, outboard })
      return { height, root, size }
    },
    get snapshots() {
      return kept.map(({ height, root, size }) => ({ height, root, size }))
    },
    async *slice(root, ranges, { signal } = {}) {
      const snapshot = kept.find((each) => each.root.every((byte, i) => byte === root[i]))
      if (snapshot === undefined) throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', 'no snapshot has this root')
      const { data, close } = await files.open(CONTENT + snapshot.height)
      try {
        yield* encodeRanges({ data, outboard: snapshot.outboard, size: snapshot.size }, ranges, { signal })
      } finally {
        await close()
      }
    },
  }
}

async function writeFile(
  files: SnapshotFiles,
  name: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  onBytes?: (bytes: Uint8Array) => void,
): Promise<void> {
  const file = await files.create(name)
  try {
    for await (const bytes of pieces) {
      signal?.throwIfAborted()
      onBytes?.(bytes)
      await file.write(bytes)
    }
    await file.finish()
  } catch (error) {
    await file.abort()
    throw error
  }
}

async function readKept(files: SnapshotFiles, height: number): Promise<Kept> {
  const { data, close } = await files.open(PROOF + height)
  try {
    const bytes = await readAll(data)
    const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(32, true))
    return { height, root: bytes.slice(0, 32), size, outboard: bytes.slice(PROOF_HEAD_BYTES) }
  } finally {
    await close()
  }
}

async function readAll(data: RandomAccess): Promise<Uint8Array> {
  if (data instanceof Uint8Array) return data
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer())
  return (await data.readAt(0, data.size)).slice()
}

function proofHead(root: Digest, size: number): Uint8Array {
  const head = new Uint8Array(PROOF_HEAD_BYTES)
  head.set(root)
  new DataView(head.buffer).setBigUint64(32, BigInt(size), true)
  return head
}

async function remove(files: SnapshotFiles, height: number): Promise<void> {
  await files.remove(PROOF + height) // first: without it there is no snapshot
  await files.remove(CONTENT + height)
}

function heightOf(name: string, prefix: string): number | undefined {
  const digits = name.slice(prefix.length)
  return name.startsWith(prefix) && /^\d+$/u.test(digits) ? Number(digits) : undefined
}
