/**
 * The node's books: who is let in to pay, how far ahead of its acknowledgements each account is served, what is kept and claimed.
 *
 * One for all sessions of a node. Synchronous and without I/O of its own: rules and means come from the ledger's view, what is to outlive the
 * process goes to the store. An acknowledgement is taken when the ledger would pay it (`checkAcknowledgement`, the same function), and when it
 * continues its chain.
 */
import { Account } from './account.ts'
import type { AckStore } from './ack-store.ts'
import { type EpochRules, isSignedDelegation } from './check.ts'
import { claimLeafOf, type ClaimedSession } from './claim-builder.ts'
import { CODES } from './codes.ts'
import { PAYING_LANES_MAX, SESSIONS_PER_ACCOUNT_MAX } from './constants.ts'
import { decodeDelegation, type Delegation, encodeDelegation } from './delegation.ts'
import { KnownGood } from './known-good.ts'
import { MeteredSession } from './metered-session.ts'
import type { Admission, NodePayments, PayingHello, PriceFrame } from './ports.ts'
import type { AccountMeans } from './means.ts'
import type { PriceTable } from './price.ts'
import type { SessionHost } from './session-host.ts'
import { isEqualBytes } from './wire.ts'

export interface BooksComponents {
  /** What the ledger judges a claim of `epoch` by; undefined: it knows no such epoch. */
  readonly rules: (epoch: bigint) => EpochRules | undefined
  /** What stands behind an account for this node; undefined: nobody who pays. */
  readonly means: (account: Uint8Array) => AccountMeans | undefined
  readonly store: AckStore
  /** Any clock that does not go back. */
  readonly nowMs: () => number
  readonly rand: (bytes: number) => Uint8Array
}

export interface BooksOptions {
  readonly chainId: number
  /** Ed25519 key of the node, 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly nodeIndex: number
  /** Length of an epoch: a twentieth of it, 1 to 30 s, is waited for acknowledgements of the last one. */
  readonly epochMs: number
}

export interface EpochPlace {
  readonly epoch: bigint
  readonly priceVersion: number
  readonly price: PriceFrame
}

export interface Books extends NodePayments {
  /** The ledger's view changed: EPOCH and PRICE to all sessions; the old chains close after their grace. Before the first one nobody is let in. */
  changeEpoch(place: EpochPlace): void
  /** Payable evidence of a closed epoch, once its grace is over and all of it is on disk; the same again after a restart. Undefined: not yet. */
  takeEpoch(epoch: bigint): readonly ClaimedSession[] | undefined
  /** The claim of `epoch` is paid or void under a final block. */
  forget(epoch: bigint): Promise<void>
  /** Since the process began. */
  readonly losses: { readonly writtenOffBytes: bigint; readonly defaults: number }
}

/** @returns what a session server takes as its `payments`. */
export function createBooks(components: BooksComponents, options: BooksOptions): Books {
  return new NodeBooks(components, options)
}

const NONCES_A_BLOCK = 2n ** 16n
const SIGNED_MOST = 4_096
const GRACE_SHARE = 0.05
const GRACE_MS_LEAST = 1_000
const GRACE_MS_MOST = 30_000
/** A node serves an account for a quarter of what a tenth of its balance is, or less where more nodes do: one balance at ten nodes is no loss. */
const FLOAT_PART = 4n
const CREDITORS_LEAST = 10

class NodeBooks implements Books {
  readonly #components: BooksComponents
  readonly #options: BooksOptions
  readonly #host: SessionHost
  readonly #accounts = new Map<string, Account>()
  readonly #losses = { writtenOffBytes: 0n, defaults: 0 }
  /** Epochs whose evidence is known to be on disk. */
  readonly #durable = new Set<bigint>()
  #place: EpochPlace | undefined
  #nonces = { next: 0n, end: 0n }

