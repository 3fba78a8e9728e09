/**
 * The asynchronous adversarial scheduler: no clock, and every order of deliveries is possible.
 *
 * What is sent waits in a pool for each (receiver, author). Each pick draws a pool by weight and a delivery from it. The weights, the
 * biases, change at random while the run goes on: a receiver becomes even-handed, prefers some authors, hears some of them not at all, or
 * falls behind as a whole; now and then all nodes are split into two camps that do not hear each other. A bias only delays: where all that
 * pends is ignored, the biases are drawn again, so everything is delivered in the end unless it is forgotten.
 *
 * It is biased on purpose. Uniform picks keep all nodes about equally far and find few of the orders that break a protocol.
 *
 * A pick walks the sums of the receivers and then one receiver's pools, O(receivers + authors); a change of one weight is O(1). For 4 to 100
 * nodes that is faster than a tree of partial sums, whose updates cost more than its searches save.
 */
import { check, isIndex, isShare } from './errors.ts'
import type { Random } from './random.ts'
import type { Delivery, Scheduler } from './scheduler.ts'

export interface AdversarialOptions {
  readonly receivers: number
  /** @default receivers */
  readonly authors?: number
  /** Share of picks before which one receiver's biases are drawn again. @default 0.1 */
  readonly shiftShare?: number
  /** Share of shifts that split all nodes into two camps instead, or join them where they are split. @default 0.05 */
  readonly campShare?: number
  /** Share of deliveries that stay in the pool and come once more. @default 0 */
  readonly duplicateShare?: number
  /** Share of what is added that is lost. @default 0 */
  readonly forgetShare?: number
  /** Deliveries of one pool come in the order they were added, as on a stream. @default false */
  readonly isOrdered?: boolean
}

export interface AdversarialScheduler<T> extends Scheduler<T> {
  /** From now on picks are uniform, and nothing is lost or doubled: the fair phase that liveness is judged in. */
  beFair(): void
  /** What happened, for a scenario that must fail where it did not. */
  readonly counts: { readonly shifts: number; readonly camps: number; readonly duplicated: number; readonly forgotten: number }
}

interface Waiting<T> {
  readonly item: T
  readonly number: number
}

const WEIGHT_MAX = 256
const POOLS_MAX: number = 2 ** 20

/** Weight of an author for a receiver that is even-handed, skewed, deaf to some or behind; `draw` is 0 to 4. */
function weightOf(style: number, draw: number): number {
  if (style === 0) return 16
  if (style === 1) return 1 << (2 * draw)
  if (style === 2) return draw < 2 ? 0 : 64
  return 1
}

class Adversary<T> implements AdversarialScheduler<T> {
  readonly counts = { shifts: 0, camps: 0, duplicated: 0, forgotten: 0 }
  readonly #random: Random
  readonly #receivers: number
  readonly #authors: number
  readonly #options: Required<AdversarialOptions>
  readonly #pools: Waiting<T>[][]
  readonly #added: Float64Array
  /** Bias of a pool; what is held of it is 0 while it is empty or its ends are in different camps. */
  readonly #weights: Int32Array
  readonly #held: Int32Array
  /** What is held, by receiver. */
  readonly #sums: Int32Array
  readonly #campOf: Uint8Array
  #isSplit = false
  #isFair = false
  #total = 0
  #size = 0

