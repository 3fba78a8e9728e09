/**
 * What the places of an account cost in the epoch that runs: a few are free while places are plenty, every further one needs bytes of paid orders. Kept in
 * memory alone: after a restart an epoch's count begins anew.
 *
 * The cheapest that takes every place of a node: half of them free ones of many accounts, and for the other half `placeBytes` each, in every epoch. Whoever
 * orders a file whose own order is as much (128 MiB and more) never meets a limit here.
 */
import { lessOne } from './less-one.ts'

const PLACE_BYTES: number = 4 * 2 ** 20
const FREE_PLACES = 16

interface Account {
  /** Roots that it has ordered, each once. */
  readonly ordered: Map<string, number>
  paidBytes: number
}

export class PlacePrices {
  readonly #placeBytes: number
  readonly #accounts = new Map<string, Account>()

  constructor(placeBytes: number = PLACE_BYTES) {
    this.#placeBytes = placeBytes
  }

  /** @param orderBytes - that the order itself brings, at least. @param isScarce - no place is free. */
  isAffordable(
    account: string,
    root: string,
    { orderBytes, isScarce }: { readonly orderBytes: number; readonly isScarce: boolean },
  ): boolean {
    const { ordered, paidBytes } = this.#accounts.get(account) ?? { ordered: new Map<string, number>(), paidBytes: 0 }
    if (ordered.has(root)) return true
    const places = ordered.size + 1
    if (!isScarce && places <= FREE_PLACES) return true
    return (places - (isScarce ? 0 : FREE_PLACES)) * this.#placeBytes <= paidBytes + orderBytes
  }

  order(account: string, root: string): void {
    const { ordered } = this.#of(account)
    ordered.set(root, (ordered.get(root) ?? 0) + 1)
  }

  /** An order came to nothing. */
  release(account: string, root: string): void {
    const of = this.#of(account)
    lessOne(of.ordered, root)
    if (of.ordered.size === 0 && of.paidBytes === 0) this.#accounts.delete(account)
  }

  pay(account: string, bytes: number): void {
    this.#of(account).paidBytes += bytes
  }

  /** An epoch has ended. */
  clear(): void {
    this.#accounts.clear()
  }

  #of(account: string): Account {
    let of = this.#accounts.get(account)
    if (of === undefined) this.#accounts.set(account, (of = { ordered: new Map(), paidBytes: 0 }))
    return of
  }
}
