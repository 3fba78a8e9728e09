/**
 * A token bucket for each address, asked before the first expensive work for it (sessions.md §2). IPv6 addresses count by their /56, which
 * is what one customer has. The table is bounded: when it is full of emptied buckets, addresses that are new share one.
 */
export interface AddressBucketsOptions {
  /** Tokens that come back each second. */
  readonly ratePerSecond: number
  /** Tokens of a bucket that was not used. */
  readonly burst: number
  /** @default 10,000 */
  readonly addressesMax?: number
}

export interface AddressBuckets {
  /** Takes a token of the address; false when it has none. */
  take(address: string, nowMs: number): boolean
  /** Gives a token back that was taken and turned out to cost nothing. */
  give(address: string): void
  readonly size: number
}

interface Bucket {
  tokens: number
  atMs: number
}

export function createAddressBuckets({ ratePerSecond, burst, addressesMax = 10_000 }: AddressBucketsOptions): AddressBuckets {
  const buckets = new Map<string, Bucket>()
  const shared: Bucket = { tokens: burst, atMs: 0 }
  const refill = (bucket: Bucket, nowMs: number): void => {
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * ratePerSecond) / 1_000)
    bucket.atMs = nowMs
  }
  /** Makes room by forgetting a bucket that is full again: it says no more than a new one. The map is in order of last use. */
  const makeRoom = (nowMs: number): boolean => {
    const [oldest] = buckets
    if (oldest === undefined) return false
    refill(oldest[1], nowMs)
    return oldest[1].tokens === burst && buckets.delete(oldest[0])
  }
  return {
    take(address, nowMs) {
      const key = networkOf(address)
      let bucket = buckets.get(key)
      if (bucket === undefined) {
        const hasRoom = buckets.size < addressesMax || makeRoom(nowMs)
        bucket = hasRoom ? { tokens: burst, atMs: nowMs } : shared
      }
      if (bucket !== shared) {
        buckets.delete(key)
        buckets.set(key, bucket)
      }
      refill(bucket, nowMs)
      if (bucket.tokens < 1) return false
      bucket.tokens--
      return true
    },
    give(address) {
      const bucket = buckets.get(networkOf(address)) ?? shared
      bucket.tokens = Math.min(burst, bucket.tokens + 1)
    },
    get size() {
      return buckets.size
    },
  }
}

/** The address itself for IPv4 (also written as IPv6), the first 56 bits in hex for IPv6. */
export function networkOf(address: string): string {
  const bare = address.split('%')[0]!.toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)
  if (mapped !== null) return mapped[1]!
  if (!bare.includes(':')) return bare
  const [head = '', tail] = bare.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined ? left : [...left, ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.padStart(4, '0'))
    .join('')
    .slice(0, 14)
}
