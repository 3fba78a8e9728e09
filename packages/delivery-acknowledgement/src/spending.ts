/** What one account acknowledged at one node in one epoch. */
export class Spending {
  #microUsd = 0n
  #restBytes = 0
  readonly #byDelegation = new Map<string, bigint>()

  /** µUSD, all delegations together. */
  get microUsd(): bigint {
    return this.#microUsd
  }

  /** Acknowledged, and beyond what each chain's whole µUSD pay for: bytes at the table's price. */
  get restBytes(): number {
    return this.#restBytes
  }

  /** µUSD under one delegation. */
  under(delegationKey: string): bigint {
    return this.#byDelegation.get(delegationKey) ?? 0n
  }

  /** A chain costs so much more than before, and leaves so many bytes more, or fewer, unpaid. */
  add(delegationKey: string, microUsd: bigint, restBytes: number): void {
    this.#restBytes += restBytes
    if (microUsd === 0n) return // a delegation that paid nothing takes no place
    this.#microUsd += microUsd
    this.#byDelegation.set(delegationKey, this.under(delegationKey) + microUsd)
  }
}
