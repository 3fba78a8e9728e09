/**
 * A run in 32 bytes: the hash of everything that happened, in order.
 *
 * An entry is 24 bytes, little endian: time f64, node i32, kind u32, size u32, extra u32. Entries are gathered in blocks of 64 KiB before they
 * are hashed. The hash function is handed in; without one entries are counted and the last of them kept, but there is no digest.
 */
import { check } from './errors.ts'

/** A hash in progress: `createHash('sha256')` of Node and `sha256.create()` of @noble/hashes fit. */
export interface Hash {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

export interface TraceEntry {
  readonly timeMs: number
  readonly node: number
  readonly kind: string
  readonly size: number
  readonly extra: number
}

export interface TraceOptions {
  readonly createHash?: (() => Hash) | undefined
  /** Entries that `last()` can show. @default 64 */
  readonly lastMax?: number
}

export interface Trace {
  /** Entries so far. */
  readonly count: number
  /** Adds an entry. `kind` is a short name of which few exist; `node` is -1 where there is none; `size` and `extra` are taken modulo 2^32. */
  record(timeMs: number, node: number, kind: string, size?: number, extra?: number): void
  /** Lower-case hex over all entries so far; more may follow. Empty without a hash function. */
  digest(): string
  /** The newest entries, oldest first: what a failing test prints. */
  last(): readonly TraceEntry[]
}

const ENTRY_BYTES = 24
const BLOCK_BYTES: number = ENTRY_BYTES * 2730

class HashedTrace implements Trace {
  readonly #createHash: (() => Hash) | undefined
  readonly #block = new Uint8Array(BLOCK_BYTES)
  readonly #view = new DataView(this.#block.buffer)
  readonly #kinds = new Map<string, number>()
  readonly #lastMax: number
  /** A ring of the newest entries, field by field: recording makes no object. */
  readonly #lastNumbers: Float64Array
  readonly #lastKinds: string[] = []
  #filled = 0
  #count = 0
  /** Chain of blocks: hash(previous ‖ block). A hash in progress cannot be read twice, a chain can. */
  #chain: Uint8Array = new Uint8Array(0)

  constructor(createHash: (() => Hash) | undefined, lastMax: number) {
    this.#createHash = createHash
    this.#lastMax = lastMax
    this.#lastNumbers = new Float64Array(lastMax * 4)
  }

  get count(): number {
    return this.#count
  }

  record(timeMs: number, node: number, kind: string, size = 0, extra = 0): void {
    if (this.#lastMax > 0) this.#remember(timeMs, node, kind, size, extra)
    this.#count += 1
    if (this.#createHash === undefined) return
    const at = this.#filled
    this.#view.setFloat64(at, timeMs, true)
    this.#view.setInt32(at + 8, node, true)
    this.#view.setUint32(at + 12, this.#numberOf(kind), true)
    this.#view.setUint32(at + 16, size, true)
    this.#view.setUint32(at + 20, extra, true)
    this.#filled = at + ENTRY_BYTES
    if (this.#filled === BLOCK_BYTES) {
      this.#chain = this.#hashed()
      this.#filled = 0
    }
  }

  digest(): string {
    if (this.#createHash === undefined) return ''
    const names = new TextEncoder().encode([...this.#kinds.keys()].join('\n'))
    const hash = this.#createHash()
    hash.update(this.#hashed())
    hash.update(names)
    return [...hash.digest()].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  last(): readonly TraceEntry[] {
    const length = Math.min(this.#count, this.#lastMax)
    return Array.from({ length }, (_, i) => {
      const place = (this.#count - length + i) % this.#lastMax
      const [timeMs, node, size, extra] = this.#lastNumbers.subarray(place * 4, place * 4 + 4) as unknown as [
        number,
        number,
        number,
        number,
      ]
      return { timeMs, node, kind: this.#lastKinds[place] as string, size, extra }
    })
  }

  #remember(timeMs: number, node: number, kind: string, size: number, extra: number): void {
    const place = this.#count % this.#lastMax
    const numbers = this.#lastNumbers
    numbers[place * 4] = timeMs
    numbers[place * 4 + 1] = node
    numbers[place * 4 + 2] = size
    numbers[place * 4 + 3] = extra
    this.#lastKinds[place] = kind
  }

  #hashed(): Uint8Array {
    const hash = (this.#createHash as () => Hash)()
    hash.update(this.#chain)
    hash.update(this.#block.subarray(0, this.#filled))
    return hash.digest()
  }

  /** Numbers are given in the order of first use, which is part of what is hashed. */
  #numberOf(kind: string): number {
    const known = this.#kinds.get(kind)
    if (known !== undefined) return known
    const number = this.#kinds.size
    this.#kinds.set(kind, number)
    return number
  }
}

/** An empty trace. One entry costs about as much as one event of the engine. */
export function createTrace({ createHash, lastMax = 64 }: TraceOptions = {}): Trace {
  check(Number.isInteger(lastMax) && lastMax >= 0, `lastMax must be a whole number from 0, got ${lastMax}`)
  return new HashedTrace(createHash, lastMax)
}
