/** What a client has signed of one epoch, and said by ticks since: a chain for each service, under that epoch's session id and prices. */
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { type AcknowledgementFields, encodeAcknowledgement, signAcknowledgement } from './acknowledgement.ts'
import type { Evidence, SessionInputs } from './check.ts'
import { TICK_BYTES } from './constants.ts'
import { contentAfter, contentStartOf } from './content-chain.ts'
import type { Delegation } from './delegation.ts'
import type { ChainTicks, Ticks } from './payer-ticks.ts'
import type { AckFrame, TickFrame } from './ports.ts'
import { bytesWithin, type PriceTable, priceOf } from './price.ts'
import { NO_TICK } from './tick.ts'

const TTFB_MS_MAX = 0xffff
const GOODPUT_KBPS_MAX = 0xffff_ffff

/** What stays the same for a whole epoch of a session. */
export interface PayerEpoch {
  readonly chainId: number
  readonly nodeIndex: number
  readonly epoch: bigint
  readonly sessionId: Uint8Array
  readonly session: SessionInputs
  readonly channelBinding: Uint8Array
  readonly delegation: Delegation
  readonly prices: PriceTable
  readonly multiplePpmOf: (serviceId: number) => number | undefined
  readonly sign: KeyPair['sign']
}

/** A stretch of a lane that is to be signed for. */
export interface Stretch {
  readonly lane: number
  readonly digest: Uint8Array
  readonly from: bigint
  readonly to: bigint
}

export class PayerChain {
  readonly serviceId: number
  readonly #epoch: PayerEpoch
  readonly #multiplePpm: number
  readonly #openedMs: number
  #ttfbMs: number | undefined
  #contentRoot: Uint8Array
  /** Of the newest acknowledgement; 0: none yet. */
  seq = 0
  cumBytes = 0n
  cumCpuMicros = 0n
  cumPrice = 0n
  isFinal = false
  /** With its newest acknowledgement, and the newest tick behind that. */
  evidence: Evidence | undefined
  #ticks: ChainTicks | undefined
  /** The newest tick behind the newest acknowledgement. */
  tick: TickFrame | undefined
  /** µUSD: what the newest acknowledgement costs with its tick. */
  microUsd = 0n

  constructor(epoch: PayerEpoch, serviceId: number, multiplePpm: number, nowMs: number) {
    this.#epoch = epoch
    this.serviceId = serviceId
    this.#multiplePpm = multiplePpm
    this.#openedMs = nowMs
    this.#contentRoot = contentStartOf(epoch.sessionId, epoch.channelBinding)
  }

  /** What ticks say beyond the newest acknowledgement. */
  get tickedBytes(): bigint {
    return TICK_BYTES * BigInt(this.tick?.index ?? 0)
  }

  /** The first byte was verified. */
  begun(acceptedMs: number, nowMs: number): void {
    this.#ttfbMs ??= Math.min(TTFB_MS_MAX, Math.max(0, Math.round(nowMs - acceptedMs)))
  }

  /** Whether what was signed for costs no more than `amount`, with the time that was metered since. */
  isWithin(amount: bigint): boolean {
    const owed = priceOf(this.cumBytes, this.cumCpuMicros, this.#epoch.prices, this.#multiplePpm)
    return owed !== undefined && owed <= amount
  }

  /** Bytes that may still be signed for before the chain costs more than `amount`; `undefined`: any number. */
  bytesLeft(amount: bigint): bigint | undefined {
    if (!this.isWithin(amount)) return 0n
    const most = bytesWithin(amount, this.cumCpuMicros, this.#epoch.prices, this.#multiplePpm)
    return most === undefined ? most : most - this.cumBytes
  }

  /** From the next acknowledgement on ticks may follow. @param bytesMost - what may still be paid for. */
  offerTicks(ticks: Ticks, bytesMost: bigint | undefined): void {
    if (!this.isFinal) this.#ticks ??= ticks.begin(bytesMost)
  }

  /** Says as much of `unsigned` verified bytes as whole ticks do, where that is more than was said. @param bytesMost - what may still be paid for. */
  say(unsigned: bigint, bytesMost: bigint | undefined): TickFrame | undefined {
    const { evidence } = this
    if (this.#ticks === undefined || evidence === undefined || this.isFinal) return undefined
    if (evidence.acknowledgement.payAnchor.every((byte) => byte === 0)) return undefined // signed before ticks were offered
    const bytes = bytesMost === undefined || unsigned < bytesMost ? unsigned : bytesMost
    const next = this.#ticks.beyond(this.tick?.index ?? 0, bytes)
    if (next === undefined) return undefined
    this.tick = { epoch: this.#epoch.epoch, serviceId: this.serviceId, ...next }
    this.evidence = { ...evidence, tick: { index: next.index, x: next.preimage } }
    const said = this.cumBytes + this.tickedBytes
    this.microUsd = priceOf(said, this.cumCpuMicros, this.#epoch.prices, this.#multiplePpm) ?? this.microUsd
    return this.tick
  }

  /** Signs for `stretches`, in the order of their lanes. None: only with `isFinal`, and only where something was signed before. */
  sign(stretches: readonly Stretch[], isFinal: boolean, nowMs: number): AckFrame | undefined {
    this.isFinal ||= isFinal
    if (stretches.length === 0 && (this.seq === 0 || !isFinal)) return undefined
    const sorted = stretches.toSorted((a, b) => a.lane - b.lane)
    for (const { digest, from, to } of sorted) {
      this.#contentRoot = contentAfter(this.#contentRoot, digest, from, to)
      this.cumBytes += to - from
    }
    this.seq++
    this.#ticks?.moveOn(this.tick?.index ?? 0)
    this.tick = undefined
    const { prices, sign, session, delegation } = this.#epoch
    this.cumPrice = priceOf(this.cumBytes, this.cumCpuMicros, prices, this.#multiplePpm) ?? this.cumPrice // beyond a u64: the cap is hit long before
    this.microUsd = this.cumPrice
    const acknowledgement = signAcknowledgement(this.#fields(isFinal, nowMs), sign)
    this.evidence = { acknowledgement, tick: NO_TICK, session, delegation }
    const lanes = sorted.map(({ lane, to }) => ({ lane, verifiedOffset: to }))
    return { acknowledgement: encodeAcknowledgement(acknowledgement), lanes }
  }

  #fields(isFinal: boolean, nowMs: number): AcknowledgementFields {
    const { chainId, nodeIndex, epoch, sessionId, delegation, prices } = this.#epoch
    const elapsedMs = Math.max(1, nowMs - this.#openedMs)
    return {
      chainId,
      account: delegation.account,
      sessionId,
      nodeIndex,
      serviceId: this.serviceId,
      isFinal,
      epoch,
      seq: this.seq,
      cumBytes: this.cumBytes,
      cumCpuMicros: this.cumCpuMicros,
      cumPrice: this.cumPrice,
      priceVersion: prices.priceVersion,
      contentRoot: this.#contentRoot,
      ttfbMs: this.#ttfbMs ?? TTFB_MS_MAX,
      goodputKbps: Math.min(GOODPUT_KBPS_MAX, Math.round((Number(this.cumBytes) * 8) / elapsedMs)),
      payAnchor: this.#ticks?.anchor ?? NO_TICK.x,
      expiryEpoch: Number(epoch) + 1,
    }
  }
}
