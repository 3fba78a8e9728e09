/**
 * A download: verified bytes in order, from one node, and from the next where one fails. It goes on exactly where the last verified byte
 * ended, so that a caller sees one stream.
 */
import type { ByteRange } from '@selvedge/content'
import { entriesOf, flatBytes, type Entry, type VerifiedBlock } from '@selvedge/verified-car'
import { checkBytes } from './bytes-max.ts'
import { Callbacks } from './callbacks.ts'
import { clipOf } from './clip.ts'
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import type { Received } from './lane-bytes.ts'
import { lifeOf } from './life.ts'
import type { NodeLink } from './node-link.ts'
import { inOrder } from './node-order.ts'
import { savedStateOf, type DownloadState } from './saved.ts'
import { readOnce } from './read-once.ts'
import { formatTarget, type Target } from './target.ts'
import { openTransfer, type Transfer } from './transfer.ts'

export interface VerifiedPart {
  /** From the start of the flat content. */
  readonly offset: number
  /** A view, valid until the next iteration: copy what you keep. */
  readonly bytes: Uint8Array
}

export interface DownloadProgress {
  readonly type: 'verified'
  /** Verified bytes handed out so far. */
  readonly bytes: number
  /** Of the whole content, as far as it is proven or else claimed. */
  readonly size: number | undefined
}

