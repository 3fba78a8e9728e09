/**
 * Everything below a CID as one stream of entries, from one node, and from the next where one fails. One walk drives it, whichever node
 * sends: a block that was handed on is never asked of the caller again, and a file that was begun goes on where it was.
 */
import { createVerifiedWalk, type VerifiedBlock } from '@selvedge/verified-car'
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { checkBytes } from './bytes-max.ts'
import { Callbacks } from './callbacks.ts'
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import type { Received } from './lane-bytes.ts'
import type { NodeLink } from './node-link.ts'
import { checkName } from './names.ts'
import { readOnce } from './read-once.ts'
import { formatTarget, type Target } from './target.ts'
import { ask, OF_BLOCKS } from './transfer.ts'

export interface TreeEntry {
  /** Names joined with `/`, each of which is a plain file name; empty for what was asked. */
  readonly path: string
  readonly cid: CID
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes of a file, or of a symlink's target; else 0. Proven. */
  readonly size: number
  /**
   * The verified bytes of a file, in order, or of a symlink its target; of anything else none. Views, valid until the next iteration: copy
   * what you keep. To be read once, before the next entry is asked for.
   */
  readonly content: AsyncIterable<Uint8Array>
}

export interface TreeProgress {
  readonly type: 'entry' | 'verified'
  /** Entries handed out so far. */
  readonly entries: number
  /** Verified bytes of files that have come so far. */
  readonly bytes: number
}

/** What a callback throws ends the tree, and is thrown to whoever reads it. */
export interface TreeOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes of all files together that are taken at most: `CLIENT_TOO_LARGE` in place of the file that would pass it, whose size its first block proves. Default: whatever comes. */
  readonly bytesMax?: number | undefined
  readonly onProgress?: ((progress: TreeProgress) => void) | undefined
  /** Each verified block, before its bytes are handed out; a view, valid during the call. */
  readonly onBlock?: ((block: VerifiedBlock) => void) | undefined
}

/** Iterate it once, to its end or to a `break`. While it is read it holds a lane. */
export interface Tree extends AsyncIterable<TreeEntry> {
  /** The CID, as text. */
  readonly address: string
  /** The node that sends now; undefined before the first. */
  readonly node: string | undefined
  /** Bytes that came over lanes for this, proofs included. */
  readonly receivedBytes: number
}

interface State {
  readonly links: readonly NodeLink[]
  readonly target: Extract<Target, { kind: 'cid' }>
  readonly options: TreeOptions
  readonly received: Received
  node: string | undefined
  entries: number
  bytes: number
}

export function openTree(links: readonly NodeLink[], target: Extract<Target, { kind: 'cid' }>, options: TreeOptions): Tree {
  const state: State = { links, target, options, received: { bytes: 0 }, node: undefined, entries: 0, bytes: 0 }
  return {
    address: formatTarget(target),
    get node() {
      return state.node
    },
    get receivedBytes() {
      return state.received.bytes
    },
    [Symbol.asyncIterator]: readOnce('a tree', () => entriesOf(state)),
  }
}

/** The blocks of one walk, from as many nodes as it takes. @throws {ClientError} of the last node that was tried. */
async function* blocksOf(state: State): AsyncGenerator<VerifiedBlock, void, undefined> {
  const { links, target, received, options } = state
  const { signal, onBlock } = options
  const abort = signal === undefined ? {} : { signal }
  const callbacks = new Callbacks()
  const walk = createVerifiedWalk(target.cid, { scope: 'all' })
  for (const [place, link] of links.entries()) {
    let close = (): void => {}
    try {
      const asked = await ask(link, target, { ranges: ChunkRanges.all, scope: 'all', received, signal })
      const { payment, source, paid } = asked
      close = asked.close
      state.node = link.name
      const onRepeated = (streamEnd: number): void => {
        payment.verified(streamEnd)
        payment.taken(streamEnd) // nobody waits for it
      }
      const blocks = walk.readCar(source, { header: false, onlyAsked: true, onRepeated, ...abort })
      for await (const block of paid(blocks, OF_BLOCKS)) {
        callbacks.call(onBlock, block)
        yield block
      }
      return
    } catch (error) {
      if (callbacks.thrown !== undefined) throw callbacks.thrown.error
      const named = asClientError(error, link, signal)
      const isFinal = (error as { isFinal?: unknown }).isFinal === true // the DAG itself is wrong, at every node
      if (signal?.aborted || isFinal || place === links.length - 1) throw named
    } finally {
      close()
    }
  }
}

