/**
 * One account at one node: its window, what it may still spend, and the stop. Where the window holds back every lane that wants to go on, the
 * node is stopped: it asks all sessions that owe to acknowledge everything, and their clocks run (metered-session.ts).
 */
import { bytesWithin, type PriceTable, priceOf } from './price.ts'
import { CODES } from './codes.ts'
import { PPM } from './constants.ts'
import { Spending } from './spending.ts'
import { Window } from './window.ts'

/** Sessions of an account that wait for a connection; one more ends with its own. */
const AWAY_SESSIONS_MAX = 8
/** µUSD that a window may be worth. */
const WINDOW_MICRO_USD = 1_000n
const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** A session, as its account sees it. */
export interface Debtor {
  readonly debt: number
  readonly delegation: { readonly spendCap: bigint }
  /** The same for all sessions under one delegation. */
  readonly delegationKey: string
  /** Is asked to acknowledge all it verified, once a stop. */
  stop(): void
  tellWindow(): void
  wake(): void
  leave(code: number): void
  /** @param rand - 16 bytes, for the new session id. */
  beginEpoch(epoch: bigint, rand: Uint8Array, isNewPrice: boolean): void
  /** It has no connection now, and may get another one. */
  readonly isAway: boolean
  /** The grace of the old epoch is over. @returns bytes that nobody will pay any more. */
  closeEpoch(): number
}

/** Of a session that has no connection: what it was charged for, and how its account's window was made smaller for it, after how many defaults. */
export interface Absence {
  charged: number
  shrunk: number
  readonly windowBefore: number
  readonly defaults: number
}

export type Begin = 'now' | 'later' | { readonly leave: number }

export class Account {
  /** 20 bytes. */
  readonly address: Uint8Array
  readonly window: Window
  readonly sessions: Set<Debtor> = new Set()
  isStopped = false
  /** Units begun and not at their end. */
  begun = 0
  /** In the running epoch, and in the one that closes. */
  spent: Spending = new Spending()
  spentOld: Spending = new Spending()
  /** µUSD that the node serves the account for in one epoch. */
  limit = 0n
  #windowMax = Number.MAX_SAFE_INTEGER
  /** The shortest unit that each session waits with. */
  readonly #waiting = new Map<Debtor, number>()

  /** @param onPast - what its window leaves behind is another now (`window.past`). */
  constructor(address: Uint8Array, onPast: (account: Account) => void) {
    this.address = address
    this.window = new Window(() => onPast(this))
  }

  /** Prices of the running epoch, and what the node serves the account for in it. */
  setTerms(prices: PriceTable, limit: bigint): void {
    this.limit = limit
    this.#windowMax = bytesFor(WINDOW_MICRO_USD, prices)
  }

  /** Whether it is as a new one would be. */
  get isFresh(): boolean {
    return this.sessions.size === 0 && this.spent.microUsd === 0n && this.window.isFresh
  }

  beginEpoch(): void {
    this.spentOld = this.spent
    this.spent = new Spending()
    this.window.renew()
  }

  /** Whether a unit of `session` may begin now: within its delegation's cap, what the node serves the account for, and the window. */
  judge(unitBytes: number, { delegation, delegationKey }: Debtor, prices: PriceTable): Begin {
    const { window, spent } = this
    const ofDelegation = bytesFor(delegation.spendCap - spent.under(delegationKey) - 1n, prices) // what is spent was rounded down
    const out = window.charged + window.away
    if (out + unitBytes > ofDelegation) {
      const owed = this.#debtUnder(delegationKey)
      if (owed + unitBytes > ofDelegation) return owed > 0 ? 'later' : { leave: CODES.spendCap }
    }
    const ofAccount = bytesFor(this.limit - spent.microUsd - 1n, prices)
    if (out + this.#unpaidBytes + unitBytes > ofAccount) {
      return out > 0 ? 'later' : { leave: CODES.insufficientBalance }
    }
    const verdict = window.judge(unitBytes)
    return verdict === 'never' ? { leave: CODES.ackTimeout } : verdict
  }

  /** µUSD that the node still serves the account for. */
  leftAt(prices: PriceTable): bigint {
    const unpaid = priceOf(BigInt(this.#unpaidBytes), 0n, prices, Number(PPM))
    return unpaid === undefined ? 0n : this.limit - this.spent.microUsd - unpaid
  }

  /** A unit waits; `stopIfStuck` follows when the caller's own state is whole. */
  wait(session: Debtor, unitBytes: number): void {
    this.#waiting.set(session, Math.min(unitBytes, this.#waiting.get(session) ?? unitBytes))
  }

  forgetSession(session: Debtor): void {
    this.sessions.delete(session)
    this.#waiting.delete(session)
  }

  /** Whether one more session may wait for a connection; one that does waits for nothing else. */
  suspend(session: Debtor): boolean {
    let away = 0
    for (const { isAway } of this.sessions) if (isAway) away++
    if (away >= AWAY_SESSIONS_MAX) return false
    this.#waiting.delete(session)
    return true
  }

  /** The window is never larger for an absence than it was before it, or than its bytes' price lets it be; a default since is another reason. */
  resume({ charged, shrunk, windowBefore, defaults }: Absence): void {
    this.window.resume(charged, this.window.defaults === defaults ? shrunk : 0, Math.min(windowBefore, this.#windowMax))
  }

  /** The node is stopped when something waits and no unit that was begun can go on. Asked again, it also asks those who began to owe since. */
  stopIfStuck(): void {
    if (this.#waiting.size === 0 || this.begun > 0 || this.window.charged === 0) return
    this.isStopped = true
    for (const session of this.sessions) if (session.debt > 0) session.stop()
  }

  acknowledge(bytes: number, isOnTime: boolean): void {
    if (this.window.acknowledge(bytes, isOnTime, this.#windowMax)) this.tellAll()
  }

  tellAll(): void {
    for (const session of this.sessions) session.tellWindow()
  }

  /** Something was acknowledged, written off or released: whoever waits asks again, where one of them can go. */
  goOn(): void {
    if (this.#waiting.size === 0) return this.#unstop()
    const canGo = this.window.charged === 0 || [...this.#waiting.values()].some((unitBytes) => this.window.judge(unitBytes) !== 'later')
    if (!canGo) return this.stopIfStuck()
    const sessions = [...this.#waiting.keys()]
    this.#waiting.clear()
    this.#unstop()
    for (const session of sessions) session.wake()
  }

  #unstop(): void {
    if (!this.isStopped) return
    this.isStopped = false
    this.tellAll()
  }

  /** Served in this epoch and never to be paid: written off, or rounded off. */
  get #unpaidBytes(): number {
    return this.window.lost + this.spent.restBytes
  }

  #debtUnder(delegationKey: string): number {
    let bytes = 0
    for (const session of this.sessions) if (session.delegationKey === delegationKey) bytes += session.debt
    return bytes
  }
}

/** Bytes that cost no more than `amount`, at the table's price, which no service exceeds. */
function bytesFor(amount: bigint, prices: PriceTable): number {
  if (amount < 0n) return 0
  const most = bytesWithin(amount, 0n, prices, Number(PPM))
  return most === undefined || most > SAFE ? Number.MAX_SAFE_INTEGER : Number(most)
}
