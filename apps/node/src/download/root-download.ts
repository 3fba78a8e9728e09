/**
 * A root into a file. Bytes go to `FILE.part`, the tree's nodes to `FILE.pairs`, what is held to `FILE.state`; a later process proves what
 * is there against the root before it trusts it, and asks for the rest only.
 */
import { ClientError, type Client } from '@selvedge/client'
import { createSink, type Sink } from '@selvedge/verified-streaming'
import { openFileStore, type FileStore } from '@selvedge/verified-streaming/file-store'
import { rm, stat } from 'node:fs/promises'
import { NodeError } from '../errors.ts'
import { tooLarge } from './size-bound.ts'

export interface RootDownloadOptions {
  readonly signal?: AbortSignal
  /** Bytes of the content that are taken at most: of more, as a node says or it is proven, nothing. Default: whatever comes. */
  readonly bytesMax?: number | undefined
  readonly onProgress?: (bytes: number, size: number | undefined) => void
  /** What a former process left, once it was proven. */
  readonly onResume?: (offset: number) => void
}

export interface RootDownloadResult {
  readonly bytes: number
  /** Verified bytes that were on disk before. */
  readonly resumedAt: number
  readonly receivedBytes: number
  readonly node: string
}

const CHUNK_BYTES = 1024
/** Durable this often: what a killed process may fetch again. */
const SAVE_BYTES: number = 4 * 2 ** 20

/** @throws {NodeError} `NODE_OUTPUT`, `NODE_TOO_LARGE`; {ClientError} as `client.receive`. */
export async function downloadRoot(
  client: Client,
  root: Uint8Array,
  path: string,
  options: RootDownloadOptions = {},
): Promise<RootDownloadResult> {
  const { signal, bytesMax, onProgress, onResume } = options
  const store = await openStoreAt(path)
  let isEmpty = false
  try {
    const sink = await openSink(root, store, bytesMax)
    const resumedAt = heldBytes(sink)
    onResume?.(resumedAt)
    const known = sink.size.state === 'verified' ? sink.size.bytes : resumedAt
    if (bytesMax !== undefined && known > bytesMax) throw tooLarge(`${path} has ${known} bytes or more`, bytesMax)
    let bytes = resumedAt
    let saved = resumedAt
    let saving: Promise<void> = Promise.resolve()
    const receiving = client.receive(root, sink, {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (part) => {
        bytes += part.bytes
        onProgress?.(bytes, sink.size.state === 'verified' ? sink.size.bytes : sink.size.claimed)
        if (bytes - saved < SAVE_BYTES) return
        saved = bytes
        saving = saving.then(() => store.save(sink))
        saving.catch(() => {}) // awaited below
      },
    })
    const { receivedBytes, node } = await receiving.catch(async (error: unknown) => {
      await saving.then(() => store.save(sink)).catch(() => {}) // whoever comes back goes on from here; why it ended is what counts
      isEmpty = heldBytes(sink) === 0
      const isTooLarge = bytesMax !== undefined && error instanceof ClientError && error.code === 'CLIENT_TOO_LARGE'
      throw isTooLarge ? tooLarge(`${path} is larger, as its node says`, bytesMax, { cause: error }) : error
    })
    await saving
    await store.finish(sink)
    return { bytes: sink.size.state === 'verified' ? sink.size.bytes : bytes, resumedAt, receivedBytes, node }
  } finally {
    await store.close().catch(() => {}) // it is closed already when it was finished
    if (isEmpty) await removeBegun(path, ['part', 'pairs', 'state'])
  }
}

/** A state of another blob is of no use; nor is content without a state. */
async function openSink(root: Uint8Array, store: FileStore, maxSize: number | undefined): Promise<Sink> {
  if (store.state === undefined) return createSink(root, { store, maxSize })
  let sink: Sink
  try {
    sink = createSink(root, { store, maxSize, state: store.state })
  } catch {
    return createSink(root, { store, maxSize })
  }
  await sink.recheck()
  return sink
}

function heldBytes(sink: Sink): number {
  let bytes = 0
  for (const { start, end } of sink.held.spans()) bytes += (end - start) * CHUNK_BYTES
  return sink.size.state === 'verified' ? Math.min(bytes, sink.size.bytes) : bytes
}

async function openStoreAt(path: string): Promise<FileStore> {
  try {
    const isBegun = await stat(`${path}.state`).catch(() => undefined)
    if (isBegun === undefined) await removeBegun(path, ['part', 'pairs'])
    return await openFileStore(path)
  } catch (cause) {
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })
  }
}

async function removeBegun(path: string, endings: readonly string[]): Promise<void> {
  for (const ending of endings) await rm(`${path}.${ending}`, { force: true })
}
