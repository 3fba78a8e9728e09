/**
 * Settlement: what the claims of an epoch that passed their challenge are paid. Pure: debits and means in, payments out.
 *
 * Reserves first. Then each client's debts, as far as its epoch cap and its balance go; where they go no further all its creditors get their
 * share, and its collateral burns by what is missing. Of what each (node, service) earned, part is burnt, rounded UP: rounded down, lines of 2 µ
 * would burn nothing, and whoever pays himself would pay nothing for it.
 *
 * Invariant: for each client, what leaves its balance is what its creditors are paid; for each payment, `revenue = burnt + protocol + service + node`.
 */
import { PPM } from './constants.ts'
import type { Debit } from './debits.ts'
import { ceilDivide, createSharer, maxOf, minOf, type Sharer } from './shares.ts'

/** A debit and the node whose claim it stands in. */
export interface ClaimedDebit extends Debit {
  readonly nodeIndex: number
}

/** What a client can pay of one epoch. µUSD. */
export interface ClientMeans {
  readonly prepaid: bigint
  /** Most that it pays in this epoch; `undefined`: its balance. */
  readonly epochCap: bigint | undefined
  readonly collateral: bigint
  /** By nodeIndex, what is paid to that node first. */
  readonly reserves: ReadonlyMap<number, bigint>
}

/** Parts per million of revenue. */
export interface RevenueShares {
  readonly burnPpm: bigint
  readonly servicePpm: bigint
  readonly protocolPpm: bigint
}

export interface RevenueParts {
  readonly burnt: bigint
  readonly protocol: bigint
  readonly service: bigint
  readonly node: bigint
}

/** What one node earned with one service. */
export interface Payment extends RevenueParts {
  readonly nodeIndex: number
  readonly serviceId: number
  readonly revenue: bigint
}

export interface ClientSettlement {
  readonly clientIndex: number
  /** Leaves its balance. */
  readonly paid: bigint
  /** Owed and not paid. */
  readonly missing: bigint
  readonly collateralBurnt: bigint
}

export interface Settlement {
  /** Ascending by node, then service; revenue above 0. */
  readonly payments: readonly Payment[]
  /** Ascending. */
  readonly clients: readonly ClientSettlement[]
  /** X: all revenue. */
  readonly revenue: bigint
}

/**
 * Settles one epoch. Time: three passes over `debits`; memory: by clients, and by their reserves.
 * @param debits - of the claims that passed, strictly ascending by (nodeIndex, serviceId, clientIndex); gone through three times.
 * @param meansOf - asked once for each client.
 */
export function settle(debits: Iterable<ClaimedDebit>, meansOf: (clientIndex: number) => ClientMeans, shares: RevenueShares): Settlement {
  const accounts = accountsOf(debits, meansOf)
  for (const { nodeIndex, clientIndex, amount } of debits) {
    const account = accounts.get(clientIndex)!
    account.owed += amount - account.owedToReserve(nodeIndex, amount)
  }
  for (const account of accounts.values()) account.close()
  const payments: Payment[] = []
  let revenue = 0n
  let current: { nodeIndex: number; serviceId: number; revenue: bigint } | undefined
  const flush = (): void => {
    if (current !== undefined && current.revenue > 0n) payments.push({ ...current, ...splitRevenue(current.revenue, shares) })
  }
  for (const { nodeIndex, serviceId, clientIndex, amount } of debits) {
    if (current?.nodeIndex !== nodeIndex || current.serviceId !== serviceId) {
      flush()
      current = { nodeIndex, serviceId, revenue: 0n }
    }
    const paid = accounts.get(clientIndex)!.pay(nodeIndex, amount)
    current.revenue += paid
    revenue += paid
  }
  flush()
  const clients = [...accounts.keys()].toSorted((a, b) => a - b).map((clientIndex) => accounts.get(clientIndex)!.result(clientIndex))
  return { payments, clients, revenue }
}

