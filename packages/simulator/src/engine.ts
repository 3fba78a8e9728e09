/**
 * Discrete events in virtual time: the earliest first, and among equals the one scheduled first.
 *
 * A 4-ary heap of (time f64, slot i32) in typed arrays; what an event is stands in its slot: kind, two whole numbers, generation and sequence
 * in 32 bytes of one typed array (half a cache line instead of one for each field), and a payload beside. A kind is a function
 * that was given once, so scheduling makes no closure and no object. A cancelled event stays in the heap
 * until its time or until the cancelled outnumber the rest, when the heap is rebuilt; its payload is let go at once.
 *
 * Tried and given up: (time, slot) side by side in one array, and 16 bytes a slot; neither was faster at 1e4 to 1e6 pending.
 *
 * Invariants: time never falls; (time, sequence) is a total order, so the order of events is a function of the calls alone; what lies
 * between two events costs nothing.
 */
import { check, SimulatorError } from './errors.ts'

/** A kind of event, made by `engine.kind`. `P` is its payload. */
export type EventKind<P> = number & { readonly __payload: (payload: P) => void }

/** Names one scheduled event, for `cancel`. */
export type TimerId = number & { readonly __type: 'TimerId' }

export interface EngineOptions {
  /** Events that may run in all. The next one throws `SIMULATOR_BUDGET`. @default 1_000_000_000 */
  readonly eventsMax?: number
}

export interface Engine {
  /** Milliseconds since the beginning. */
  now(): number
  /** Events that are scheduled and not cancelled. */
  readonly pending: number
  /** Events that ran. */
  readonly ran: number
  /** Declares a kind of event; `name` stands in errors. */
  kind<P = undefined>(name: string, run: (a: number, b: number, payload: P) => void): EventKind<P>
  /**
   * Schedules an event. `a` and `b` are whole numbers of 32 bits with sign, handed to the kind's function with `payload`.
   *
   * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where `atMs` lies in the past or is not finite.
   */
  schedule<P>(atMs: number, kind: EventKind<P>, a: number, b: number, payload: P): TimerId
  /** Whether the event was still to come. */
  cancel(timer: TimerId): boolean
  /** Runs the next event, at its time; `false` where there is none. */
  step(): boolean
  /** Runs every event up to and at `untilMs`; then it is `untilMs`. */
  run(untilMs: number): void
  /** Time of the next event; `Infinity` where there is none. */
  nextMs(): number
}

const SLOT_BITS = 26
const SLOTS_MAX: number = 2 ** SLOT_BITS
const GENERATION_MASK: number = 2 ** 27 - 1
const CANCELLED = -1

/** Fields of a slot. The sequence is 53 bits in two. */
const STRIDE = 8
const KIND = 0
const FIRST = 1
const SECOND = 2
const GENERATION = 3
const SEQUENCE_HIGH = 4
const SEQUENCE_LOW = 5

type Run = (a: number, b: number, payload: unknown) => void

