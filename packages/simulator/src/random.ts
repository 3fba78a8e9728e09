/**
 * Seeded chance: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018), one stream a purpose.
 *
 * A stream is named by its seed and a path, `(seed, node 7, 'jitter')`, and begins at a state that is hashed from both. Asking for a
 * stream draws nothing, so a new consumer shifts no other. Everything is 32-bit integer arithmetic and one exact division by a power of
 * two: equal seeds give equal values in every engine.
 */
import { check, SimulatorError } from './errors.ts'

export interface Random {
  /** A whole number, 0 <= n < 2^32. */
  u32(): number
  /** 0 <= x < 1, 53 bits. */
  next(): number
  /** A whole number, 0 <= n < limit; `limit` is a whole number from 1 to 2^32. Free of bias. */
  below(limit: number): number
  /** True in this share of calls. 0 and 1 draw as well, so that a changed share shifts nothing. */
  chance(share: number): boolean
  /** @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` for an empty list. */
  pick<T>(items: readonly T[]): T
  /** Shuffles in place and returns `items`. */
  shuffle<T>(items: T[]): T[]
  /** The stream of this one's path and `path` behind it. Draws nothing, and the same path gives the same stream again, from its start. */
  stream(...path: readonly (number | string)[]): Random
}

/** Avalanche of 32 bits (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by))

/** 128 bits that name a stream. Each word of the path goes through all four lanes. */
type Key = readonly [number, number, number, number]

function absorb([a, b, c, d]: Key, word: number): Key {
  const first = mix(a ^ word)
  const second = mix((b ^ first) + 0x9e3779b9)
  const third = mix((c ^ second) + 0x3c6ef372)
  const fourth = mix((d ^ third) + 0xdaa66d2b)
  return [(first + fourth) >>> 0, second, third, fourth]
}

function absorbPart(key: Key, part: number | string): Key {
  if (typeof part === 'number') {
    check(Number.isSafeInteger(part), `a seed and a path hold safe integers and strings, got ${part}`)
    return absorb(absorb(absorb(key, 1), part >>> 0), Math.floor(part / 2 ** 32) >>> 0)
  }
  let next = absorb(absorb(key, 2), part.length)
  for (let i = 0; i < part.length; i++) next = absorb(next, part.charCodeAt(i))
  return next
}

/** Up to here `u32 * limit` is exact (Lemire's method, "Fast random integer generation in an interval", 2019); above, by remainder. */
const MULTIPLIED_MAX: number = 2 ** 21

function refuseLimit(limit: number): never {
  throw new SimulatorError('SIMULATOR_BAD_ARGUMENT', `limit must be a whole number from 1 to 2^32, got ${limit}`)
}

class Stream implements Random {
  readonly #key: Key
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(key: Key) {
    this.#key = key
    const [a, b, c, d] = absorb(absorb(key, 3), 4)
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = (a | b | c | d) === 0 ? 1 : d // the one state that xoshiro never leaves
  }

  u32(): number {
    const b = this.#b
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const c = this.#c ^ this.#a
    const d = this.#d ^ b
    this.#b = b ^ c
    this.#a ^= d
    this.#c = c ^ (b << 9)
    this.#d = rotate(d, 11)
    return result
  }

  next(): number {
    return ((this.u32() >>> 5) * 2 ** 26 + (this.u32() >>> 6)) / 2 ** 53
  }

  below(limit: number): number {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 2 ** 32)) refuseLimit(limit)
    if (limit > MULTIPLIED_MAX) {
      const excess = 2 ** 32 % limit
      for (;;) {
        const value = this.u32()
        if (value < 2 ** 32 - excess) return value % limit
      }
    }
    for (;;) {
      const product = this.u32() * limit
      const whole = Math.floor(product / 2 ** 32)
      const rest = product - whole * 2 ** 32
      if (rest >= limit || rest >= 2 ** 32 % limit) return whole // the remainder is asked for once in 2^32 / limit draws
    }
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(items: readonly T[]): T {
    check(items.length > 0, 'nothing to pick from: the list is empty')
    return items[this.below(items.length)] as T
  }

  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const other = this.below(i + 1)
      const item = items[i] as T
      items[i] = items[other] as T
      items[other] = item
    }
    return items
  }

  stream(...path: readonly (number | string)[]): Random {
    return new Stream(path.reduce(absorbPart, this.#key))
  }
}

/**
 * A generator for `seed` and a path of names.
 *
 * @param seed - any safe integer.
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where a number is no safe integer.
 * @example const jitter = createRandom(42, 'node', 7, 'jitter')
 */
export function createRandom(seed: number, ...path: readonly (number | string)[]): Random {
  const start: Key = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] // digits of pi: nothing up the sleeve
  return new Stream([seed, ...path].reduce<Key>(absorbPart, start))
}
