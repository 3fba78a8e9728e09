import type { Limits } from '@selvedge/verified-car'

/** Every wait has a deadline (ipfs.md §1.5). */
export interface Timeouts {
  /** Until a connection stands; kept by the built-in client of Node, other `fetch`es have their own. @default 5,000 */
  readonly connectMs?: number
  /** Until status and headers have come, from when the request was sent. @default 10,000 */
  readonly firstByteMs?: number
  /** Between two chunks, while we wait for one. @default 10,000 */
  readonly idleMs?: number
  /** A body must bring `bytesPerSecondMin` on average over so much waiting. @default 15,000 */
  readonly rateWindowMs?: number
  /** The rate below which a gateway counts as stalled. @default 65,536 */
  readonly bytesPerSecondMin?: number
}

export interface IpfsOriginOptions {
  /**
   * Base URLs of trustless gateways, asked in this order. `https://host[:port][/base]`; plain http, loopback and private
   * addresses only by standing here: what is listed is the operator's word.
   */
  readonly gateways: readonly string[]
  readonly timeouts?: Timeouts
  /** Bounds on blocks and walks, each of which may be lowered. */
  readonly limits?: Limits
}

export function timeoutsOf(timeouts: Timeouts = {}): Required<Timeouts> {
  const { connectMs = 5_000, firstByteMs = 10_000, idleMs = 10_000, rateWindowMs = 15_000, bytesPerSecondMin = 65_536 } = timeouts
  return { connectMs, firstByteMs, idleMs, rateWindowMs, bytesPerSecondMin }
}
