/**
 * What signs for one session at a client: a synchronous state machine, with no clock of its own and no I/O, and nothing that a node sends makes it throw.
 * Two epochs may be open at once: bytes before a lane's boundary belong to the one that closes.
 */
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { ackStepOf } from './ack-step.ts'
import { CODES } from './codes.ts'
import { AwaitedLanes } from './awaited-lanes.ts'
import { ACK_LANES_MAX, PPM } from './constants.ts'
import { laneDigestOf } from './content-chain.ts'
import { PayerChain, type PayerEpoch, type Stretch } from './payer-chain.ts'
import { isDone, isOwedForGood, type PayerLane, pendingOf, unseenEndOf, unsignedOf } from './payer-lane.ts'
import type { PayerOptions } from './payer-options.ts'
import type { Ticks } from './payer-ticks.ts'
import type {
  AckFrame,
  ClientLink,
  EpochFrame,
  LaneEnd,
  MeterFrame,
  PayingSession,
  PriceFrame,
  ResumedChains,
  WindowFrame,
} from './ports.ts'
import { SentAcks } from './sent-acks.ts'
import { isEqualBytes } from './wire.ts'
import type { Payer, Receipt } from './payer.ts'

/** @returns what `connectSession` of `@selvedge/handshake` takes as its `payer`; good for one session. */
export function createPayer(options: PayerOptions): Payer {
  return new SessionSigner(options)
}

interface OpenEpoch {
  readonly about: PayerEpoch
  readonly chains: Map<number, PayerChain>
}

class SessionSigner implements Payer {
  readonly #options: PayerOptions
  readonly #lanes = new Map<number, PayerLane>()
  readonly #receipts: Receipt[] = []
  #link: ClientLink | undefined
  #session: PayingSession | undefined
  #price: PriceFrame | undefined
  #current: OpenEpoch | undefined
  #closing: OpenEpoch | undefined
  #window = 0
  #isStopped = false
  readonly #sent = new SentAcks()
  /** The oldest epoch of which the node takes acknowledgements, where it said so. */
  #oldest = 0n
  #isCapped = false
  /** Something came that is never signed for. */
  #isSpoilt = false
  readonly #awaited = new AwaitedLanes()
  #past = { bytes: 0n, microUsd: 0n }

  constructor(options: PayerOptions) {
    this.#options = options
  }

  get isCapped(): boolean {
    return this.#isCapped
  }

  get prices(): PriceFrame | undefined {
    return this.#price
  }

