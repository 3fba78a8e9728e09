/**
 * The node's end of one paying session: what was sent on its lanes, which acknowledgements are taken for it, and what becomes of a client
 * that does not acknowledge. Everything it may do to the session goes through its link; calls may come back from there, so each method
 * leaves whole state behind before it calls out.
 */
import { AckAllowance } from './ack-allowance.ts'
import type { Absence, Account, Debtor } from './account.ts'
import { CODES } from './codes.ts'
import { laneDigestOf } from './content-chain.ts'
import type { Delegation } from './delegation.ts'
import { LaneDebts } from './lane-debts.ts'
import { acknowledgementIn, MeteredChains, tickedBytesOf } from './metered-chains.ts'
import { bytesMissing, MeteredLane, stretchesOf } from './metered-lane.ts'
import type { AckFrame, ChainSeq, LaneEnd, NodeLink, PayingSession, ResumedLane, SessionMeter, TickFrame } from './ports.ts'
import type { SessionHost } from './session-host.ts'
import { StopClock } from './stop-clock.ts'

export class MeteredSession implements SessionMeter, Debtor {
  readonly account: Account
  readonly delegation: Delegation
  /** Among the account's, for what is spent under it. */
  readonly delegationKey: string
  readonly #host: SessionHost
  readonly #lanes = new Map<number, MeteredLane>()
  readonly #debts = new LaneDebts(this.#lanes)
  readonly #clock = new StopClock()
  readonly #allowance = new AckAllowance()
  #session: PayingSession | undefined
  #link: NodeLink | undefined
  readonly #chains: MeteredChains
  #isToldStopped = false
  #away: Absence | undefined
  /** Lanes of which something is sent again and not all of it yet. */
  readonly #behind = new Set<number>()
  /** It was without a connection since its epoch began to close, or had not caught up: what it acknowledges too late of that one (`#missedEpoch`) is passed over. */
  #isExcused = false
  #missedEpoch: bigint | undefined

  constructor(host: SessionHost, account: Account, delegation: Delegation, delegationKey: string) {
    this.#host = host
    this.account = account
    this.delegation = delegation
    this.delegationKey = delegationKey
    this.#chains = new MeteredChains(host, account, delegation, delegationKey)
  }

  get debt(): number {
    return this.#debts.owed.charged
  }

  get isAway(): boolean {
    return this.#away !== undefined
  }