  constructor(random: Random, options: Required<AdversarialOptions>) {
    this.#random = random
    this.#options = options
    this.#receivers = options.receivers
    this.#authors = options.authors
    const pools = this.#receivers * this.#authors
    this.#pools = Array.from({ length: pools }, () => [])
    this.#added = new Float64Array(pools)
    this.#weights = new Int32Array(pools).fill(WEIGHT_MAX)
    this.#held = new Int32Array(pools)
    this.#sums = new Int32Array(this.#receivers)
    this.#campOf = new Uint8Array(Math.max(this.#receivers, this.#authors))
    for (let receiver = 0; receiver < this.#receivers; receiver++) this.#shift(receiver)
  }

  get size(): number {
    return this.#size
  }

  add(receiver: number, author: number, item: T): void {
    const pool = this.#poolOf(receiver, author)
    const number = this.#added[pool] as number
    this.#added[pool] = number + 1
    const { forgetShare } = this.#options
    if (forgetShare > 0 && !this.#isFair && this.#random.chance(forgetShare)) {
      this.counts.forgotten += 1
      return
    }
    const waiting = this.#pools[pool] as Waiting<T>[]
    waiting.push({ item, number })
    this.#size += 1
    if (waiting.length === 1) this.#refresh(pool)
  }

  next(): Delivery<T> | undefined {
    if (this.#size === 0) return undefined
    if (!this.#isFair && this.#random.chance(this.#options.shiftShare)) this.#drawBiases()
    for (let attempt = 0; this.#total === 0; attempt++) this.#wake(attempt)
    const pool = this.#find(this.#random.below(this.#total))
    const waiting = this.#pools[pool] as Waiting<T>[]
    const at = this.#options.isOrdered || waiting.length === 1 ? 0 : this.#random.below(waiting.length)
    const { item, number } = waiting[at] as Waiting<T>
    const { duplicateShare } = this.#options
    if (duplicateShare > 0 && !this.#isFair && this.#random.chance(duplicateShare)) this.counts.duplicated += 1
    else this.#remove(pool, at)
    const receiver = Math.floor(pool / this.#authors)
    return { receiver, author: pool - receiver * this.#authors, item, number }
  }

  forget(receiver: number, author?: number): number {
    const first = this.#poolOf(receiver, author ?? 0)
    const end = author === undefined ? first + this.#authors : first + 1
    let forgotten = 0
    for (let pool = first; pool < end; pool++) {
      forgotten += (this.#pools[pool] as Waiting<T>[]).length
      this.#pools[pool] = []
      this.#refresh(pool)
    }
    this.#size -= forgotten
    this.counts.forgotten += forgotten
    return forgotten
  }

  beFair(): void {
    this.#isFair = true
    this.#isSplit = false
    this.#weights.fill(1)
    this.#refreshAll()
  }

  #poolOf(receiver: number, author: number): number {
    if (!isIndex(receiver, this.#receivers)) check(false, `receiver must be below ${this.#receivers}, got ${receiver}`)
    if (!isIndex(author, this.#authors)) check(false, `author must be below ${this.#authors}, got ${author}`)
    return receiver * this.#authors + author
  }

  #remove(pool: number, at: number): void {
    const waiting = this.#pools[pool] as Waiting<T>[]
    if (this.#options.isOrdered) waiting.shift()
    else {
      const last = waiting.pop() as Waiting<T>
      if (at < waiting.length) waiting[at] = last
    }
    this.#size -= 1
    if (waiting.length === 0) this.#refresh(pool)
  }

  #drawBiases(): void {
    if (this.#random.chance(this.#options.campShare)) this.#drawCamps()
    else this.#shift(this.#random.below(this.#receivers))
  }

  #drawCamps(): void {
    this.counts.camps += 1
    this.#isSplit = !this.#isSplit
    if (this.#isSplit) for (let node = 0; node < this.#campOf.length; node++) this.#campOf[node] = this.#random.below(2)
    this.#refreshAll()
  }

  /** Draws one receiver's biases: even, skewed, deaf to some, or behind as a whole. */
  #shift(receiver: number): void {
    this.counts.shifts += 1
    const style = this.#random.below(4)
    const first = receiver * this.#authors
    for (let pool = first; pool < first + this.#authors; pool++) {
      const draw = this.#random.below(5)
      this.#weights[pool] = weightOf(style, draw)
      this.#refresh(pool)
    }
  }

  /** Something waits and everything that waits is ignored: one receiver's biases anew, in the end all even. */
  #wake(attempt: number): void {
    if (attempt < 2) return this.#drawBiases()
    this.#isSplit = false
    this.#weights.fill(1)
    this.#refreshAll()
  }

  #refreshAll(): void {
    for (let pool = 0; pool < this.#held.length; pool++) this.#refresh(pool)
  }

  #weightOf(pool: number): number {
    if ((this.#pools[pool] as Waiting<T>[]).length === 0) return 0
    if (!this.#isSplit) return this.#weights[pool] as number
    const receiver = Math.floor(pool / this.#authors)
    return this.#campOf[receiver] === this.#campOf[pool - receiver * this.#authors] ? (this.#weights[pool] as number) : 0
  }

  /** Brings the sums up to date with one pool. In the fair phase a pool weighs as much as another, however much waits in it. */
  #refresh(pool: number): void {
    const weight = this.#weightOf(pool)
    const change = weight - (this.#held[pool] as number)
    if (change === 0) return
    const receiver = Math.floor(pool / this.#authors)
    this.#held[pool] = weight
    this.#sums[receiver] = (this.#sums[receiver] as number) + change
    this.#total += change
  }

  /** The pool in which the running sum of weights passes `target`. */
  #find(target: number): number {
    let rest = target
    let receiver = 0
    for (; rest >= (this.#sums[receiver] as number); receiver++) rest -= this.#sums[receiver] as number
    let pool = receiver * this.#authors
    for (; rest >= (this.#held[pool] as number); pool++) rest -= this.#held[pool] as number
    return pool
  }
}

/**
 * A scheduler that delivers what pends in an order that `random` draws, biased against the protocol.
 *
 * @param random - a stream of its own: `createRandom(seed, 'schedule')`.
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT`: a share outside 0..1, or more than 2^20 pools.
 * @example
 * const scheduler = createAdversarialScheduler<string>(createRandom(42), { receivers: 4 })
 * scheduler.add(0, 3, 'to node 0, by node 3')
 * const delivery = scheduler.next()
 */
export function createAdversarialScheduler<T>(random: Random, options: AdversarialOptions): AdversarialScheduler<T> {
  const { receivers, authors = receivers, shiftShare = 0.1, campShare = 0.05 } = options
  const { duplicateShare = 0, forgetShare = 0, isOrdered = false } = options
  const pools = receivers * authors
  check(Number.isInteger(pools) && pools >= 1 && pools <= POOLS_MAX, `receivers × authors must be 1 to ${POOLS_MAX}, got ${pools}`)
  check(Number.isInteger(receivers) && Number.isInteger(authors), 'receivers and authors must be whole numbers')
  for (const share of [shiftShare, campShare, forgetShare]) check(isShare(share), `a share must be 0 to 1, got ${share}`)
  check(duplicateShare >= 0 && duplicateShare < 1, `duplicateShare must be below 1, got ${duplicateShare}`)
  return new Adversary<T>(random, { receivers, authors, shiftShare, campShare, duplicateShare, forgetShare, isOrdered })
}
