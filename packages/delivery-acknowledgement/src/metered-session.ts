/**
 * The node's end of one paying session: what was sent on its lanes, which acknowledgements are taken for it, and what becomes of a client
 * that does not acknowledge. Everything it may do to the session goes through its link; calls may come back from there, so each method
 * leaves whole state behind before it calls out.
 */
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { AckAllowance } from './ack-allowance.ts'
import type { AckStore } from './ack-store.ts'
import type { Account, Debtor } from './account.ts'
import { type Acknowledgement, decodeAcknowledgement } from './acknowledgement.ts'
import { type ChainState, stepChain } from './chain-check.ts'
import { checkAcknowledgement, type EpochRules, type Evidence, type SessionInputs } from './check.ts'
import { CODES } from './codes.ts'
import { contentStartOf, laneDigestOf } from './content-chain.ts'
import type { Delegation } from './delegation.ts'
import { MeteredLane } from './metered-lane.ts'
import type { Stretch } from './payer-chain.ts'
import type { AckFrame, LaneEnd, NodeLink, PayingSession, PriceFrame, SessionMeter } from './ports.ts'
import { bytesUnpaid } from './price.ts'
import { StopClock } from './stop-clock.ts'
import { NO_TICK } from './tick.ts'

/** What all sessions of a node share. */
export interface SessionHost {
  readonly chainId: number
  readonly nodeKey: Uint8Array
  readonly rules: (epoch: bigint) => EpochRules | undefined
  readonly store: AckStore
  readonly nowMs: () => number
  /** Delegations that were found signed. */
  readonly signed: Set<string>
  readonly losses: { writtenOffBytes: bigint; defaults: number }
  /** Of the running epoch. */
  price: PriceFrame
  /** When the grace of the epoch before ends; undefined: it is over. */
  closesMs: number | undefined
  closeOld(): void
}

/** What a session holds of one epoch. */
interface MeteredEpoch {
  readonly epoch: bigint
  readonly inputs: SessionInputs
  readonly start: Uint8Array
  readonly chains: Map<number, { state: ChainState; paid: Paid }>
}

/** What one chain pays, µUSD, and what is beyond that, as bytes at the table's price. */
interface Paid {
  readonly amount: bigint
  readonly restBytes: number
}

const NOTHING_PAID: Paid = { amount: 0n, restBytes: 0 }

export class MeteredSession implements SessionMeter, Debtor {
  readonly account: Account
  readonly delegation: Delegation
  /** Among the account's, for what is spent under it. */
  readonly delegationKey: string
  readonly #host: SessionHost
  readonly #lanes = new Map<number, MeteredLane>()
  readonly #clock = new StopClock()
  readonly #allowance = new AckAllowance()
  #session: PayingSession | undefined
  #link: NodeLink | undefined
  #current: MeteredEpoch | undefined
  #closing: MeteredEpoch | undefined
  #isToldStopped = false

  constructor(host: SessionHost, account: Account, delegation: Delegation, delegationKey: string) {
    this.#host = host
    this.account = account
    this.delegation = delegation
    this.delegationKey = delegationKey
  }