  constructor(components: BooksComponents, options: BooksOptions) {
    this.#components = components
    this.#options = options
    this.#host = {
      chainId: options.chainId,
      nodeKey: options.nodeKey,
      rules: components.rules,
      store: components.store,
      nowMs: components.nowMs,
      signed: new KnownGood(),
      losses: this.#losses,
      price: { priceVersion: 0, bytePrice: 0n, cpuPrice: 0n, fromEpoch: 0n, services: [] },
      closesMs: undefined,
      closeOld: () => this.#closeOld(),
    }
  }

  get losses(): { readonly writtenOffBytes: bigint; readonly defaults: number } {
    return { ...this.#losses }
  }

  get place(): { readonly nodeIndex: number; readonly epoch: bigint; readonly priceVersion: number } {
    return { nodeIndex: this.#options.nodeIndex, epoch: this.#place?.epoch ?? 0n, priceVersion: this.#place?.priceVersion ?? 0 }
  }

  nextLaneNonce(): bigint {
    if (this.#nonces.next === this.#nonces.end) {
      const next = this.#components.store.nextNonceBlock()
      this.#nonces = { next, end: next + NONCES_A_BLOCK }
    }
    return this.#nonces.next++
  }

  admit({ delegation: bytes, clientKey }: PayingHello): Admission {
    const delegation = decoded(bytes)
    if (this.#place === undefined || delegation === undefined) return { refuse: CODES.notAuthorised }
    if (this.#components.store.isFailing === true) return { refuse: CODES.internal } // what it would sign could be lost
    const { epoch, price } = this.#place
    const { signed } = this.#host
    const isOwn = isEqualBytes(delegation.sessionKey, clientKey) && delegation.notAfterEpoch >= epoch
    if (!isOwn) return { refuse: CODES.notAuthorised }
    const means = this.#components.means(delegation.account)
    if (means === undefined) return { refuse: CODES.insufficientBalance }
    if (delegation.nonce < means.minNonce) return { refuse: CODES.notAuthorised }
    if (signed.size >= SIGNED_MOST) signed.clear()
    if (!isSignedDelegation(this.#options.chainId, delegation, signed)) return { refuse: CODES.notAuthorised }
    const account = this.#accountOf(delegation.account)
    account.setTerms(price, limitOf(means))
    const delegationKey = String(new Uint8Array(bytes)) // of a Buffer it would be text
    const refuse = refusalOf(account, delegation, delegationKey, price)
    if (refuse !== undefined) return { refuse }
    const meter = new MeteredSession(this.#host, account, delegation, delegationKey)
    const window = account.window.bytes
    return { account: delegation.account, laneNonce: this.nextLaneNonce(), window, maxLanes: PAYING_LANES_MAX, price, meter }
  }

  changeEpoch(place: EpochPlace): void {
    const last = this.#place
    if (last !== undefined && place.epoch <= last.epoch) return
    this.#closeOld()
    this.#place = place
    this.#host.price = place.price
    this.#host.closesMs = last === undefined ? undefined : this.#components.nowMs() + this.#graceMs
    for (const account of this.#accounts.values()) account.beginEpoch()
    if (last === undefined) this.#restorePast(place.epoch)
    this.#countSpent(place.epoch)
    for (const account of this.#accounts.values()) {
      const means = this.#components.means(account.address)
      account.setTerms(place.price, means === undefined ? 0n : limitOf(means))
      for (const session of account.sessions) {
        if (place.epoch !== (last?.epoch ?? 0n) + 1n)
          session.leave(CODES.epochClosed) // no chain leads over an epoch that was missed
        else session.beginEpoch(place.epoch, this.#components.rand(16), place.priceVersion !== last?.priceVersion)
      }
      if (account.isFresh) this.#accounts.delete(String(account.address))
    }
  }

  takeEpoch(epoch: bigint): readonly ClaimedSession[] | undefined {
    const { store, nowMs } = this.#components
    if (this.#place === undefined || epoch >= this.#place.epoch) return undefined
    const { closesMs } = this.#host
    if (epoch === this.#place.epoch - 1n && closesMs !== undefined) {
      if (nowMs() < closesMs) return undefined
      this.#closeOld()
    }
    if (!this.#durable.has(epoch)) {
      store.flush().then(
        () => this.#durable.add(epoch),
        () => {}, // the store tells of it; asked again with the next call
      )
      return undefined
    }
    const payable = store.all(epoch).filter(({ amount }) => amount > 0n)
    return payable.map(({ evidence, clientIndex, amount }) => ({ evidence, leaf: claimLeafOf(evidence, clientIndex, amount) }))
  }

  forget(epoch: bigint): Promise<void> {
    this.#durable.delete(epoch)
    return this.#components.store.forget(epoch)
  }

  get #graceMs(): number {
    return Math.min(GRACE_MS_MOST, Math.max(GRACE_MS_LEAST, this.#options.epochMs * GRACE_SHARE))
  }

  #accountOf(address: Uint8Array): Account {
    const known = this.#accounts.get(String(address))
    if (known !== undefined) return known
    const account = new Account(address, (each) => this.#keepPast(each))
    this.#accounts.set(String(address), account)
    return account
  }

  #keepPast({ address, window }: Account): void {
    this.#components.store.putStanding?.({ account: address, epoch: this.#place?.epoch ?? 0n, ...window.past })
  }

  /** Who owed an earlier life of the process something does not begin anew with this one. */
  #restorePast(epoch: bigint): void {
    for (const standing of this.#components.store.standings?.() ?? []) {
      const isThisEpoch = standing.epoch === epoch
      if (isThisEpoch || standing.defaults > 0) this.#accountOf(standing.account).window.restore(standing, isThisEpoch)
    }
  }

  /** What earlier lives of the process took in this epoch counts against what may be spent in it. */
  #countSpent(epoch: bigint): void {
    for (const { evidence, amount } of this.#components.store.all(epoch)) {
      this.#accountOf(evidence.delegation.account).spent.add(String(encodeDelegation(evidence.delegation)), amount, 0)
    }
  }

  #closeOld(): void {
    if (this.#host.closesMs === undefined) return
    this.#host.closesMs = undefined
    for (const account of this.#accounts.values()) {
      let bytes = 0
      let away = 0
      for (const session of account.sessions) {
        if (session.isAway) away += session.closeEpoch()
        else bytes += session.closeEpoch()
      }
      if (account.window.halve(bytes, away)) account.tellAll()
      account.goOn()
    }
  }
}

/** What a node serves an account for in one epoch, µUSD. */
function limitOf({ free, epochCap, reserve, creditors }: AccountMeans): bigint {
  const float = reserve + free / (FLOAT_PART * BigInt(Math.max(CREDITORS_LEAST, creditors)))
  const capped = float < epochCap ? float : epochCap
  return capped > reserve ? capped : reserve
}

function refusalOf(account: Account, { spendCap }: Delegation, key: string, prices: PriceTable): number | undefined {
  if (account.sessions.size >= SESSIONS_PER_ACCOUNT_MAX) return CODES.rateLimited
  if (account.window.isSpent) return CODES.ackTimeout
  if (account.leftAt(prices) <= 0n) return CODES.insufficientBalance
  return account.spent.under(key) >= spendCap ? CODES.spendCap : undefined
}

function decoded(bytes: Uint8Array): Delegation | undefined {
  try {
    return decodeDelegation(bytes)
  } catch {
    return undefined // malformed: nothing else is thrown there
  }
}
