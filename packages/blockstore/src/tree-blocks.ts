/**
 * The blocks of a tree that are in memory: those that the store cannot read yet, and the newest of those that it can, for whoever reads
 * along. A block that several entities share is held as often as they do.
 */
import { mapKeyOf } from './bytes.ts'
import { blockKeyOf } from './cid.ts'
import { TREE_RECENT_BYTES } from './constants.ts'
import type { CidLike } from './ports.ts'

interface HeldBlock {
  readonly cid: CidLike
  readonly block: Uint8Array
}

export class TreeBlocks {
  readonly #held = new Map<string, { readonly block: Uint8Array; users: number }>()
  /** The longest ago first. */
  readonly #recent = new Map<string, Uint8Array>()
  #recentBytes = 0

  hold({ cid, block }: HeldBlock): void {
    const name = mapKeyOf(blockKeyOf(cid))
    const held = this.#held.get(name)
    if (held === undefined) this.#held.set(name, { block, users: 1 })
    else held.users++
  }

  /** They can be read elsewhere now. */
  release(blocks: readonly HeldBlock[]): void {
    for (const { cid } of blocks) {
      const name = mapKeyOf(blockKeyOf(cid))
      const held = this.#held.get(name)
      if (held === undefined || --held.users > 0) continue
      this.#held.delete(name)
      this.#remember(name, held.block)
    }
  }

  #remember(name: string, block: Uint8Array): void {
    if (!this.#recent.has(name)) this.#recentBytes += block.length
    this.#recent.set(name, block)
    for (const [oldest, { length }] of this.#recent) {
      if (this.#recentBytes <= TREE_RECENT_BYTES) return
      this.#recent.delete(oldest)
      this.#recentBytes -= length
    }
  }

  /** A copy. */
  get(cid: CidLike): Uint8Array | undefined {
    const name = mapKeyOf(blockKeyOf(cid))
    const block = this.#held.get(name)?.block ?? this.#recent.get(name)
    return block === undefined ? undefined : new Uint8Array(block)
  }

  clear(): void {
    this.#held.clear()
    this.#recent.clear()
    this.#recentBytes = 0
  }
}
