/**
 * What a session does with its lanes: the calls of this side, and the frames of the other one (sessions.md §3, §4). Which frame may come at all,
 * and what ends the session, is the session core's.
 *
 * Invariant: a lane is in the table from OPEN until it ended both ways, or both RESETs passed, or the client's did and PONG to a PING behind it.
 */
import { CODES } from './codes.ts'
import * as bounds from './constants.ts'
import type { Effect } from './effects.ts'
import * as frames from './frames.ts'
import { FLAG_END, FLAG_PONG, FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { Again, CoreLane, Resend } from './lane-core.ts'
import { LaneTable } from './lane-table.ts'
import { Outbox } from './outbox.ts'
import { nonceBody, nonceIn, type Payment } from './payment-base.ts'
import { ReceiveCredit } from './receive-credit.ts'
import type { Phase, Role } from './rules.ts'
import { RESETS_NONCE, UnansweredResets } from './unanswered-resets.ts'

/** What lanes need of their session. */
export interface LaneHost {
  readonly role: Role
  readonly phase: Phase
  /** Lanes that may be open at once. */
  readonly maxLanes: number
  /** Node: OPEN may come in HELLO's own flight, once. */
  readonly flight: { opens: number } | undefined
  emit(effect: Effect): void
  /** A lane has left the table. */
  onRemoved(): void
}

export class LaneProtocol {
  readonly table: LaneTable = new LaneTable()
  readonly outbox: Outbox = new Outbox((lane) => this.#onEndSent(lane))
  readonly credit: ReceiveCredit = new ReceiveCredit(this.outbox)
  readonly resets: UnansweredResets = new UnansweredResets(this.table)
  /** Of a paying session, once it is greeted. */
  payment: Payment | undefined
  readonly #host: LaneHost

  constructor(host: LaneHost) {
    this.#host = host
  }

  /** Lanes that keep the session alive: those of connections that joined it too. */
  get live(): number {
    return this.table.size + (this.payment?.joinedLanes ?? 0)
  }

  get deadlineMs(): number {
    const { deadlineMs = Number.POSITIVE_INFINITY } = this.payment ?? {}
    return this.#isOpen ? Math.min(deadlineMs, this.resets.deadlineMs) : deadlineMs
  }

  /** The node says other things, and does not answer PING. */
  isUnanswered(nowMs: number): boolean {
    return this.#isOpen && this.resets.isLate(nowMs)
  }

  get #isOpen(): boolean {
    return this.#host.phase === 'open' || this.#host.phase === 'draining'
  }

  /** Client: opens a lane; none when all numbers are taken. */
  open(serviceId: number, metadata: Uint8Array, initialCredit: number, resend: Resend | undefined): CoreLane | undefined {
    const lane = this.table.addNext()
    if (lane === undefined) return undefined
    lane.resend = resend
    lane.grant(initialCredit)
    lane.request = { serviceId, openBody: frames.encodeOpen({ serviceId, initialCredit, metadata }) }
    this.outbox.pushControl(FRAME.open, 0, lane.id, lane.request.openBody)
    this.askForPlaces()
    return lane
  }

  /**
   * Client: where all places are taken, and some by lanes that were reset, PING behind their RESETs tells which of them are free. Whoever answers RESET has done so by then, and
   * until then nobody need ask. A node that has more places than there should be is asked when so many are taken.
   */
  askForPlaces(): void {
    const { role, phase, maxLanes } = this.#host
    const isFull = this.table.open >= Math.min(maxLanes, bounds.PAYING_LANES_MAX)
    const nonce = role === 'client' && phase === 'open' && isFull ? this.resets.ask() : undefined
    if (nonce !== undefined) this.outbox.pushControl(FRAME.ping, 0, 0, nonceBody(nonce))
  }

  accept(lane: CoreLane, metadata: Uint8Array, credit: number): void {
    if (lane.isOver || lane.isResetSent || lane.isAccepted) return
    const initialCredit = this.payment?.isReadOnly === true ? 0 : credit
    lane.isAccepted = true
    lane.grant(initialCredit)
    const body = frames.encodeAccept({ initialCredit, metadata })
    this.outbox.pushControl(FRAME.accept, 0, lane.id, body)
    if (this.payment !== undefined) lane.acceptBody = body
    this.payment?.lane(lane, body)
    lane.request = undefined
  }

  write(lane: CoreLane, parts: readonly Uint8Array[], token: unknown, unitEnds?: readonly number[]): boolean {
    const filled = parts.filter((part) => part.length > 0)
    if (filled.length === 0 || lane.isOver || lane.isEnding || lane.isResetSent) return false
    const length = filled.reduce((bytes, part) => bytes + part.length, 0)
    lane.queue({ parts: filled, token, partIndex: 0, partOffset: 0 }, length)
    this.outbox.gate?.written(lane, length, unitEnds)
    this.outbox.schedule(lane)
    return true
  }

  sendAgain(lane: CoreLane, again: Again, bytes: Uint8Array, token: unknown): boolean {
    const isWanted = lane.queueAgain(again, bytes, token)
    this.outbox.schedule(lane)
    return isWanted
  }

  end(lane: CoreLane): void {
    if (lane.isOver || lane.isEnding || lane.isResetSent) return
    lane.isEnding = true
    this.outbox.gate?.ended(lane)
    if (lane.waitingBytes > 0) return // END goes with the last byte
    this.pushEnd(lane)
    this.#onEndSent(lane)
  }

  /** @param isReadOn - what is in flight is handed on all the same: no more than the lane has credit for, since it is granted none any more. */
  reset(lane: CoreLane, code: number, reason: string, isReadOn = false): void {
    if (lane.isOver || lane.isResetSent) return
    lane.isReadOn = isReadOn
    this.#sendReset(lane, code, reason, this.#host.role)
  }

  /** END without bytes. */
  pushEnd(lane: CoreLane): void {
    this.outbox.pushControl(FRAME.data, FLAG_END, lane.id, new Uint8Array())
  }

  pushReset(lane: CoreLane): void {
    const { code = 0, reason = '' } = lane.resetBody ?? {}
    this.outbox.pushControl(FRAME.reset, 0, lane.id, frames.encodeReset({ code, offset: BigInt(lane.sent), reason }))
  }

  /** The other side knows nothing more of the lane, and said so in no other way. */
  lose(lane: CoreLane): void {
    lane.isResetSent = true
    lane.resetBy = this.#host.role === 'client' ? 'node' : 'client'
    this.#host.emit({ type: 'reset', lane, code: CODES.resumeLost, reason: '' })
    this.credit.writeOff(lane)
    this.remove(lane)
  }

  onData(header: FrameHeader, piece: Uint8Array, isLast: boolean): void {
    const lane = this.table.heardOn(header.lane)
    if (lane === undefined) return // ended by an effect of an earlier piece
    this.credit.receive(lane, piece.length)
    if (lane.isOver) this.resets.drop(piece.length)
    const isDropped = lane.isResetSent && !lane.isReadOn
    if (isDropped) this.credit.giveBack(piece.length)
    else if (piece.length > 0) this.#host.emit({ type: 'data', lane, bytes: piece })
    if (!isLast || header.flags !== FLAG_END) return
    lane.isEndReceived = true
    this.outbox.dropGrant(lane.id)
    if (!isDropped) this.#host.emit({ type: 'end', lane })
    if (!lane.isOver) this.#removeWhenEnded(lane)
    else if (lane.isEndSent) this.table.unanswered.delete(lane.id) // it ended both ways: no RESET comes
  }

  onOpen(id: number, body: Uint8Array): void {
    const { serviceId, initialCredit, metadata } = frames.decodeOpen(body)
    const { flight, phase, maxLanes } = this.#host
    if (this.table.isTaken(id)) throw protocolError(CODES.badFrame, `OPEN of lane ${id}, which is taken`)
    if (initialCredit > bounds.LANE_CREDIT_BYTES_MAX) throw protocolError(CODES.flowViolation, `OPEN with ${initialCredit} bytes of credit`)
    if (flight !== undefined && (++flight.opens > 1 || this.payment?.isJoined === true))
      throw protocolError(CODES.badFrame, 'an OPEN before WELCOME that is not the first of a new session')
    const refused = this.#refusalOf(serviceId, maxLanes, phase)
    const lane = this.table.add(id)
    lane.sendLimit = initialCredit
    if (this.payment !== undefined) lane.request = { serviceId, openBody: body.slice() }
    if (refused !== undefined) return this.#refuse(lane, refused)
    this.#host.emit({ type: 'request', lane, serviceId, metadata })
  }

  onAccept(id: number, body: Uint8Array): void {
    const { initialCredit, metadata } = frames.decodeAccept(body)
    const lane = this.table.heardOn(id)
    if (lane === undefined || lane.isAccepted) throw protocolError(CODES.badFrame, `ACCEPT of lane ${id}, which does not wait for one`)
    if (initialCredit > bounds.LANE_CREDIT_BYTES_MAX)
      throw protocolError(CODES.flowViolation, `ACCEPT with ${initialCredit} bytes of credit`)
    lane.isAccepted = true
    lane.sendLimit = initialCredit
    this.payment?.lane(lane, body.slice()) // also under our RESET: what is in flight on it is paid for
    lane.request = undefined
    if (lane.isResetSent) return
    this.outbox.schedule(lane)
    this.#host.emit({ type: 'accepted', lane, metadata })
  }

  onCredit(id: number, bytes: number): void {
    const lane = this.table.get(id)
    if (id !== 0 && lane === undefined) return this.table.passOver(id, 'CREDIT')
    if (lane?.isAccepted === false && this.#host.role === 'client') {
      throw protocolError(CODES.badFrame, `CREDIT for lane ${id} before ACCEPT`)
    }
    this.outbox.addCredit(lane, bytes)
  }

  onReset(id: number, { code, offset, reason }: frames.ResetBody): void {
    const lane = this.table.heardOn(id)
    if (lane === undefined) return this.table.passOver(id, 'RESET')
    if (offset !== BigInt(lane.received))
      throw protocolError(CODES.badFrame, `RESET of lane ${id} at ${offset}, after ${lane.received} bytes`)
    if (lane.isOver) return void this.table.unanswered.delete(id) // late
    if (!lane.isResetSent) {
      this.#host.emit({ type: 'reset', lane, code, reason })
      this.#sendReset(lane, code, '', this.#host.role === 'client' ? 'node' : 'client')
    }
    this.remove(lane)
  }

  /** PING, or the answer to one of this side's. */
  onPing(flags: number, body: Uint8Array, nowMs: number): void {
    if (flags !== FLAG_PONG) return this.outbox.pushControl(FRAME.ping, FLAG_PONG, 0, body)
    const nonce = nonceIn(body)
    if (nonce <= RESETS_NONCE) return this.payment?.pong(body, nowMs)
    for (const lane of this.resets.answered(nonce)) {
      this.resets.keep(lane)
      this.remove(lane)
    }
    this.askForPlaces() // others may have been reset behind that PING
  }

  /** Lanes are counted over all connections of the session. */
  #refusalOf(serviceId: number, maxLanes: number, phase: Phase): number | undefined {
    if ((this.payment?.sessionLanes ?? this.table.open) >= maxLanes) return CODES.tooManyLanes
    return phase === 'draining' ? CODES.draining : this.payment?.refusalOf(serviceId)
  }

  #refuse(lane: CoreLane, code: number): void {
    if (this.table.refused >= bounds.REFUSED_LANES_MAX)
      throw protocolError(code, `${bounds.REFUSED_LANES_MAX} refused lanes wait for their answer`)
    this.table.refused++
    lane.isRefused = true
    this.#sendReset(lane, code, '', this.#host.role)
  }

  #sendReset(lane: CoreLane, code: number, reason: string, by: Role): void {
    lane.isResetSent = true
    lane.resetBy = by
    lane.resetBody = { code, reason }
    this.outbox.dropLane(lane)
    this.pushReset(lane)
    if (!lane.isReadOn) this.credit.writeOff(lane)
  }

  #onEndSent(lane: CoreLane): void {
    lane.isEndSent = true
    this.#removeWhenEnded(lane)
  }

  #removeWhenEnded(lane: CoreLane): void {
    if (lane.isEndSent && lane.isEndReceived) this.remove(lane) // also under our RESET: the other side has both ENDs and will not answer it
  }

  remove(lane: CoreLane): void {
    this.outbox.dropLane(lane)
    this.table.remove(lane)
    this.payment?.laneOver(lane, lane.resetBy === undefined ? 'ended' : `reset-by-${lane.resetBy}`)
    this.#host.emit({ type: 'done', lane })
    this.#host.onRemoved()
  }
}