class HeapEngine implements Engine {
  readonly #eventsMax: number
  #nowMs = 0
  #ran = 0
  #sequence = 0
  #cancelled = 0
  // The heap.
  #size = 0
  #times = new Float64Array(64)
  #slots = new Int32Array(64)
  // The slots.
  #cells = new Int32Array(64 * STRIDE)
  #free = new Int32Array(64)
  readonly #payloads: unknown[] = []
  #used = 0
  #freeCount = 0
  readonly #runs: Run[] = []
  readonly #names: string[] = []
  #kindsRan = new Float64Array(16)

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax
  }

  now(): number {
    return this.#nowMs
  }

  get pending(): number {
    return this.#size - this.#cancelled
  }

  get ran(): number {
    return this.#ran
  }

  nextMs(): number {
    this.#skipCancelled()
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number)
  }

  kind<P>(name: string, run: (a: number, b: number, payload: P) => void): EventKind<P> {
    this.#names.push(name)
    if (this.#names.length > this.#kindsRan.length) this.#kindsRan = grown(this.#kindsRan, Float64Array)
    return (this.#runs.push(run as Run) - 1) as EventKind<P>
  }

  schedule<P>(atMs: number, kind: EventKind<P>, a: number, b: number, payload: P): TimerId {
    if (!(atMs >= this.#nowMs && atMs < Number.POSITIVE_INFINITY)) check(false, `an event must lie at or after ${this.#nowMs}, got ${atMs}`)
    const slot = this.#freeCount > 0 ? (this.#free[--this.#freeCount] as number) : this.#newSlot()
    const cells = this.#cells
    const cell = slot * STRIDE
    const sequence = this.#sequence++
    cells[cell + KIND] = kind
    cells[cell + FIRST] = a
    cells[cell + SECOND] = b
    cells[cell + SEQUENCE_HIGH] = sequence / 2 ** 31
    cells[cell + SEQUENCE_LOW] = sequence % 2 ** 31
    this.#payloads[slot] = payload
    this.#size += 1
    this.#up(this.#size - 1, atMs, slot)
    return ((cells[cell + GENERATION] as number) * SLOTS_MAX + slot) as TimerId
  }

  cancel(timer: TimerId): boolean {
    const slot = timer % SLOTS_MAX
    const generation = (timer - slot) / SLOTS_MAX
    const cell = slot * STRIDE
    if (!(slot < this.#used) || this.#cells[cell + GENERATION] !== generation || this.#cells[cell + KIND] === CANCELLED) return false
    this.#cells[cell + KIND] = CANCELLED
    this.#payloads[slot] = undefined
    this.#cancelled += 1
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#size) this.#rebuild()
    return true
  }

  step(): boolean {
    this.#skipCancelled()
    if (this.#size === 0) return false
    this.#runNext()
    return true
  }

  run(untilMs: number): void {
    const isAhead = untilMs >= this.#nowMs && untilMs < Number.POSITIVE_INFINITY
    if (!isAhead) check(false, `run until ${this.#nowMs} or later, got ${untilMs}`)
    for (;;) {
      this.#skipCancelled()
      if (this.#size === 0 || (this.#times[0] as number) > untilMs) break
      this.#runNext()
    }
    this.#nowMs = untilMs
  }

  #skipCancelled(): void {
    while (this.#cancelled > 0 && this.#cells[(this.#slots[0] as number) * STRIDE + KIND] === CANCELLED) {
      this.#release(this.#pop())
      this.#cancelled -= 1
    }
  }

  #runNext(): void {
    if (this.#ran >= this.#eventsMax) throw this.#overBudget()
    this.#nowMs = this.#times[0] as number
    this.#ran += 1
    const slot = this.#pop()
    const cell = slot * STRIDE
    const kind = this.#cells[cell + KIND] as number
    const a = this.#cells[cell + FIRST] as number
    const b = this.#cells[cell + SECOND] as number
    const payload = this.#payloads[slot]
    this.#payloads[slot] = undefined
    this.#release(slot)
    this.#kindsRan[kind] = (this.#kindsRan[kind] as number) + 1
    ;(this.#runs[kind] as Run)(a, b, payload)
  }

  #overBudget(): SimulatorError {
    const busiest = this.#kindsRan.indexOf(Math.max(...this.#kindsRan.subarray(0, this.#names.length)))
    const details = { ran: this.#ran, nowMs: this.#nowMs, pending: this.pending, busiest: this.#names[busiest] ?? '' }
    const busy = `most were ${details.busiest} (${this.#kindsRan[busiest]})`
    return new SimulatorError('SIMULATOR_BUDGET', `${this.#ran} events ran, at ${this.#nowMs} ms ${details.pending} pend; ${busy}`, details)
  }

  #newSlot(): number {
    if (this.#used === this.#slots.length) {
      check(this.#used < SLOTS_MAX, `at most ${SLOTS_MAX} events pend at once`)
      this.#times = grown(this.#times, Float64Array)
      this.#slots = grown(this.#slots, Int32Array)
      this.#cells = grown(this.#cells, Int32Array)
      this.#free = grown(this.#free, Int32Array)
    }
    this.#payloads.push(undefined)
    return this.#used++
  }

  #release(slot: number): void {
    const at = slot * STRIDE + GENERATION
    this.#cells[at] = ((this.#cells[at] as number) + 1) & GENERATION_MASK // an old TimerId names nothing
    this.#free[this.#freeCount++] = slot
  }

  /** Puts (time, slot) at `at` or above. */
  #up(from: number, time: number, slot: number): void {
    const times = this.#times
    const slots = this.#slots
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 2
      const above = times[parent] as number
      if (above < time || (above === time && this.#isBefore(slots[parent] as number, slot))) break
      times[at] = above
      slots[at] = slots[parent] as number
      at = parent
    }
    times[at] = time
    slots[at] = slot
  }

  /** Puts (time, slot) at `at` or below. */
  #down(from: number, time: number, slot: number): void {
    const times = this.#times
    const slots = this.#slots
    const size = this.#size
    let at = from
    for (;;) {
      const first = (at << 2) + 1
      if (first >= size) break
      const end = first + 4 < size ? first + 4 : size
      let least = first
      let leastTime = times[first] as number
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child] as number
        if (childTime < leastTime || (childTime === leastTime && this.#isBefore(slots[child] as number, slots[least] as number))) {
          least = child
          leastTime = childTime
        }
      }
      if (leastTime > time || (leastTime === time && this.#isBefore(slot, slots[least] as number))) break
      times[at] = leastTime
      slots[at] = slots[least] as number
      at = least
    }
    times[at] = time
    slots[at] = slot
  }

  #isBefore(slot: number, other: number): boolean {
    const cells = this.#cells
    const high = (cells[slot * STRIDE + SEQUENCE_HIGH] as number) - (cells[other * STRIDE + SEQUENCE_HIGH] as number)
    if (high !== 0) return high < 0
    return (cells[slot * STRIDE + SEQUENCE_LOW] as number) < (cells[other * STRIDE + SEQUENCE_LOW] as number)
  }

  #pop(): number {
    const slot = this.#slots[0] as number
    const last = --this.#size
    if (last > 0) this.#down(0, this.#times[last] as number, this.#slots[last] as number)
    return slot
  }

  /** Throws the cancelled out. The order of the rest is total, so the shape of the heap decides nothing. */
  #rebuild(): void {
    let kept = 0
    for (let i = 0; i < this.#size; i++) {
      const slot = this.#slots[i] as number
      if (this.#cells[slot * STRIDE + KIND] === CANCELLED) {
        this.#release(slot)
        continue
      }
      this.#times[kept] = this.#times[i] as number
      this.#slots[kept++] = slot
    }
    this.#size = kept
    this.#cancelled = 0
    for (let at = (kept - 2) >> 2; at >= 0; at--) this.#down(at, this.#times[at] as number, this.#slots[at] as number)
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, Type: new (length: number) => T): T {
  const next = new Type(from.length * 2)
  next.set(from)
  return next
}

/** An engine at time 0. One event costs O(log pending) and allocates nothing but what its payload is. */
export function createEngine({ eventsMax = 1_000_000_000 }: EngineOptions = {}): Engine {
  check(eventsMax >= 1, `eventsMax must be at least 1, got ${eventsMax}`)
  return new HeapEngine(eventsMax)
}