/** Where the stream of blocks stands: the entry and its content read on from one place. What ended it is told to whoever reads on. */
class Cursor {
  readonly #blocks: AsyncGenerator<VerifiedBlock, void, undefined>
  #failure: { readonly error: unknown } | undefined
  current: VerifiedBlock | undefined
  /** The step that is on its way. */
  coming: Promise<void> | undefined

  constructor(blocks: AsyncGenerator<VerifiedBlock, void, undefined>) {
    this.#blocks = blocks
  }

  async advance(): Promise<VerifiedBlock | undefined> {
    this.coming = this.#step()
    await this.coming
    if (this.#failure !== undefined) throw this.#failure.error
    return this.current
  }

  async #step(): Promise<void> {
    try {
      const { done, value } = await this.#blocks.next()
      this.current = done === true ? undefined : value
    } catch (error) {
      this.#failure = { error }
    }
    this.coming = undefined
  }

  async close(): Promise<void> {
    await this.#blocks.return(undefined)
  }
}

async function* entriesOf(state: State): AsyncGenerator<TreeEntry, void, undefined> {
  const cursor = new Cursor(blocksOf(state))
  const { bytesMax, onProgress } = state.options
  let bytes = 0
  try {
    await cursor.advance()
    for (let block = cursor.current; block !== undefined; block = cursor.current) {
      const { path, isEntityRoot } = block
      if (!isEntityRoot || path === undefined) {
        await cursor.advance() // a shard further down, or what has no name of its own
        continue
      }
      const name = path.at(-1)
      if (name !== undefined) checkName(name)
      bytes += block.kind === 'file' ? block.fileSize! : 0
      checkBytes(formatTarget(state.target), bytes, bytesMax)
      const reading = { isOver: false }
      state.entries++
      onProgress?.({ type: 'entry', entries: state.entries, bytes: state.bytes })
      yield entryOf(block, path, contentOf(state, cursor, block, reading))
      reading.isOver = true
      await cursor.coming // bytes of the content that nobody waited for
      if (cursor.current === block) await cursor.advance()
      while (isPartOf(cursor.current)) await cursor.advance() // verified all the same
    }
  } finally {
    await cursor.close()
  }
}

function entryOf(block: VerifiedBlock, path: readonly string[], content: AsyncIterable<Uint8Array>): TreeEntry {
  const { cid, kind } = block
  const size = kind === 'file' ? block.fileSize! : kind === 'symlink' ? block.dataEnd - block.dataStart : 0
  return { path: path.join('/'), cid, kind: kind === 'shard' ? 'directory' : kind, size, content }
}

const isPartOf = (block: VerifiedBlock | undefined): block is VerifiedBlock => block?.kind === 'file' && !block.isEntityRoot

async function* contentOf(
  state: State,
  cursor: Cursor,
  first: VerifiedBlock,
  reading: { readonly isOver: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { onProgress } = state.options
  if (first.kind !== 'file' && first.kind !== 'symlink') return
  if (reading.isOver || cursor.current !== first) throw stale()
  let block: VerifiedBlock | undefined = first
  do {
    for (const bytes of block.parts) {
      if (reading.isOver) throw stale()
      state.bytes += first.kind === 'file' ? bytes.length : 0
      onProgress?.({ type: 'verified', entries: state.entries, bytes: state.bytes })
      yield bytes
    }
    if (reading.isOver) throw stale()
    if (first.kind === 'symlink') return
    block = await cursor.advance()
  } while (isPartOf(block))
}

function stale(): ClientError {
  return new ClientError('CLIENT_BAD_ARGUMENT', 'the content of an entry is read once, before the next entry is asked for')
}
