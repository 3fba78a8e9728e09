/** The client's end of a paying session: what it signs, and when. */
import type { Evidence } from './check.ts'
import type { Delegation } from './delegation.ts'
import type { SessionPayer } from './ports.ts'

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
  readonly nowMs: () => number
}

export interface Payer extends SessionPayer {
  /** DATA of the lane is verified up to `offset`. Signs when it is time to. */
  verified(lane: number, offset: bigint): void
  /** End of a response, or before the session is left: signs what is verified and unsigned. */
  flush(): void
  /** All chains are FINAL; then the session may be closed. */
  finish(): void
  readonly cost: { readonly bytes: bigint; readonly microUsd: bigint }
  readonly receipts: readonly Receipt[]
}

/** The newest acknowledgement of one chain, with all that is needed to check it offline. */
export interface Receipt {
  readonly evidence: Evidence
  readonly nodeKey: Uint8Array
}
