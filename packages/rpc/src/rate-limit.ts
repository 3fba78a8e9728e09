/**
 * What each client address may still ask: a bucket that fills by time. One of it is about a millisecond of the node's time. At most `addressesMax` buckets are remembered; the one unused for
 * longest is forgotten first, which gives its address a full bucket again. No clock: time comes in.
 */
export interface RateLimitOptions {
  /** Requests a second and address, on average; a method may cost several. @default 200 */
  readonly requestsPerSecondMax?: number
  /** Requests that an address may send at once after a pause. @default 1,000 */
  readonly burstMax?: number
  /** Addresses remembered. @default 16,384 */
  readonly addressesMax?: number
}

export class RateLimit {
  readonly #buckets = new Map<string, { left: number; atMs: number }>()
  readonly #perSecond: number
  readonly #burst: number
  readonly #addresses: number

  constructor(options: RateLimitOptions = {}) {
    const { requestsPerSecondMax = 200, burstMax = 1_000, addressesMax = 16_384 } = options
    this.#perSecond = requestsPerSecondMax
    this.#burst = burstMax
    this.#addresses = addressesMax
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Takes `cost` from the bucket of `address`, or nothing when it holds less. */
  take(address: string, cost: number, nowMs: number): boolean {
    const key = prefixOf(address)
    const filled = this.#filled(key, nowMs)
    const isEnough = filled >= cost
    this.#put(key, isEnough ? filled - cost : filled, nowMs)
    return isEnough
  }

  /** Takes `cost` for work that was done already: the bucket may owe, and then gives nothing before it has filled again. */
  owe(address: string, cost: number, nowMs: number): void {
    const key = prefixOf(address)
    this.#put(key, this.#filled(key, nowMs) - cost, nowMs)
  }

  #filled(key: string, nowMs: number): number {
    const { left, atMs } = this.#buckets.get(key) ?? { left: this.#burst, atMs: nowMs }
    return Math.min(this.#burst, left + (Math.max(0, nowMs - atMs) * this.#perSecond) / 1_000)
  }

  #put(key: string, left: number, nowMs: number): void {
    this.#buckets.delete(key) // and set again: a Map iterates by age of insertion, so its first entry is the one unused for longest
    this.#buckets.set(key, { left, atMs: nowMs })
    if (this.#buckets.size > this.#addresses) this.#buckets.delete(this.#buckets.keys().next().value ?? key)
  }
}

/** Whoever has one IPv6 address has its /64, so that is what is counted; IPv4 in IPv6's clothes is IPv4. */
export function prefixOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('%', 1)[0]?.toLowerCase().split('::', 2) ?? []
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::') ? Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0') : []
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}
