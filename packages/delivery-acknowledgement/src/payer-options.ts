/** What a payer is told by whoever pays. */
import type { Delegation } from './delegation.ts'
import type { Ticks } from './payer-ticks.ts'

export interface PayerOptions {
  readonly chainId: number
  /** Ed25519 key of the node, 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly delegation: Delegation
  /** By the delegation's session key: the preimage in, 64 bytes out. */
  readonly sign: (preimage: Uint8Array) => Uint8Array
  /** What the session may cost at most, in µUSD. */
  readonly capMicroUsd: bigint
  /** The highest prices that are paid, in 10^-12 USD; without it, whatever the ledger governs. */
  readonly priceMax?: { readonly bytePrice: bigint; readonly cpuPrice: bigint }
  /** Services that may charge processor time, which only the node can know, as far as the caps go. @default none: content has none */
  readonly meteredServices?: readonly number[]
  /**
   * In the middle of a response, elements of a hash chain in place of signatures, 64 KiB each and up to 256 behind one: for services that are not
   * metered. `createTicks()`. @default none: everything is signed for
   */
  readonly ticks?: Ticks
  /** Any clock that does not go back; it measures what acknowledgements say of the node, and decides nothing. */
  readonly nowMs: () => number
}
