/**
 * Knows which contents of the store are being read, so that none of them is removed: a blob that is open would survive it, the blocks of a file that
 * is read by its CID would not. Readers come through here, and so does whoever removes.
 *
 * Invariants: from before the store is asked for a content until it is closed it stands among the readers; one that is removed has none, and
 * whoever asks for it meanwhile is asked to wait and then finds it gone. A tree is not guarded, since it may be larger than the store: what is missing of it is
 * fetched again as it is read.
 */
import type { AbortOptions, ContentSourcePort, OpenedEntity, StoredBlob } from '@selvedge/content'
import { toHex } from '@selvedge/ledger-types'
import type { CID } from 'multiformats/cid'

export interface ReadGuardComponents {
  readonly source: Required<ContentSourcePort>
  readonly store: {
    entity(cid: CID): Promise<{ readonly root?: Uint8Array } | undefined>
    delete(root: Uint8Array): Promise<boolean>
  }
}

/** More are being opened all the time: then it stays for now. */
const LOOKS_MAX = 8

type CidOptions = Parameters<ContentSourcePort['openCid']>[1]

export class ReadGuard implements Required<ContentSourcePort> {
  readonly #source: ReadGuardComponents['source']
  readonly #store: ReadGuardComponents['store']
  /** How often each content is being read, by root. */
  readonly #reading = new Map<string, number>()
  /** CIDs of what is being opened, or is still arriving: which root they come to nobody knows yet. */
  readonly #unknown = new Set<{ readonly cid: CID }>()
  /** How many have ever stood there. */
  #unknownEver = 0
  readonly #leaving = new Map<string, Promise<unknown>>()
  /** Removals that are over. */
  #removed = 0

  constructor({ source, store }: ReadGuardComponents) {
    this.#source = source
    this.#store = store
  }

  async openRoot(root: Uint8Array, options?: AbortOptions): Promise<StoredBlob | undefined> {
    const key = toHex(root)
    const leave = this.#enter(key)
    try {
      await this.#leaving.get(key)?.catch(() => {}) // whoever removes it says what went wrong
      const blob = await this.#source.openRoot(root, options)
      if (blob !== undefined) return { ...blob, close: closing(blob, leave) }
      leave()
      return undefined
    } catch (error) {
      leave()
      throw error
    }
  }

  async openCid(cid: CID, options?: CidOptions): Promise<OpenedEntity> {
    for (;;) {
      const opening = { cid }
      const removedBefore = this.#removed
      this.#unknown.add(opening)
      this.#unknownEver++
      const forget = (): void => void this.#unknown.delete(opening)
      const entity = await this.#source.openCid(cid, options).catch((error: unknown) => {
        forget()
        throw error
      })
      if (!entity.complete) return { ...entity, close: closing(entity, forget) }
      if (entity.root === undefined) {
        forget() // of what has no flat bytes nothing is removed
        return entity
      }
      const key = toHex(entity.root)
      const leaving = this.#leaving.get(key)
      const leave = this.#enter(key)
      forget()
      const isHere = leaving === undefined && (this.#removed === removedBefore || (await this.#store.entity(cid)) !== undefined)
      if (isHere) return { ...entity, close: closing(entity, leave) }
      leave()
      await entity.close()
      await leaving?.catch(() => {}) // whoever removes it says what went wrong
    }
  }

  openTree(cid: CID, options?: AbortOptions): Promise<OpenedEntity> {
    return this.#source.openTree(cid, options)
  }

  /**
   * Removes a content from the store, unless it is being read or `isKept` says no in the very moment.
   * @returns whether it was there and is gone. @throws what the store throws.
   */
  async remove(root: Uint8Array, isKept: () => boolean): Promise<boolean> {
    const key = toHex(root)
    let ever = -1
    for (let left = LOOKS_MAX; ever !== this.#unknownEver; left--) {
      if (left === 0 || this.#reading.has(key)) return false
      ever = this.#unknownEver
      for (const { cid } of this.#unknown) {
        const entity = await this.#store.entity(cid)
        if (entity?.root !== undefined && toHex(entity.root) === key) return false
      }
    }
    if (this.#reading.has(key) || this.#leaving.has(key) || isKept()) return false
    const leaving = this.#store.delete(root)
    this.#leaving.set(key, leaving)
    try {
      return await leaving
    } finally {
      this.#leaving.delete(key)
      this.#removed++
    }
  }

  /** @returns what ends it, once. */
  #enter(key: string): () => void {
    this.#reading.set(key, (this.#reading.get(key) ?? 0) + 1)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const left = this.#reading.get(key)! - 1
      if (left > 0) this.#reading.set(key, left)
      else this.#reading.delete(key)
    }
  }
}

/** Closes it, and then nobody reads it any more. */
function closing(opened: { close(): Promise<void> }, leave: () => void): () => Promise<void> {
  return async () => {
    try {
      await opened.close()
    } finally {
      leave()
    }
  }
}
