/**
 * What places cost, and what accounts have paid for theirs in the epoch that runs. The price of one is bytes of content that its account pays this node
 * for in the epoch. It rises with the square of how many are taken: next to nothing while there are plenty, `placeBytes` where half of them are, four
 * times that for the last. It is the same for whoever comes, so that nobody gains by being many, and what is ordered keeps the price that it had then.
 *
 * Who takes a share x of all n at once pays 4/3 · n · placeBytes · x³ for it, and 4 · n · placeBytes · x³ in each epoch in which he goes on. A linear price would cost
 * many times what an order of a small file has itself while a hundredth of the places is taken; a few free ones for each account were free for whoever made many.
 *
 * Kept in memory alone, one entry for each account that ordered or paid in the epoch: after a restart an epoch's count begins anew. Invariant: what an account
 * has spent is the sum of the prices of what it has ordered.
 */
const PLACE_BYTES: number = 4 * 2 ** 20

/** A content that an account has ordered in the epoch. */
interface Bought {
  /** Orders of it. */
  readonly count: number
  readonly priceBytes: number
}

interface Account {
  readonly bought: Map<string, Bought>
  paidBytes: number
  spentBytes: number
}

export class PlacePrices {
  readonly #placesMax: number
  readonly #placeBytes: number
  readonly #accounts = new Map<string, Account>()

  constructor(placesMax: number, placeBytes: number = PLACE_BYTES) {
    this.#placesMax = placesMax
    this.#placeBytes = placeBytes
  }

  /** @param orderBytes - that the order itself brings, at least. @param taken - places that are taken, of all accounts. */
  isAffordable(account: string, root: string, { orderBytes, taken }: { readonly orderBytes: number; readonly taken: number }): boolean {
    const of = this.#accounts.get(account)
    if (of?.bought.has(root)) return true
    return (of?.spentBytes ?? 0) + this.#priceBytesAt(taken) <= (of?.paidBytes ?? 0) + orderBytes
  }

  /** @param taken - as `isAffordable` was told. */
  order(account: string, root: string, taken: number): void {
    const of = this.#of(account)
    const { count, priceBytes } = of.bought.get(root) ?? { count: 0, priceBytes: this.#priceBytesAt(taken) }
    if (count === 0) of.spentBytes += priceBytes
    of.bought.set(root, { count: count + 1, priceBytes })
  }

  /** An order came to nothing, and takes its price back with the last one of its content. */
  release(account: string, root: string): void {
    const of = this.#of(account)
    const { count, priceBytes } = of.bought.get(root) ?? { count: 0, priceBytes: 0 }
    if (count > 1) of.bought.set(root, { count: count - 1, priceBytes })
    else if (of.bought.delete(root)) of.spentBytes -= priceBytes
    if (of.bought.size === 0 && of.paidBytes === 0) this.#accounts.delete(account)
  }

  pay(account: string, bytes: number): void {
    this.#of(account).paidBytes += bytes
  }

  /** An epoch has ended. */
  clear(): void {
    this.#accounts.clear()
  }

  #priceBytesAt(taken: number): number {
    return Math.floor(this.#placeBytes * ((2 * taken) / this.#placesMax) ** 2)
  }

  #of(account: string): Account {
    let of = this.#accounts.get(account)
    if (of === undefined) this.#accounts.set(account, (of = { bought: new Map(), paidBytes: 0, spentBytes: 0 }))
    return of
  }
}
