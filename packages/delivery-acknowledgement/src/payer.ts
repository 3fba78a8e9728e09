/**
 * The client's end of a paying session: what it signs, and when. It signs for verified bytes only; when enough of them are unsigned, at the
 * end of a response, and for all of them while the node is stopped by its window. With `ticks` it shows one more element of a hash chain where only
 * the first of these is the reason. Layouts and rules: docs/protocol/delivery-acknowledgements.md.
 *
 * A synchronous state machine: no clock of its own, no I/O, and nothing that a node sends makes it throw. Two epochs may be open at once:
 * bytes before a lane's boundary belong to the one that closes.
 */
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { ackStepOf } from './ack-step.ts'
import type { Evidence } from './check.ts'
import { CODES } from './codes.ts'
import { ACK_LANES_MAX, PPM } from './constants.ts'
import { laneDigestOf } from './content-chain.ts'
import { PayerChain, type PayerEpoch, type Stretch } from './payer-chain.ts'
import { type PayerLane, pendingOf, unsignedOf } from './payer-lane.ts'
import type { PayerOptions, TickOptions } from './payer-options.ts'
import type {
  AckFrame,
  ClientLink,
  EpochFrame,
  LaneEnd,
  MeterFrame,
  PayingSession,
  PriceFrame,
  ResumedChains,
  SessionPayer,
  WindowFrame,
} from './ports.ts'
import { SentAcks } from './sent-acks.ts'
import { isEqualBytes } from './wire.ts'

export interface Payer extends SessionPayer {
  /** DATA of the lane is verified up to `offset`. Signs when it is time to. */
  verified(lane: number, offset: bigint): void
  /** What came on the lane behind the verified offset is wrong: nothing more of it is ever signed for, also when the lane is reset next. */
  refuse(lane: number): void
  /** The reader leaves a lane that ended before all of it was verified: it is signed for to its end, as one that is reset is. */
  giveUp(lane: number): void
  /** Signs what is verified and unsigned. */
  flush(): void
  /** Signs what is verified and unsigned, and that nothing follows; then the session may be closed. */
  finish(): void
  /** The newest prices that the node has told, and that were taken. */
  readonly prices: PriceFrame | undefined
  /** What was signed for, or said by ticks, all epochs of the session together. */
  readonly cost: { readonly bytes: bigint; readonly microUsd: bigint }
  /** Nothing more is signed, for the cap or the delegation's is reached; the session was left with code 14. */
  readonly isCapped: boolean
  readonly receipts: readonly Receipt[]
}

/** The newest acknowledgement of one chain, with its newest tick and all that is needed to check it offline. */
export interface Receipt {
  readonly evidence: Evidence
  readonly nodeKey: Uint8Array
}

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
    const old = from > 0n && this.#closing !== undefined ? { signed: 0n, end: from } : undefined
    if (old !== undefined) this.#chainOf(this.#closing, serviceId)
    const rest = { verified: 0n, signed: from, old, end: undefined, isCut: false, isRefused: false }
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
    if (how === 'reset-by-client') return this.giveUp(id)
    lane.isCut = how === 'reset-by-node'
    if (lane.verified === offset || lane.isCut) this.flush()
  }

  refuse(id: number): void {
    const lane = this.#lanes.get(id)
    if (lane !== undefined) lane.isRefused = true
    this.#closeOld()
  }

  giveUp(id: number): void {
    const lane = this.#lanes.get(id)
    if (lane?.end === undefined) return
    if (lane.isRefused || lane.isCut) return this.flush()
    if (lane.verified < lane.end) this.verified(id, lane.end)
    else this.flush()
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
    else this.#open(epoch, rand, this.#price)
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
    for (const { id, end, old, signed, isRefused } of this.#lanes.values()) {
      if (end !== undefined && (isRefused || (signed >= end && pendingOf(old, end) === 0n))) this.#lanes.delete(id)
    }
  }

  finish(): void {
    this.flush()
    for (const open of [this.#closing, this.#current]) for (const chain of open?.chains.values() ?? []) this.#endChain(open!, chain)
  }

  /** Ticks where they say enough; else all is signed for, and ticks may follow. */
  #say(options: TickOptions): void {
    const open = this.#lanes.size <= ACK_LANES_MAX && !this.#isCapped ? this.#current : undefined
    for (const chain of open === undefined ? [] : this.#chainsWithLanes(open)) {
      const unsigned = unsignedOf(this.#lanes.values(), chain.serviceId)
      if (unsigned === 0n || this.#options.meteredServices?.includes(chain.serviceId) === true) continue
      const left = chain.bytesLeft(this.#amountLeft(open!, chain))
      const tick = chain.say(unsigned, left)
      if (tick === undefined) chain.offerTicks(options, left)
      else this.#link?.tick(tick)
    }
    if (this.#isStepReached) this.flush()
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
    for (const chain of closing.about.epoch < this.#oldest ? [] : closing.chains.values()) {
      const lanes = [...this.#lanes.values()].filter(({ serviceId }) => serviceId === chain.serviceId)
      const isWaitedFor = ({ old, isRefused, isCut }: PayerLane): boolean =>
        old !== undefined && old.signed < old.end && !isRefused && !isCut
      if (lanes.some((lane) => isWaitedFor(lane) && lane.verified < lane.old!.end)) continue
      this.#signFor(closing, chain)
      if (!lanes.some(isWaitedFor)) this.#endChain(closing, chain)
    }
    if (closing.about.epoch >= this.#oldest && ![...closing.chains.values()].every(({ isFinal }) => isFinal)) return
    this.#dropOld()
    if (this.#current === undefined) this.#link?.leave(CODES.epochClosed) // the delegation ended with that epoch, and all is signed
  }

  #endChain(open: OpenEpoch, chain: PayerChain): void {
    if (chain.isFinal || chain.tick !== undefined || this.#link === undefined || open.about.epoch < this.#oldest) return
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
