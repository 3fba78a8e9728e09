/**
 * The store as the fetcher sees it: before something arrives there is room for it, and a file that is too large to be kept is passed on.
 *
 * What is passed on stands in the store as blocks for themselves, which make room for one another: whoever reads along finds them, whoever comes later
 * asks for them anew, and who falls behind by more than blocks may have is given them once more by the fetcher. So a file of any size can be read through a store of any size, and nothing leaves for it
 * but other blocks.
 */
import type { Blockstore, StoredBlob } from '@selvedge/blockstore'
import type { CidLike, EntityLike, FileImportPort, StorePort, TreeImportPort, VerifiedBlockLike } from '@selvedge/fetcher'
import type { Eviction } from './eviction.ts'
import { PassedBlocks, Patience } from './passed-blocks.ts'

type Room = Pick<Eviction, 'makeRoom' | 'admit'>

export function storeWithRoom(store: Blockstore, room: Room): StorePort<StoredBlob> {
  const putBlock = async (cid: CidLike, bytes: Uint8Array): Promise<void> => {
    await room.makeRoom(bytes.length)
    await store.putBlock(cid, bytes)
  }
  const patience = new Patience()
  const passing = (): PassedBlocks => new PassedBlocks({ putBlock, getBlock: (cid) => store.getBlock(cid) }, { patience })
  return {
    open: (root) => store.open(root),
    entity: (cid) => store.entity(cid),
    getBlock: (cid, options) => store.getBlock(cid, options),
    putBlock,
    putEntity: (entity) => store.putEntity(entity),
    importFile: (cid) => new RoomyFile(() => store.importFile(cid), passing(), room),
    importTree: (cid) => new RoomyTree(store.importTree(cid), passing(), room),
  }
}

/** One file: into the store, or passed on. */
class RoomyFile implements FileImportPort {
  readonly #begin: () => FileImportPort
  readonly #passed: PassedBlocks
  readonly #room: Room
  #target: FileImportPort | 'passed' | undefined
  #leave: () => void = () => {}
  #size = 0

  constructor(begin: () => FileImportPort, passed: PassedBlocks, room: Room) {
    this.#begin = begin
    this.#passed = passed
    this.#room = room
  }

  async add(block: VerifiedBlockLike): Promise<void> {
    this.#target ??= await this.#targetFor(block)
    if (this.#target === 'passed') await this.#passed.put(block)
    else await this.#target.add(block)
  }

  async #targetFor({ fileSize = 0 }: VerifiedBlockLike): Promise<FileImportPort | 'passed'> {
    this.#size = fileSize
    const leave = this.#room.admit(fileSize)
    if (leave === undefined) return 'passed'
    this.#leave = leave
    await this.#room.makeRoom(fileSize)
    return this.#begin()
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    return await (typeof this.#target === 'object' ? this.#target : this.#passed).getBlock(cid)
  }

  async commit(options?: { readonly mayLinger?: boolean }): Promise<EntityLike> {
    try {
      this.#target ??= this.#begin() // of which it says that a file has at least one block
      if (this.#target !== 'passed') return await this.#target.commit(options)
      await this.#passed.settle()
      return { kind: 'file', size: this.#size }
    } finally {
      this.#leave()
    }
  }

  async abort(): Promise<void> {
    this.#leave()
    await (typeof this.#target === 'object' ? this.#target.abort() : this.#passed.end())
  }
}

/** Of a tree each file by itself; what is passed on of it is no part of the import. */
class RoomyTree implements TreeImportPort {
  readonly #target: TreeImportPort
  readonly #passed: PassedBlocks
  readonly #room: Room
  /** Of the file that is arriving. */
  #isPassing = false
  #leave: () => void = () => {}
  #hasBegun = false

  constructor(target: TreeImportPort, passed: PassedBlocks, room: Room) {
    this.#target = target
    this.#passed = passed
    this.#room = room
  }

  async add(block: VerifiedBlockLike): Promise<void> {
    const { isEntityRoot, kind, fileSize = 0 } = block
    if (kind !== 'file') await this.#room.makeRoom(block.block.length)
    if (isEntityRoot) {
      this.#leave()
      const leave = kind === 'file' ? this.#room.admit(fileSize) : () => {}
      this.#isPassing = leave === undefined
      this.#leave = leave ?? (() => {})
      if (kind === 'file' && leave !== undefined) await this.#room.makeRoom(fileSize)
    }
    if (this.#isPassing && kind === 'file') return await this.#passed.put(block)
    this.#hasBegun = true
    this.#passed.skip(block.cid)
    await this.#target.add(block)
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    return (await this.#target.getBlock(cid)) ?? (await this.#passed.getBlock(cid))
  }

  async commit(): Promise<void> {
    try {
      await this.#passed.settle()
      if (this.#hasBegun) await this.#target.commit()
    } finally {
      this.#leave()
    }
  }

  async abort(): Promise<void> {
    this.#leave()
    await this.#passed.end()
    await this.#target.abort()
  }
}