  get cost(): { readonly bytes: bigint; readonly microUsd: bigint } {
    const chains = this.#chains()
    const bytes = chains.reduce((sum, { cumBytes, tickedBytes }) => sum + cumBytes + tickedBytes, this.#past.bytes)
    return { bytes, microUsd: chains.reduce((sum, { microUsd }) => sum + microUsd, this.#past.microUsd) }
  }

  get receipts(): readonly Receipt[] {
    return [...this.#receipts, ...this.#chains().flatMap((chain) => this.#receiptOf(chain))]
  }

  begin(session: PayingSession, link: ClientLink): void {
    this.#link = link
    this.#session = session
    this.#window = session.window
  }

  price(frame: PriceFrame): number | undefined {
    const { priceMax } = this.#options
    const isTooDear = priceMax !== undefined && (frame.bytePrice > priceMax.bytePrice || frame.cpuPrice > priceMax.cpuPrice)
    if (isTooDear || frame.services.some(({ multiplePpm }) => BigInt(multiplePpm) > PPM)) return CODES.priceRefused
    this.#price = frame
    if (this.#session === undefined || this.#current !== undefined) return undefined
    if (frame.priceVersion !== this.#session.priceVersion) return CODES.priceRefused
    const { sessionId } = this.#open(this.#session.epoch, this.#session.nodeRand, frame)
    return isEqualBytes(sessionId, this.#session.sessionId) ? undefined : CODES.badFrame // it could pay for nothing under another id
  }

  lane(id: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array, from = 0n): void {
    if (this.#current === undefined) return this.#link?.leave(CODES.epochClosed) // what comes on it cannot be signed for
    if (this.#current.about.multiplePpmOf(serviceId) === undefined) return this.#link?.leave(CODES.priceRefused)
    if (this.#lanes.size >= ACK_LANES_MAX) this.#signTicked() // what ticks said is signed for by one acknowledgement
    const digest = laneDigestOf(openBody, acceptBody)
    const isInTime = this.#awaited.take(id, this.#options.nowMs())
    const old = from > 0n && isInTime && this.#closing !== undefined ? { signed: 0n, end: from } : undefined
    if (old !== undefined) this.#chainOf(this.#closing, serviceId)
    const rest = { verified: 0n, signed: from, old, end: undefined, isCut: false, isRefused: false, isLeft: false, isFollowed: false }
    this.#lanes.set(id, { id, serviceId, digest, acceptedMs: this.#options.nowMs(), ...rest })
  }

  verified(id: number, offset: bigint): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined || lane.isRefused) return
    const to = lane.end !== undefined && offset > lane.end ? lane.end : offset
    if (to <= lane.verified) return
    if (lane.verified === 0n) this.#chainOf(this.#current, lane.serviceId)?.begun(lane.acceptedMs, this.#options.nowMs())
    lane.verified = to
    if (this.#isStopped || to === lane.end) this.flush()
    else if (!this.#isStepReached) this.#closeOld()
    else if (this.#options.ticks === undefined) this.flush()
    else this.#say(this.#options.ticks)
  }

  laneOver(id: number, offset: bigint, how: LaneEnd): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined || how === 'session-over') return
    lane.end = offset
    lane.isCut = how === 'reset-by-node'
    lane.isLeft ||= how === 'reset-by-client'
    this.#settle(lane)
  }

  refuse(id: number): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    lane.isRefused = true
    this.#settle(lane)
  }

  follows(id: number): void {
    const lane = this.#lanes.get(id)
    if (lane !== undefined) lane.isFollowed = true
  }

  giveUp(id: number): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    lane.isFollowed = false
    lane.isLeft = true
    this.#settle(lane)
  }

  epoch({ epoch, rand, priceVersion, lanes }: EpochFrame): void {
    const { epoch: last } = this.#current?.about ?? {}
    if (last === undefined || epoch === last) return
    if (epoch !== last + 1n) return this.#link?.leave(CODES.epochClosed)
    if (this.#price?.priceVersion !== priceVersion) return this.#link?.leave(CODES.priceRefused)
    this.#dropOld()
    this.#signTicked() // the boundaries of the new epoch are of lanes, which ticks do not name
    const boundaries = new Map(lanes.map(({ lane, offset }) => [lane, offset]))
    for (const lane of this.#lanes.values()) {
      const named = boundaries.get(lane.id) ?? 0n
      const boundary = named > lane.signed ? named : lane.signed
      lane.old = boundary > lane.signed ? { signed: lane.signed, end: boundary } : undefined
      lane.signed = boundary
    }
    this.#closing = this.#current
    for (const lane of this.#lanes.values()) if (lane.old !== undefined) this.#chainOf(this.#closing, lane.serviceId)
    if (this.#options.delegation.notAfterEpoch < epoch) this.#current = undefined
    else {
      this.#open(epoch, rand, this.#price)
      this.#awaited.begin(boundaries, this.#lanes, this.#options.nowMs())
    }
    if (last < this.#oldest)
      this.flush() // what could not be signed for since the session went on
    else this.#closeOld()
  }

  window({ window, isStopped }: WindowFrame): void {
    this.#window = window
    this.#isStopped = isStopped
    if (isStopped) this.flush()
  }

  meter({ serviceId, epoch, cumCpuMicros }: MeterFrame): void {
    if (this.#options.meteredServices?.includes(serviceId) !== true) {
      if (cumCpuMicros > 0n) this.#link?.leave(CODES.priceRefused)
      return
    }
    const open = [this.#current, this.#closing].find((each) => each?.about.epoch === epoch)
    const chain = this.#chainOf(open, serviceId)
    if (chain !== undefined && cumCpuMicros > chain.cumCpuMicros) chain.cumCpuMicros = cumCpuMicros
  }

  pong(nonce: bigint): void {
    this.#sent.pong(nonce)
  }

  resume(at: ResumedChains): void {
    if (this.#link === undefined) return
    this.#oldest = at.chains.some(({ epoch }) => epoch < at.epoch) ? at.epoch - 1n : at.epoch
    this.#sent.resume(this.#link, at, this.#oldest)
    for (const { tick } of this.#chains()) if (tick !== undefined && tick.epoch >= this.#oldest) this.#link.tick(tick)
    this.#closeOld()
  }

  over(): void {
    this.#link = undefined
  }

  flush(): void {
    if (this.#closing !== undefined) for (const chain of this.#closing.chains.values()) this.#signFor(this.#closing, chain)
    if (this.#current !== undefined) for (const chain of this.#chainsWithLanes(this.#current)) this.#signFor(this.#current, chain)
    this.#closeOld()
    for (const lane of this.#lanes.values()) if (isDone(lane)) this.#lanes.delete(lane.id)
    if (!this.#isSpoilt || !(this.#isStopped || this.#lanes.size === 0)) return
    this.#isSpoilt = false
    this.#link?.leave(CODES.contentRefused)
  }

  finish(): void {
    this.flush()
    for (const open of [this.#closing, this.#current]) for (const chain of open?.chains.values() ?? []) this.#endChain(open!, chain)
  }

  /** Ticks where they say enough; else all is signed for, and ticks may follow. */
  #say(ticks: Ticks): void {
    const open = this.#lanes.size <= ACK_LANES_MAX && !this.#isCapped ? this.#current : undefined
    for (const chain of open === undefined ? [] : this.#chainsWithLanes(open)) {
      const unsigned = unsignedOf(this.#lanes.values(), chain.serviceId)
      if (unsigned === 0n || this.#options.meteredServices?.includes(chain.serviceId) === true) continue
      const left = chain.bytesLeft(this.#amountLeft(open!, chain))
      const tick = chain.say(unsigned, left)
      if (tick === undefined) chain.offerTicks(ticks, left)
      else this.#link?.tick(tick)
    }
    if (this.#isStepReached) this.flush()
    else this.#closeOld()
  }

  /** More is known of the end of a lane. */
  #settle(lane: PayerLane): void {
    const unseenEnd = unseenEndOf(lane)
    if (unseenEnd !== undefined) {
      this.verified(lane.id, unseenEnd)
      lane.isRefused = unseenEnd < lane.end!
    }
    this.#isSpoilt ||= isOwedForGood(lane)
    const isSettled = lane.isRefused || lane.isCut || (lane.isLeft && !lane.isFollowed) || lane.verified === lane.end
    if (lane.end !== undefined && isSettled) this.flush()
    else this.#closeOld()
  }

  #signTicked(): void {
    for (const chain of this.#current?.chains.values() ?? []) if (chain.tick !== undefined) this.#signFor(this.#current!, chain)
  }

  /** The chains of an epoch, with one for each service that has a lane. */
  #chainsWithLanes(open: OpenEpoch): Iterable<PayerChain> {
    for (const { serviceId } of this.#lanes.values()) this.#chainOf(open, serviceId)
    return open.chains.values()
  }

  #open(epoch: bigint, nodeRand: Uint8Array, { priceVersion, bytePrice, cpuPrice, services }: PriceFrame): PayerEpoch {
    const { chainId, nodeKey, delegation, sign } = this.#options
    const { account, sessionKey } = delegation
    const { laneNonce, clientRand, nodeIndex, channelBinding } = this.#session!
    const session = { laneNonce, clientRand, nodeRand }
    const sessionId = sessionIdOf({ chainId, account, sessionKey, nodeKey, epoch, ...session })
    const multiples = new Map(services.map(({ serviceId, multiplePpm }) => [serviceId, multiplePpm]))
    const prices = { priceVersion, bytePrice, cpuPrice }
    const multiplePpmOf = (serviceId: number): number | undefined => multiples.get(serviceId)
    const about = { chainId, nodeIndex, epoch, sessionId, session, channelBinding, delegation, prices, multiplePpmOf, sign }
    this.#current = { about, chains: new Map() }
    return about
  }

  #chains(): PayerChain[] {
    return [...(this.#closing?.chains.values() ?? []), ...(this.#current?.chains.values() ?? [])]
  }

  #chainOf(open: OpenEpoch | undefined, serviceId: number): PayerChain | undefined {
    const known = open?.chains.get(serviceId)
    if (open === undefined || known !== undefined) return known
    const multiplePpm = open.about.multiplePpmOf(serviceId)
    if (multiplePpm === undefined) return undefined // gone with the epoch: nothing of it can be paid any more
    const chain = new PayerChain(open.about, serviceId, multiplePpm, this.#options.nowMs())
    open.chains.set(serviceId, chain)
    return chain
  }

  /** Signs for all that is verified and unsigned of one chain, as far as the caps go. */
  #signFor(open: OpenEpoch, chain: PayerChain): void {
    if (this.#link === undefined || chain.isFinal || this.#isCapped || open.about.epoch < this.#oldest) return
    let left = chain.bytesLeft(this.#amountLeft(open, chain))
    let stretches: Stretch[] = []
    const emit = (): void => {
      const frame = chain.sign(stretches, false, this.#options.nowMs())
      stretches = []
      this.#send(open, chain, frame)
    }
    for (const lane of this.#lanes.values()) {
      const place = open === this.#closing ? lane.old : lane
      if (lane.serviceId !== chain.serviceId || place === undefined) continue
      const wanted = place === lane ? lane.verified - lane.signed : pendingOf(lane.old, lane.verified)
      if (wanted <= 0n) continue
      const bytes = left === undefined || wanted <= left ? wanted : left
      if (bytes > 0n) stretches.push({ lane: lane.id, digest: lane.digest, from: place.signed, to: place.signed + bytes })
      place.signed += bytes
      if (left !== undefined) left -= bytes
      this.#isCapped ||= bytes < wanted
      if (stretches.length === ACK_LANES_MAX) emit()
    }
    if (stretches.length > 0) emit()
    if (this.#isCapped) this.#link?.leave(CODES.spendCap)
  }

  /** µUSD that one chain may cost: what the session's cap and the delegation's leave beside the other chains. */
  #amountLeft(open: OpenEpoch, chain: PayerChain): bigint {
    const { capMicroUsd, delegation } = this.#options
    const ofSession = capMicroUsd - (this.cost.microUsd - chain.microUsd)
    const others = [...open.chains.values()].reduce((sum, { microUsd }) => sum + microUsd, -chain.microUsd)
    const ofEpoch = delegation.spendCap - others
    const least = ofSession < ofEpoch ? ofSession : ofEpoch
    return least > 0n ? least : 0n
  }

  /** Ends each chain of the closing epoch whose last byte is verified and signed for. */
  #closeOld(): void {
    const closing = this.#closing
    if (closing === undefined) return
    const isAwaiting = this.#awaited.isWaiting(this.#options.nowMs())
    for (const chain of closing.about.epoch < this.#oldest ? [] : closing.chains.values()) {
      const lanes = [...this.#lanes.values()].filter(({ serviceId }) => serviceId === chain.serviceId)
      const isWaitedFor = ({ old, isRefused, isCut }: PayerLane): boolean =>
        old !== undefined && old.signed < old.end && !isRefused && !isCut
      if (lanes.some((lane) => isWaitedFor(lane) && lane.verified < lane.old!.end)) continue
      this.#signFor(closing, chain)
      if (isAwaiting || lanes.some(isWaitedFor)) continue
      if (this.#awaited.isEmpty) this.#endChain(closing, chain)
      else chain.isFinal = true // it was waited too long to say so
    }
    if (closing.about.epoch >= this.#oldest && (isAwaiting || ![...closing.chains.values()].every(({ isFinal }) => isFinal))) return
    this.#dropOld()
    if (this.#current === undefined) this.#link?.leave(CODES.epochClosed) // the delegation ended with that epoch, and all is signed
  }

  #endChain(open: OpenEpoch, chain: PayerChain): void {
    if (chain.isFinal || chain.tick !== undefined || this.#link === undefined || open.about.epoch < this.#oldest) return
    if (!chain.isWithin(this.#amountLeft(open, chain))) {
      this.#isCapped = true // its last word would sign for the time that was metered too
      return this.#link.leave(CODES.spendCap)
    }
    this.#send(open, chain, chain.sign([], true, this.#options.nowMs()))
  }

  #send({ about: { epoch } }: OpenEpoch, { serviceId, seq }: PayerChain, frame: AckFrame | undefined): void {
    if (frame !== undefined && this.#link !== undefined) this.#sent.send(this.#link, { epoch, serviceId, seq, frame })
  }

  /** What is verified and not signed of a closed epoch is never signed: the node did not wait for it. */
  #dropOld(): void {
    for (const chain of this.#closing?.chains.values() ?? []) {
      this.#receipts.push(...this.#receiptOf(chain))
      this.#past = { bytes: this.#past.bytes + chain.cumBytes + chain.tickedBytes, microUsd: this.#past.microUsd + chain.microUsd }
    }
    this.#closing = undefined
    this.#awaited.clear()
    for (const lane of this.#lanes.values()) lane.old = undefined
  }

  /** Whether so much is verified, and neither signed for nor said by ticks, that it is time to. */
  get #isStepReached(): boolean {
    let bytes = 0n
    for (const { old, signed, verified } of this.#lanes.values()) {
      bytes += pendingOf(old, verified) + (verified > signed ? verified - signed : 0n)
    }
    for (const { tickedBytes } of this.#chains()) bytes -= tickedBytes
    return bytes >= BigInt(ackStepOf(this.#window))
  }

  #receiptOf({ evidence }: PayerChain): Receipt[] {
    return evidence === undefined ? [] : [{ evidence, nodeKey: this.#options.nodeKey }]
  }
}
