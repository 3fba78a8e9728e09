/**
 * A root into a file. Bytes go to `FILE.part`, the tree's nodes to `FILE.pairs`, what is held to `FILE.state`; a later process proves what
 * is there against the root before it trusts it, and asks for the rest only.
 */
import type { Client } from '@selvedge/client'
import { createSink, type Sink } from '@selvedge/verified-streaming'
import { openFileStore, type FileStore } from '@selvedge/verified-streaming/file-store'
import { rm, stat } from 'node:fs/promises'
import { NodeError } from '../errors.ts'

export interface RootDownloadOptions {
  readonly signal?: AbortSignal
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

/** @throws {NodeError} `NODE_OUTPUT`; {ClientError} as `client.receive`. */
export async function downloadRoot(
  client: Client,
  root: Uint8Array,
  path: string,
  options: RootDownloadOptions = {},
): Promise<RootDownloadResult> {
  const { signal, onProgress, onResume } = options
  const store = await openStoreAt(path)
  try {
    const sink = await openSink(root, store)
    const resumedAt = heldBytes(sink)
    onResume?.(resumedAt)
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
      throw error
    })
    await saving
    await store.finish(sink)
    return { bytes: sink.size.state === 'verified' ? sink.size.bytes : bytes, resumedAt, receivedBytes, node }
  } finally {
    await store.close().catch(() => {}) // it is closed already when it was finished
  }
}

/** A state of another blob is of no use; nor is content without a state. */
async function openSink(root: Uint8Array, store: FileStore): Promise<Sink> {
  if (store.state === undefined) return createSink(root, { store })
  let sink: Sink
  try {
    sink = createSink(root, { store, state: store.state })
  } catch {
    return createSink(root, { store })
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
    if (isBegun === undefined) for (const ending of ['part', 'pairs']) await rm(`${path}.${ending}`, { force: true })
    return await openFileStore(path)
  } catch (cause) {
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })
  }
}