  get debt(): number {
    let bytes = 0
    for (const lane of this.#lanes.values()) if (!lane.isForgiven) bytes += lane.debt
    return bytes
  }

  get deadlineMs(): number {
    const closesMs = this.#closing === undefined ? undefined : this.#host.closesMs
    return Math.min(this.#clock.deadlineMs, closesMs ?? Number.POSITIVE_INFINITY)
  }

  begin(session: PayingSession, link: NodeLink): void {
    this.#session = session
    this.#link = link
    this.account.sessions.add(this)
    this.#current = this.#epochOf(session.epoch, session.nodeRand, session.sessionId)
  }

  lane(id: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    this.#lanes.set(id, new MeteredLane(id, serviceId, laneDigestOf(openBody, acceptBody)))
    this.#allowance.laneOpened()
  }

  allow(id: number, unitBytes: number, isBegun: boolean): boolean {
    const lane = this.#lanes.get(id)
    if (lane === undefined || lane.isOver || this.#link === undefined) return false
    if (isBegun) return true // it was charged whole when it began
    this.#endUnit(lane)
    if (this.#isExpired) return this.#refuse(this.debt > 0 ? 'later' : { leave: CODES.epochClosed }, unitBytes)
    const { account } = this
    const verdict = account.judge(unitBytes, this, this.#host.price)
    if (verdict !== 'now') return this.#refuse(verdict, unitBytes)
    account.window.begin(unitBytes)
    account.begun++
    lane.unit = { start: lane.sent, end: lane.sent + unitBytes }
    return true
  }

  sent(id: number, offset: bigint, isUnitEnd: boolean): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    const before = lane.debt
    lane.sent = Number(offset)
    if (lane.debt > before) this.account.window.begin(lane.debt - before) // sent unasked: it is owed all the same
    if (!isUnitEnd) return
    this.#endUnit(lane)
    this.#allowance.unitSent()
    this.account.goOn()
  }

  ack(frame: AckFrame, nowMs: number): number | undefined {
    const acknowledgement = decoded(frame.acknowledgement)
    if (acknowledgement === undefined || this.#current === undefined) return CODES.ackInvalid
    const { epoch, serviceId } = acknowledgement
    const open = [this.#current, this.#closing].find((each) => each?.epoch === epoch)
    if (open === undefined) return epoch < this.#current.epoch ? CODES.epochClosed : CODES.ackInvalid
    if (!this.#allowance.use()) return CODES.rateLimited
    const isOld = open === this.#closing
    const stretches = this.#stretchesOf(frame, serviceId, isOld)
    const before = open.chains.get(serviceId)
    const state = before?.state ?? { seq: 0, cumBytes: 0n, cumCpuMicros: 0n, contentRoot: open.start, isFinal: false }
    const next = stretches === undefined ? 'lanes' : stepChain(state, acknowledgement, stretches, 0n)
    if (typeof next === 'string' || stretches === undefined) return CODES.ackInvalid
    const paid = this.#pay(
      { acknowledgement, tick: NO_TICK, session: open.inputs, delegation: this.delegation },
      before?.paid ?? NOTHING_PAID,
      isOld,
    )
    if (typeof paid === 'number') return paid
    open.chains.set(serviceId, { state: next, paid })
    this.#move(stretches, isOld, nowMs)
    return undefined
  }

  /** No payAnchor that is taken here has ticks behind it. */
  tick(): number | undefined {
    return CODES.ackInvalid
  }

  laneOver(id: number, offset: bigint, how: LaneEnd): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined || how === 'session-over') return // `over` writes off what is left
    this.sent(id, offset, false)
    this.#endUnit(lane)
    lane.isOver = true
    if (how === 'reset-by-node') {
      this.account.window.forgive(lane.debt)
      this.#host.losses.writtenOffBytes += BigInt(lane.debt)
      lane.isForgiven = true
    }
    if (lane.debt === 0) this.#lanes.delete(id)
    this.account.goOn()
  }

  pong(nonce: bigint, nowMs: number): void {
    this.#clock.pong(nonce, nowMs)
  }

  due(nowMs: number): void {
    if (this.#closing !== undefined && this.#host.closesMs !== undefined && nowMs >= this.#host.closesMs) this.#host.closeOld()
    if (nowMs < this.#clock.deadlineMs) return
    if (!this.#clock.isRunning) return this.#leave(CODES.idleTimeout)
    this.#host.losses.defaults++
    const bytes = this.#writeOff()
    const isOther = this.account.window.default(bytes)
    if (isOther) this.account.tellAll()
    this.#leave(CODES.ackTimeout)
  }

  over(): void {
    if (this.#link === undefined && this.#current === undefined) return
    this.#link = undefined
    const isOther = this.account.window.shrink(this.#writeOff())
    this.#current = undefined
    this.#closing = undefined
    this.#clock.clear()
    this.account.forgetSession(this)
    if (isOther) this.account.tellAll()
    this.account.goOn()
  }

  stop(): void {
    if (this.#link === undefined || this.#isToldStopped) return
    this.#isToldStopped = true
    this.#allowance.stopped()
    const nonce = this.#clock.start(this.#host.nowMs())
    this.#link.window({ window: this.account.window.bytes, isStopped: true })
    this.#link.ping(nonce)
  }

  tellWindow(): void {
    if (!this.account.isStopped) {
      this.#isToldStopped = false
      this.#clock.clear()
    }
    this.#link?.window({ window: this.account.window.bytes, isStopped: this.#isToldStopped })
  }

  wake(): void {
    this.#link?.wake()
  }

  /** @param rand - 16 bytes, for the new session id. */
  beginEpoch(epoch: bigint, rand: Uint8Array, isNewPrice: boolean): void {
    const session = this.#session
    if (session === undefined || this.#current === undefined) return
    const { chainId, nodeKey, price } = this.#host
    const { account, laneNonce, clientRand } = session
    const { sessionKey } = this.delegation
    const sessionId = sessionIdOf({ chainId, account, sessionKey, nodeKey, laneNonce, epoch, clientRand, nodeRand: rand })
    const lanes = [...this.#lanes.values()].toSorted((a, b) => a.id - b.id)
    const named = lanes.map((lane) => ({ lane: lane.id, offset: BigInt(lane.beginEpoch()) }))
    this.#closing = this.#current
    this.#current = this.#epochOf(epoch, rand, sessionId)
    this.#allowance.epochBegan()
    if (isNewPrice) this.#link?.price(price)
    this.#link?.epoch({ epoch, rand, priceVersion: price.priceVersion, lanes: named })
  }

  /** The grace of the old epoch is over. @returns bytes that nobody will pay any more. */
  closeEpoch(): number {
    if (this.#closing === undefined) return 0
    this.#closing = undefined
    let bytes = 0
    for (const lane of this.#lanes.values()) {
      if (!lane.isForgiven) bytes += lane.oldDebt
      lane.old = undefined
      if (lane.isOver && lane.debt === 0) this.#lanes.delete(lane.id)
    }
    this.#host.losses.writtenOffBytes += BigInt(bytes)
    return bytes
  }

  leave(code: number): void {
    this.#leave(code)
  }

  #epochOf(epoch: bigint, nodeRand: Uint8Array, sessionId: Uint8Array): MeteredEpoch {
    const { laneNonce, clientRand, channelBinding } = this.#session!
    return { epoch, inputs: { laneNonce, clientRand, nodeRand }, start: contentStartOf(sessionId, channelBinding), chains: new Map() }
  }

  /** What the frame's lanes moved by; undefined where one is not this chain's, does not move, or was not sent so far. */
  #stretchesOf({ lanes }: AckFrame, serviceId: number, isOld: boolean): Stretch[] | undefined {
    const stretches: Stretch[] = []
    let last = -1
    for (const { lane: id, verifiedOffset } of lanes) {
      const lane = this.#lanes.get(id)
      const from = lane?.serviceId === serviceId && id > last ? lane.startFor(verifiedOffset, isOld) : undefined
      if (lane === undefined || from === undefined) return undefined
      stretches.push({ lane: id, digest: lane.digest, from: BigInt(from), to: verifiedOffset })
      last = id
    }
    return stretches
  }

  /** Has it judged by the ledger's rules, and keeps it. @returns what it pays, or the code that ends the session. */
  #pay(evidence: Evidence, before: Paid, isOld: boolean): Paid | number {
    const { rules: rulesOf, signed, store } = this.#host
    const rules = rulesOf(evidence.acknowledgement.epoch)
    if (rules === undefined) return CODES.epochClosed
    const verdict = checkAcknowledgement(evidence, rules, signed)
    if (!verdict.isPayable) return verdict.fault === 'spend-cap' ? CODES.spendCap : CODES.ackInvalid
    const spent = isOld ? this.account.spentOld : this.account.spent
    const { amount, client } = verdict
    const more = amount - before.amount
    if (spent.under(this.delegationKey) + more > this.delegation.spendCap) return CODES.spendCap // a disputed entry would show it
    const { serviceId, cumBytes, cumCpuMicros } = evidence.acknowledgement
    const rest = bytesUnpaid(cumBytes, cumCpuMicros, amount, rules.prices, rules.multiplePpmOf(serviceId) ?? 0)
    const restBytes = Number(rest)
    spent.add(this.delegationKey, more, restBytes - before.restBytes)
    if (amount > 0n) store.put({ evidence, clientIndex: client.clientIndex, amount }) // nothing else can be claimed
    return { amount, restBytes }
  }

  #move(stretches: readonly Stretch[], isOld: boolean, nowMs: number): void {
    const { account } = this
    let bytes = 0
    for (const { lane: id, to } of stretches) {
      const lane = this.#lanes.get(id)!
      const before = lane.debt
      lane.acknowledge(Number(to), isOld)
      const paid = before - lane.debt
      if (lane.isForgiven) this.#recover(paid)
      else bytes += paid
      if (lane.isOver && lane.debt === 0) this.#lanes.delete(id)
    }
    this.#allowance.acknowledged(bytes)
    const isOnTime = !this.#clock.isLate(nowMs)
    this.#clock.clear()
    account.acknowledge(bytes, isOnTime)
    account.goOn()
    if (account.isStopped && this.#isToldStopped && this.debt > 0 && this.#link !== undefined) this.#link.ping(this.#clock.start(nowMs))
  }

  #recover(bytes: number): void {
    this.account.window.recover(bytes)
    this.#host.losses.writtenOffBytes -= BigInt(bytes)
  }

  /** The unit in progress ends with what was sent, or never does: what was charged beyond is free. */
  #endUnit(lane: MeteredLane): void {
    if (lane.unit === undefined) return
    const before = lane.debt
    lane.unit = undefined
    this.account.begun--
    this.account.window.release(before - lane.debt)
  }

  #refuse(verdict: 'later' | { readonly leave: number }, unitBytes: number): false {
    if (verdict === 'later') {
      this.account.wait(this, unitBytes)
      this.account.stopIfStuck()
    } else this.#leave(verdict.leave)
    return false
  }

  get #isExpired(): boolean {
    return this.#current !== undefined && this.delegation.notAfterEpoch < this.#current.epoch
  }

  /** All that is owed, once. */
  #writeOff(): number {
    const bytes = this.debt
    for (const lane of this.#lanes.values()) if (lane.unit !== undefined) this.account.begun--
    this.#lanes.clear()
    this.#host.losses.writtenOffBytes += BigInt(bytes)
    return bytes
  }

  #leave(code: number): void {
    const link = this.#link
    this.#link = undefined
    link?.leave(code)
  }
}

function decoded(bytes: Uint8Array): Acknowledgement | undefined {
  try {
    return decodeAcknowledgement(bytes)
  } catch {
    return undefined // malformed: nothing else is thrown there
  }
}