  get chains(): readonly ChainSeq[] {
    const owing = [...this.#lanes.values()].filter(({ oldDebt }) => oldDebt > 0)
    return this.#chains.seqs(new Set(owing.map(({ serviceId }) => serviceId)))
  }

  get deadlineMs(): number {
    const closesMs = this.#chains.closing === undefined ? undefined : this.#host.closesMs
    return Math.min(this.#clock.deadlineMs, closesMs ?? Number.POSITIVE_INFINITY)
  }

  begin(session: PayingSession, link: NodeLink): void {
    this.#session = session
    this.#link = link
    this.account.sessions.add(this)
    this.#chains.open(session.epoch, session, session.nodeRand, session.sessionId)
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
    lane.sent = Math.max(lane.sent, Number(offset))
    if (lane.debt > before) this.account.window.begin(lane.debt - before) // sent unasked: it is owed all the same
    this.#caughtUp(id)
    if (!isUnitEnd) return
    this.#endUnit(lane)
    this.#allowance.unitSent()
    this.account.goOn()
  }

  ack(frame: AckFrame, nowMs: number): number | 'late' | undefined {
    const acknowledgement = acknowledgementIn(frame)
    const newest = this.#chains.current?.epoch
    if (acknowledgement === undefined || newest === undefined || acknowledgement.epoch > newest) return CODES.ackInvalid
    if (!this.#allowance.use()) return CODES.rateLimited
    const { epoch, serviceId } = acknowledgement
    const open = this.#chains.of(epoch)
    if (open === undefined) return this.#codeOfClosed(epoch)
    const isOld = open === this.#chains.closing
    const stretches = stretchesOf(this.#lanes, frame, serviceId, isOld)
    const ticked = tickedBytesOf(open.chains.get(serviceId))
    const refused = this.#chains.take(open, acknowledgement, frame.acknowledgement, stretches)
    if (refused !== undefined) return refused
    this.#paid(nowMs, () => this.#debts.sign(serviceId, stretches ?? [], isOld, ticked))
    return undefined
  }

  tick(frame: TickFrame): number | 'late' | undefined {
    const { epoch, serviceId } = frame
    const newest = this.#chains.current?.epoch
    if (newest === undefined || epoch > newest) return CODES.ackInvalid
    const open = this.#chains.of(epoch)
    if (open === undefined) return this.#allowance.use() ? this.#codeOfClosed(epoch) : CODES.rateLimited
    const said = this.#chains.takeTick(open, frame, this.#debts.unsignedOf(serviceId, open === this.#chains.closing))
    if ('refuse' in said) return said.refuse
    const { bytes } = said
    if (bytes === 0) return this.#allowance.use() ? undefined : CODES.rateLimited // it was said before, as it is after a resume
    this.#paid(this.#host.nowMs(), () => this.#debts.cover(serviceId, bytes))
    return undefined
  }

  laneOver(id: number, offset: bigint, how: LaneEnd): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined || how === 'session-over') return // `over` writes off what is left
    this.sent(id, offset, false)
    this.#endUnit(lane)
    lane.isOver = true
    lane.isEnded = how === 'ended'
    lane.isStale = false
    this.#loseBeyond(lane, Number(offset)) // what was lost with a connection and is not sent again
    if (how === 'reset-by-node') {
      const before = this.debt
      lane.isForgiven = true
      const bytes = before - this.debt
      this.account.window.forgive(bytes)
      this.#host.losses.writtenOffBytes += BigInt(bytes)
    }
    if (lane.isSettled) this.#lanes.delete(id)
    this.account.goOn()
  }

  pong(nonce: bigint, nowMs: number): void {
    this.#clock.pong(nonce, nowMs)
  }

  due(nowMs: number): void {
    if (this.#chains.closing !== undefined && this.#host.closesMs !== undefined && nowMs >= this.#host.closesMs) this.#host.closeOld()
    if (nowMs < this.#clock.deadlineMs) return
    if (!this.#clock.isRunning) return this.#cut()
    if (this.#link?.giveUp?.() === true) return this.#waitAgain()
    this.#host.losses.defaults++
    const bytes = this.#writeOff()
    const isOther = this.account.window.default(bytes)
    if (isOther) this.account.tellAll()
    this.#leave(CODES.ackTimeout)
  }

  over(): void {
    if (this.#link === undefined && this.#chains.current === undefined) return
    this.#link = undefined
    const isOther = this.#away === undefined ? this.account.window.shrink(this.#writeOff()) : this.#expire(this.#away)
    this.#chains.clear()
    this.#clock.clear()
    this.account.forgetSession(this)
    if (isOther) this.account.tellAll()
    this.account.goOn()
  }

  stop(): void {
    if (this.#link === undefined || this.isAway || this.#isToldStopped) return
    this.#isToldStopped = true
    this.#allowance.stopped()
    this.#link.window({ window: this.account.window.bytes, isStopped: true })
    if (this.#behind.size === 0) this.#link.ping(this.#clock.start(this.#host.nowMs())) // else the client has not got what it is to acknowledge
  }

  suspend(): boolean {
    if (this.#link === undefined || !this.account.suspend(this)) return false
    const { window } = this.account
    const charged = this.debt
    const sent = charged - this.#debts.unsent
    for (const lane of this.#lanes.values()) if (lane.unit !== undefined) this.account.begun-- // it comes back with the session, and takes no place meanwhile
    this.#away = { charged, windowBefore: window.bytes, shrunk: window.suspend(charged, sent), defaults: window.defaults }
    this.#isExcused = true
    this.#behind.clear()
    this.#clock.clear()
    this.#isToldStopped = false
    if (this.#away.shrunk > 0) this.account.tellAll()
    this.account.goOn()
    return true
  }

  /** Each lane's offset is held against what was sent and acknowledged; what is sent again is charged already. */
  resume(lanes: readonly ResumedLane[]): number | undefined {
    const away = this.#away
    if (away === undefined) return undefined
    const again = bytesMissing(this.#lanes, lanes)
    if (again === undefined) return CODES.badFrame // it is as if it had not come back
    if (!this.account.window.resend(again)) return CODES.rateLimited
    this.account.resume(away)
    this.#away = undefined
    for (const lane of this.#lanes.values()) if (lane.unit !== undefined) this.account.begun++
    for (const { lane: id, received, sent } of lanes) {
      const lane = this.#lanes.get(id)
      if (lane === undefined || lane.sent === received) continue
      if (sent === undefined) this.#loseBeyond(lane, received)
      else this.#behind.add(id)
    }
    this.account.tellAll()
    this.account.goOn()
    if (this.account.isStopped && this.debt > 0) this.stop()
    return undefined
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
    if (session === undefined || this.#chains.current === undefined) return
    const { price } = this.#host
    const lanes = [...this.#lanes.values()].toSorted((a, b) => a.id - b.id)
    const named = lanes.map((lane) => ({ lane: lane.id, offset: BigInt(lane.beginEpoch()) }))
    this.#chains.next(epoch, session, rand)
    this.#isExcused = this.isAway || this.#behind.size > 0
    this.#allowance.epochBegan()
    if (isNewPrice) this.#link?.price(price)
    this.#link?.epoch({ epoch, rand, priceVersion: price.priceVersion, lanes: named })
  }

  /** The grace of the old epoch is over. @returns bytes that nobody will pay any more. */
  closeEpoch(): number {
    const { closing } = this.#chains
    if (closing === undefined) return 0
    if (this.#isExcused) this.#missedEpoch = closing.epoch
    this.#chains.closing = undefined
    const before = this.debt
    this.#debts.closeOld(closing.chains, ({ id }) => this.isAway || this.#behind.has(id))
    const bytes = before - this.debt
    this.#host.losses.writtenOffBytes += BigInt(bytes)
    if (this.#away !== undefined) {
      this.#away.charged -= bytes
      this.#away.shrunk = Math.max(0, this.#away.shrunk - bytes) // they are lost: the window is not given back for them
    }
    return bytes
  }

  leave(code: number): void {
    this.#leave(code)
  }

  #codeOfClosed(epoch: bigint): number | 'late' {
    return this.#missedEpoch !== undefined && epoch <= this.#missedEpoch ? 'late' : CODES.epochClosed
  }

  /** `change`: less is owed for something that was paid. */
  #paid(nowMs: number, change: () => void): void {
    const { account } = this
    const before = this.#debts.owed
    change()
    const after = this.#debts.owed
    if (after.givenUp !== before.givenUp) this.#recover(before.givenUp - after.givenUp)
    const bytes = before.charged - after.charged
    this.#allowance.acknowledged(bytes)
    const isOnTime = !this.#clock.isLate(nowMs)
    this.#clock.clear()
    account.acknowledge(bytes, isOnTime)
    account.goOn()
    if (account.isStopped && this.#isToldStopped && this.debt > 0 && this.#behind.size === 0 && this.#link !== undefined)
      this.#link.ping(this.#clock.start(nowMs))
  }

  /** What was written off is paid after all; below 0: it turns out that something else was. */
  #recover(bytes: number): void {
    this.account.window.recover(bytes)
    this.#host.losses.writtenOffBytes -= BigInt(bytes)
  }

  /** The unit in progress ends with what was sent, or never does: what was charged beyond is free. */
  #endUnit(lane: MeteredLane): void {
    if (lane.unit === undefined) return
    const before = lane.debt
    lane.unit = undefined
    const bytes = before - lane.debt
    if (this.#away === undefined) {
      this.account.begun--
      return this.account.window.release(bytes)
    }
    this.#away.charged -= bytes
    this.account.window.releaseAway(bytes)
  }

  /** What was sent of a lane beyond `offset` did not arrive, and will not. */
  #loseBeyond(lane: MeteredLane, offset: number): void {
    this.#caughtUp(lane.id)
    const before = this.debt
    lane.sent = Math.min(lane.sent, Math.max(offset, lane.acked))
    this.#debts.trim()
    const bytes = before - this.debt
    if (bytes === 0) return
    this.#host.losses.writtenOffBytes += BigInt(bytes)
    if (this.#away === undefined) return this.account.window.forgive(bytes)
    this.#away.charged -= bytes
    this.account.window.loseAway(bytes)
  }

  /** The client is back and has all that was sent of the lane: with the last of them, a node that is stopped waits for it. */
  #caughtUp(id: number): void {
    if (!this.#behind.delete(id) || this.#behind.size > 0) return
    this.#askIfStopped()
  }

  #askIfStopped(): void {
    if (this.#isToldStopped && this.#link !== undefined && this.debt > 0) this.#link.ping(this.#clock.start(this.#host.nowMs()))
  }

  /** It did not come back. @returns whether the window has another size. */
  #expire(away: Absence): boolean {
    const { window } = this.account
    this.#away = undefined
    for (const lane of this.#lanes.values()) lane.unit = undefined
    const owed = this.#writeOff()
    window.releaseAway(away.charged - owed)
    window.expire(owed)
    return false
  }

  /** Nobody answers. */
  #cut(): void {
    if (this.#link?.cut === undefined) return this.#leave(CODES.idleTimeout)
    this.#clock.clear()
    if (this.#link.cut()) this.#askIfStopped()
  }

  /** Something was given up in place of being waited for: where the node is stopped all the same, the clock begins anew. */
  #waitAgain(): void {
    if (!this.#clock.isRunning) return // it has begun already, or there is nothing to wait for
    this.#clock.clear()
    this.#askIfStopped()
  }

  #refuse(verdict: 'later' | { readonly leave: number }, unitBytes: number): false {
    if (verdict === 'later') {
      this.account.wait(this, unitBytes)
      this.account.stopIfStuck()
    } else this.#leave(verdict.leave)
    return false
  }

  get #isExpired(): boolean {
    return this.delegation.notAfterEpoch < (this.#chains.current?.epoch ?? 0n)
  }

  /** All that is owed, once. */
  #writeOff(): number {
    const bytes = this.debt
    for (const lane of this.#lanes.values()) if (lane.unit !== undefined) this.account.begun--
    this.#debts.clear()
    this.#behind.clear()
    this.#host.losses.writtenOffBytes += BigInt(bytes)
    return bytes
  }

  #leave(code: number): void {
    const link = this.#link
    this.#link = undefined
    link?.leave(code)
  }
}
