/**
 * A walk over single blocks (ipfs.md §1.4, mode C): the repair for sources that have no CAR. Every block's hash is checked.
 * Requests run ahead of the walk by a window in file order, never by all the siblings at once.
 */
import type { CID } from 'multiformats/cid'
import { BlockBody, JoinBuffer } from './block-body.ts'
import { IDENTITY } from './constants.ts'
import type { BlockPort } from './ports.ts'
import { checkBlock, inlineBody } from './read-block.ts'
import type { VerifiedBlock } from './verified-block.ts'
import type { Walk } from './walk.ts'

/** ipfs.md §1.4: at most 16 blocks are asked for at any moment. */
const AHEAD_MAX = 16

export interface ReadBlocksOptions {
  /** Blocks that are asked for before the walk needs them, 0 to 15. @default 0 */
  readonly ahead?: number
  readonly signal?: AbortSignal
}

export async function* readBlocks(
  walk: Walk,
  blocks: BlockPort,
  { ahead = 0, signal }: ReadBlocksOptions,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  if (!Number.isInteger(ahead) || ahead < 0 || ahead >= AHEAD_MAX)
    throw new RangeError(`ahead must be from 0 to ${AHEAD_MAX - 1}, got ${ahead}`)
  const buffer = new JoinBuffer()
  const window = new Window(blocks, signal)
  try {
    for (let expected = walk.next(); expected !== undefined; expected = walk.next()) {
      signal?.throwIfAborted()
      if (expected.cid.multihash.code === IDENTITY) {
        yield walk.accept(inlineBody(expected, buffer))
        continue
      }
      for (const cid of walk.following(ahead)) window.ask(cid)
      const block = await window.take(expected.cid)
      await checkBlock(block, expected, walk)
      yield walk.accept(new BlockBody([block], block.length, buffer))
    }
  } finally {
    window.close()
  }
}

/** Requests that run ahead, by CID, and the one signal that ends them all. */
class Window {
  readonly #blocks: BlockPort
  readonly #signal: AbortSignal | undefined
  readonly #controller = new AbortController()
  readonly #asked = new Map<string, Promise<Uint8Array>>()
  readonly #abort = (): void => this.#controller.abort(this.#signal?.reason)

  constructor(blocks: BlockPort, signal: AbortSignal | undefined) {
    this.#blocks = blocks
    this.#signal = signal
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  ask(cid: CID): void {
    const key = cid.toString()
    if (this.#asked.has(key)) return
    const block = this.#blocks.get(cid, { signal: this.#controller.signal })
    block.catch(() => undefined) // it is looked at when its turn comes, or never
    this.#asked.set(key, block)
  }

  async take(cid: CID): Promise<Uint8Array> {
    this.ask(cid)
    const key = cid.toString()
    const block = this.#asked.get(key)!
    this.#asked.delete(key)
    return await block
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#abort)
    if (this.#asked.size > 0) this.#controller.abort() // an abort makes an error with its stack, which costs more than a small block
  }
}
