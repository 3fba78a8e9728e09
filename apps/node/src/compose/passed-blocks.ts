/**
 * Blocks of a file that is not kept, on their way past: into the store as blocks for themselves, readable at once, and the next one does not wait for the
 * disk, so that they share its syncs. The store holds few of them, so they wait for whoever reads along: no more than 1 MiB comes before the next is asked for.
 *
 * Nobody may ask any more, and who asks may want something further on. So a block that somebody waits for and that has not come lets all come that
 * are before it; nothing is waited for longer than a second, nor again before somebody reads; and only a few of all that pass are waited for at once, since each
 * holds a place among the fetches. A block that has come and has left the store by then lets nothing come: the fetcher gets it once more by itself.
 *
 * Invariants: at most 1 MiB and a block are held in memory, the places of 1,024 blocks, and 128 KiB that say which came; each block until the store can read it; after `end` none is.
 */
import { ArrivingBlocks, CameBlocks, type CidLike, type StorePort } from '@selvedge/fetcher'
import { toHex } from '@selvedge/ledger-types'

export type PassedBlocksComponents = Pick<StorePort<unknown>, 'putBlock' | 'getBlock'>

export interface PassedBlocksOptions {
  /** How long a reader is waited for. @default 1,000 */
  readonly waitMsMax?: number
  /** Of all that pass through one store. */
  readonly patience?: Patience
}

const AHEAD_BYTES_MAX: number = 2 ** 20
/** A quarter of the fetches that run at once. */
const WAITING_MAX = 16
/** Blocks that are remembered as not read yet, and as asked for before they came. */
const REMEMBERED_MAX = 1_024

/** How many are waited for at once. */
export class Patience {
  readonly #waitingMax: number
  #waiting = 0

  constructor(waitingMax: number = WAITING_MAX) {
    this.#waitingMax = waitingMax
  }

  /** Runs `wait` where not too many wait already. */
  async spend(wait: () => Promise<void>): Promise<void> {
    if (this.#waiting >= this.#waitingMax) return
    this.#waiting++
    try {
      await wait()
    } finally {
      this.#waiting--
    }
  }
}

export class PassedBlocks {
  readonly #store: PassedBlocksComponents
  readonly #waitMsMax: number
  readonly #patience: Patience
  readonly #arriving: ArrivingBlocks
  /** Of all that came, and of what somebody has read or is behind it. */
  #cameBytes = 0
  #readBytes = 0
  /** Where those end that nobody has read yet, in the order in which they came. */
  readonly #ends = new Map<string, number>()
  readonly #awaited = new Set<string>()
  /** All that came, another way too. */
  readonly #came = new CameBlocks()
  /** Somebody was waited for in vain. */
  #isAlone = false
  #goOn: () => void = () => {}

  constructor(store: PassedBlocksComponents, { waitMsMax = 1_000, patience = new Patience() }: PassedBlocksOptions = {}) {
    this.#store = store
    this.#arriving = new ArrivingBlocks(store)
    this.#waitMsMax = waitMsMax
    this.#patience = patience
  }

  /** A copy; undefined while it has not come. */
  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    const key = keyOf(cid)
    this.#noteRead(key)
    const held = this.#arriving.get(key)
    if (held !== undefined) return new Uint8Array(held)
    const stored = await this.#store.getBlock(cid)
    if (stored === undefined && !this.#came.has(cid) && this.#awaited.size < REMEMBERED_MAX) this.#awaited.add(key)
    this.#goOn()
    return stored
  }

  /** `block` is borrowed until it resolves. @throws what the store threw for this one or an earlier one */
  async put({ cid, block }: { readonly cid: CidLike; readonly block: Uint8Array }): Promise<void> {
    const key = keyOf(cid)
    const putting = this.#arriving.put(key, cid, block)
    this.#came.add(cid)
    this.#cameBytes += block.length
    this.#ends.delete(key) // of one that came before: it ends behind all of them now, and they stand in order
    this.#ends.set(key, this.#cameBytes)
    if (this.#awaited.delete(key)) this.#noteRead(key)
    const [oldest] = this.#ends
    if (this.#ends.size > REMEMBERED_MAX && oldest !== undefined) this.#passOver(oldest[1])
    await putting
    if (this.#isAhead) await this.#patience.spend(() => this.#waitForReader())
  }

  /** A block has come another way. */
  skip(cid: CidLike): void {
    this.#came.add(cid)
    if (this.#awaited.size > 0) this.#awaited.delete(keyOf(cid))
  }

  get #isAhead(): boolean {
    return this.#cameBytes - this.#readBytes > AHEAD_BYTES_MAX && this.#awaited.size === 0 && !this.#isAlone
  }

  async #waitForReader(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#isAlone = true
        resolve()
      }, this.#waitMsMax)
      this.#goOn = () => {
        if (!this.#isAhead) resolve()
      }
    })
    clearTimeout(timer)
    this.#goOn = () => {}
  }

  /** Whoever reads a block has no need of those before it. */
  #noteRead(key: string): void {
    const end = this.#ends.get(key)
    if (end === undefined) return
    this.#isAlone = false
    this.#passOver(end)
    this.#goOn()
  }

  #passOver(end: number): void {
    this.#readBytes = Math.max(this.#readBytes, end)
    for (const [key, itsEnd] of this.#ends) {
      if (itsEnd > this.#readBytes) break
      this.#ends.delete(key)
    }
  }

  /** All is in the store when it resolves. @throws what the store threw */
  settle(): Promise<void> {
    return this.#arriving.settle()
  }

  /** Waits for what runs; never rejects. */
  end(): Promise<void> {
    return this.#arriving.end()
  }
}

const keyOf = (cid: CidLike): string => toHex(cid.multihash.bytes)