/**
 * Splits what one (node, service) earned. The burn is rounded up and never left out; where little is left, the service and the protocol stand back.
 */
export function splitRevenue(revenue: bigint, { burnPpm, servicePpm, protocolPpm }: RevenueShares): RevenueParts {
  const burnt = ceilDivide(revenue * burnPpm, PPM)
  const protocol = (revenue * protocolPpm) / PPM
  const service = (revenue * servicePpm) / PPM
  const node = revenue - burnt - protocol - service
  return node < 0n ? { burnt, protocol: 0n, service: 0n, node: revenue - burnt } : { burnt, protocol, service, node }
}

/** One client's books while its epoch is settled: claims are heard, reserves closed, debts counted, closed, paid. */
class ClientAccount {
  readonly #means: ClientMeans
  /** By node that has a reserve: all that it claims. */
  readonly #claimed = new Map<number, bigint>()
  readonly #paying = new Map<number, Sharer>()
  readonly #counting = new Map<number, Sharer>()
  #rest: Sharer = createSharer(0n, 0n)
  #reservePaid = 0n
  #restPaid = 0n
  /** What reserves do not cover. */
  owed = 0n

  constructor(means: ClientMeans) {
    this.#means = means
  }

  claim(nodeIndex: number, amount: bigint): void {
    if ((this.#means.reserves.get(nodeIndex) ?? 0n) > 0n) this.#claimed.set(nodeIndex, (this.#claimed.get(nodeIndex) ?? 0n) + amount)
  }

  /** Fixes what each reserve pays: all claims of its node up to it; should the balance not hold all reserves, their shares of it. */
  closeReserves(): void {
    const nodes = [...this.#claimed].toSorted(([a], [b]) => a - b)
    const due = nodes.map(([nodeIndex, claimed]) => minOf(claimed, this.#means.reserves.get(nodeIndex)!))
    const total = due.reduce((sum, each) => sum + each, 0n)
    this.#reservePaid = minOf(total, this.#means.prepaid)
    const sharer = createSharer(this.#reservePaid, total)
    nodes.forEach(([nodeIndex, claimed], index) => {
      const paid = sharer.next(due[index]!)
      this.#counting.set(nodeIndex, createSharer(paid, claimed)) // the same parts are drawn twice: to count, then to pay
      this.#paying.set(nodeIndex, createSharer(paid, claimed))
    })
  }

  /** The part of a debit that the node's reserve pays. */
  owedToReserve(nodeIndex: number, amount: bigint): bigint {
    return this.#counting.get(nodeIndex)?.next(amount) ?? 0n
  }

  close(): void {
    const { prepaid, epochCap = prepaid } = this.#means
    const allowed = minOf(maxOf(0n, epochCap - this.#reservePaid), prepaid - this.#reservePaid)
    this.#rest = createSharer(minOf(this.owed, allowed), this.owed)
  }

  pay(nodeIndex: number, amount: bigint): bigint {
    const reserved = this.#paying.get(nodeIndex)?.next(amount) ?? 0n
    const rest = this.#rest.next(amount - reserved)
    this.#restPaid += rest
    return reserved + rest
  }

  result(clientIndex: number): ClientSettlement {
    const missing = this.owed - this.#restPaid
    return { clientIndex, paid: this.#reservePaid + this.#restPaid, missing, collateralBurnt: minOf(this.#means.collateral, missing) }
  }
}

function accountsOf(debits: Iterable<ClaimedDebit>, meansOf: (clientIndex: number) => ClientMeans): Map<number, ClientAccount> {
  const accounts = new Map<number, ClientAccount>()
  for (const { nodeIndex, clientIndex, amount } of debits) {
    let account = accounts.get(clientIndex)
    if (account === undefined) accounts.set(clientIndex, (account = new ClientAccount(meansOf(clientIndex))))
    account.claim(nodeIndex, amount)
  }
  for (const account of accounts.values()) account.closeReserves()
  return accounts
}