/** What a callback throws ends the download, and is thrown to whoever reads it. */
export interface GetOptions {
  /** Bytes of the flat content; `end` exclusive, absent means to the end. Default: everything. */
  readonly range?: ByteRange | undefined
  /** What an earlier download of the same address saved of itself: goes on there. Instead of `range`. */
  readonly from?: DownloadState | undefined
  /**
   * Bytes of the content that are taken at most: of more, `CLIENT_TOO_LARGE`. Of a CID nothing is handed out then, since its first block proves the size; of a root what
   * came before, since its last chunk does. Default: whatever comes.
   */
  readonly bytesMax?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Each verified block of a CID, before its bytes are handed out; a view, valid during the call. */
  readonly onBlock?: ((block: VerifiedBlock) => void) | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** Iterate it once, to its end or to a `break`; or `close()` it. Until then it holds a lane. */
export interface Download extends AsyncIterable<VerifiedPart> {
  /** CID or root, as text. */
  readonly address: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Flat bytes of the whole content, proven; undefined while they are not (a root's are with its last chunk). */
  readonly size: number | undefined
  /** The node's word for it. */
  readonly sizeClaim: number | undefined
  /** How the node that sends now proves it. */
  readonly mode: 'blake3' | 'proof' | 'car'
  /** What every byte has been checked against. */
  readonly verification: 'cid' | 'blake3'
  /** The node that sends now. */
  readonly node: string
  /** Bytes that came over lanes for this, proofs included. */
  readonly receivedBytes: number
  /**
   * Where its reader stands: JSON, for `get(address, { from })` in this process or another. What was handed out counts as kept, so it is to be
   * asked for when that is written.
   */
  state(): DownloadState
  /**
   * Of a directory, sharded or not: its entries. Instead of iterating.
   * @param options.onBlock - each verified block that they are read out of, as `onBlock` of `get`, for who knows only now what it is.
   */
  entries(options?: Pick<GetOptions, 'onBlock'>): AsyncIterable<Entry>
  /** Asks no further node. Whoever still reads is told `CLIENT_CLOSED`. */
  close(): void
}

/** How one inner door of `get` and `fetch` looks: the default asks one node after the other. */
export type OpenDownload = (links: readonly NodeLink[], target: Target, options: GetOptions) => Promise<Download>

interface Start {
  readonly transfer: Transfer
  readonly blocks: AsyncIterable<VerifiedBlock> | undefined
  readonly first: VerifiedBlock | undefined
}

/**
 * Opens at the first node that answers.
 * @throws {ClientError} of the last node that was tried.
 */
export async function openDownload(links: readonly NodeLink[], target: Target, options: GetOptions): Promise<Download> {
  const { range = { start: 0 } } = options
  const { life, release } = lifeOf(options.signal)
  const received: Received = { bytes: 0 }
  const fixed = { target, links, options, received, life, release, callbacks: new Callbacks(), end: range.end }
  const state: Downloading = { ...fixed, left: links, position: range.start, start: undefined }
  try {
    state.start = await startAtNext(state)
  } catch (error) {
    release()
    throw error
  }
  return downloadOf(state)
}

/** A download of what has started. */
export function downloadOf(state: Downloading): Download {
  const { target, received, life, release, end } = state
  const opened = state.start!
  const { first } = opened
  const sending = (): Transfer => state.start!.transfer
  const take = readOnce('a download', () => opened)
  const kind = first === undefined ? 'file' : first.kind === 'shard' ? 'directory' : first.kind
  return {
    address: formatTarget(target),
    kind,
    get size() {
      const proven = sending().size?.()
      return proven?.state === 'verified' ? proven.bytes : state.fileSize
    },
    get sizeClaim() {
      return sending().answer.size
    },
    get mode() {
      return sending().mode
    },
    verification: target.kind === 'cid' ? 'cid' : 'blake3',
    get node() {
      return sending().node
    },
    get receivedBytes() {
      return received.bytes
    },
    state: () => savedStateOf(target, state.position, end),
    entries: ({ onBlock } = {}) => {
      take()
      return entriesIn(state, kind, onBlock)
    },
    close() {
      sending().close()
      life.abort(new ClientError('CLIENT_CLOSED', 'the download is closed')) // a node that is being asked is left too
      release()
    },
    [Symbol.asyncIterator]() {
      if (kind !== 'file') throw new ClientError('CLIENT_NOT_A_FILE', `${formatTarget(target)} is a ${kind}, not a file`)
      take()
      return partsOf(state)[Symbol.asyncIterator]()
    },
  }
}

export interface Downloading {
  readonly target: Target
  readonly links: readonly NodeLink[]
  readonly options: GetOptions
  readonly received: Received
  /** Over with the caller's abort, or his `close()`. */
  readonly life: AbortController
  /** Ends the listening to the caller's signal. */
  readonly release: () => void
  readonly callbacks: Callbacks
  /** Those that were not tried yet. */
  left: readonly NodeLink[]
  /** Every byte before it was handed out. */
  position: number
  readonly end: number | undefined
  start: Start | undefined
  fileSize?: number | undefined
}

/** What the caller did himself ends the download, whatever other nodes have. */
function throwOwn({ callbacks, life }: Downloading): void {
  if (callbacks.thrown !== undefined) throw callbacks.thrown.error
  life.signal.throwIfAborted()
}

/** The first of the remaining nodes that answers; the error of the last one where none does. */
async function startAtNext(state: Downloading): Promise<Start> {
  const { links, target, options, received, life, position, end } = state
  for (;;) {
    const [link] = inOrder(state.left, links)
    state.left = state.left.filter((each) => each !== link)
    if (link === undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', 'no node to ask')
    try {
      const range = end === undefined ? { start: position } : { start: position, end }
      const transfer = await openTransfer(link, target, { range, received, life: life.signal, signal: options.signal })
      const start = await startOf(transfer, state)
      if (start.first?.fileSize !== undefined) state.fileSize = start.first.fileSize
      return start
    } catch (error) {
      throwOwn(state)
      if (state.left.length === 0) throw error
    }
  }
}

/** Of a CID, waits for the root block: it proves the kind and the size. */
async function startOf(transfer: Transfer, { options, callbacks, life }: Downloading): Promise<Start> {
  if (transfer.blocks === undefined) return { transfer, blocks: undefined, first: undefined }
  const onBlock = (block: VerifiedBlock): void => callbacks.call(options.onBlock, block)
  const iterator = transfer.blocks[Symbol.asyncIterator]()
  try {
    const { done, value } = await iterator.next()
    if (done === true) throw new ClientError('CLIENT_BAD_ANSWER', `${transfer.node} sent no block`, { node: transfer.node })
    return { transfer, blocks: resumed(value, iterator, onBlock), first: value }
  } catch (error) {
    transfer.close()
    throw asClientError(error, transfer.link, life.signal)
  }
}

/** `first`, and what `iterator` yields after it. */
export async function* resumed(
  first: VerifiedBlock,
  iterator: AsyncIterator<VerifiedBlock>,
  onBlock: (block: VerifiedBlock) => void,
): AsyncGenerator<VerifiedBlock> {
  try {
    for (let block: VerifiedBlock | undefined = first; block !== undefined; ) {
      onBlock(block)
      yield block
      const { done, value } = await iterator.next()
      block = done === true ? undefined : value
    }
  } finally {
    await iterator.return?.()
  }
}

async function* heard(blocks: AsyncIterable<VerifiedBlock>, onBlock: (block: VerifiedBlock) => void): AsyncGenerator<VerifiedBlock> {
  for await (const block of blocks) {
    onBlock(block)
    yield block
  }
}

/** The next node goes on behind the last entry that was handed out: its blocks are the same, in the same order. */
async function* entriesIn(state: Downloading, kind: Download['kind'], onBlock: GetOptions['onBlock']): AsyncGenerator<Entry> {
  let count = 0
  try {
    if (kind !== 'directory') {
      state.start!.transfer.close()
      throwOwn(state)
      throw new ClientError('CLIENT_NOT_A_DIRECTORY', `${formatTarget(state.target)} is a ${kind}, not a directory`)
    }
    for (;;) {
      const { transfer, blocks } = state.start!
      try {
        throwOwn(state)
        let place = 0
        for await (const entry of entriesOf(heard(blocks!, (block) => state.callbacks.call(onBlock, block)))) {
          if (place++ < count) continue
          count++
          yield entry
        }
        return
      } catch (error) {
        throwOwn(state)
        const failure = asClientError(error, transfer.link)
        if (state.left.length === 0) throw failure
      } finally {
        transfer.close()
      }
      state.start = await startAtNext(state)
    }
  } finally {
    state.release()
  }
}

async function* partsOf(state: Downloading): AsyncGenerator<VerifiedPart> {
  const { target, options, callbacks, end, position: first } = state
  const address = formatTarget(target)
  const bound = (bytes: number): void => checkBytes(address, bytes, options.bytesMax)
  try {
    for (;;) {
      const { transfer, blocks } = state.start!
      try {
        const range = end === undefined ? { start: state.position } : { start: state.position, end }
        throwOwn(state)
        for await (const whole of blocks === undefined ? transfer.parts! : flatBytes(blocks, range)) {
          const part = clipOf(whole, range) // of a root whole chunks come
          if (part === undefined) continue
          throwOwn(state)
          const reached = part.offset + part.bytes.length
          callbacks.call(bound, reached - first)
          const size = state.fileSize ?? transfer.answer.size
          callbacks.call(options.onProgress, { type: 'verified', bytes: reached - first, size })
          state.position = reached
          yield part
        }
        return
      } catch (error) {
        throwOwn(state)
        const failure = asClientError(error, transfer.link)
        if (state.left.length === 0) throw failure
      } finally {
        transfer.close()
      }
      state.start = await startAtNext(state)
    }
  } finally {
    state.release()
  }
}
