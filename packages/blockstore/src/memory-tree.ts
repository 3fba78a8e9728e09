/** A tree in memory: the obvious twin of `tree-import.ts`, one entity after the other by the calls that there are for one. */
import { toHex } from './bytes.ts'
import { blockKeyOf } from './cid.ts'
import { ended, malformed } from './file-rules.ts'
import type { AbortOptions, Blockstore, CidLike, EntityKind, FileImport, TreeBlock, TreeImport } from './ports.ts'

type Store = Pick<Blockstore, 'importFile' | 'putBlock' | 'putEntity'>

export class MemoryTree implements TreeImport {
  readonly #store: Store
  readonly #cid: CidLike
  readonly #options: AbortOptions
  readonly #directories: { readonly cid: CidLike; readonly depth: number }[] = []
  #file: FileImport | undefined
  #phase: 'new' | 'open' | 'ended' = 'new'

  constructor(store: Store, cid: CidLike, options: AbortOptions) {
    this.#store = store
    this.#cid = cid
    this.#options = options
  }

  async add(block: TreeBlock): Promise<void> {
    if (this.#phase === 'ended') throw ended()
    try {
      this.#options.signal?.throwIfAborted()
      await this.#take({ ...block, cid: block.cid, block: block.block.slice() })
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async #take(block: TreeBlock): Promise<void> {
    const { cid, kind, isEntityRoot } = block
    if (this.#phase === 'new' && (!isEntityRoot || toHex(blockKeyOf(cid)) !== toHex(blockKeyOf(this.#cid)))) {
      throw malformed('the first block is not the root')
    }
    this.#phase = 'open'
    if (kind === 'file' && !isEntityRoot) {
      if (this.#file === undefined) throw malformed('a part of a file comes where no file has begun')
      return await this.#file.add(block)
    }
    await this.#leave(block.depth)
    if (kind === 'file') {
      this.#file = this.#store.importFile(cid, this.#options)
      return await this.#file.add(block)
    }
    await this.#store.putBlock(cid, block.block)
    if (kind === 'shard' && isEntityRoot) this.#directories.push({ cid, depth: block.depth })
    else if (isEntityRoot) await this.#store.putEntity({ cid, kind: kind as EntityKind })
  }

  async #leave(depth: number): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.commit()
    while ((this.#directories.at(-1)?.depth ?? -1) >= depth)
      await this.#store.putEntity({ cid: this.#directories.pop()!.cid, kind: 'directory' })
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    return await this.#file?.getBlock(cid)
  }

  async commit(): Promise<void> {
    if (this.#phase === 'ended') throw ended()
    try {
      this.#options.signal?.throwIfAborted()
      if (this.#phase === 'new') throw malformed('a tree has at least one block')
      await this.#leave(0)
    } finally {
      await this.abort()
    }
  }

  async abort(): Promise<void> {
    this.#phase = 'ended'
    const file = this.#file
    this.#file = undefined
    await file?.abort()
  }
}
