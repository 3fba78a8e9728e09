/**
 * The chains of one session at a node that is paid, of the epoch that runs and of the one that closes: which acknowledgement continues one, which tick
 * its newest acknowledgement, and what they pay by the ledger's own rules.
 */
import { sessionIdOf } from '@selvedge/crypto/transcript'
import type { Account } from './account.ts'
import type { ChainRecord } from './ack-store.ts'
import { type Acknowledgement, decodeAcknowledgement } from './acknowledgement.ts'
import { type ChainState, stepChain } from './chain-check.ts'
import { amountOf, checkAcknowledgement, type EpochRules, type Evidence, type SessionInputs } from './check.ts'
import { CODES } from './codes.ts'
import { ACKNOWLEDGEMENT_PREIMAGE_BYTES, TICK_BYTES, TICKS_MAX } from './constants.ts'
import { contentStartOf } from './content-chain.ts'
import type { Delegation } from './delegation.ts'
import type { Stretch } from './payer-chain.ts'
import type { AckFrame, ChainSeq, PayingSession, TickFrame } from './ports.ts'
import { bytesUnpaid } from './price.ts'
import type { SessionHost } from './session-host.ts'
import { isStepsBehind, NO_TICK } from './tick.ts'
import { isEqualBytes } from './wire.ts'

/** What a session holds of one epoch. */
export interface MeteredEpoch {
  readonly epoch: bigint
  readonly inputs: SessionInputs
  readonly start: Uint8Array
  readonly chains: Map<number, MeteredChain>
}

export interface MeteredChain {
  readonly state: ChainState
  readonly paid: Paid
  /** Its newest acknowledgement, and the newest tick behind that. */
  readonly evidence: Evidence
  readonly clientIndex: number
}

/** What one chain pays, µUSD, and what is beyond that, as bytes at the table's price. */
interface Paid {
  readonly amount: bigint
  readonly restBytes: number
}

const NOTHING_PAID: Paid = { amount: 0n, restBytes: 0 }

/** `bytes`: what a tick says beyond the one before it; 0: it was said before. */
type TickVerdict = { readonly bytes: number } | { readonly refuse: number }

export class MeteredChains {
  current: MeteredEpoch | undefined
  closing: MeteredEpoch | undefined
  readonly #host: SessionHost
  readonly #account: Account
  readonly #delegation: Delegation
  readonly #delegationKey: string

  constructor(host: SessionHost, account: Account, delegation: Delegation, delegationKey: string) {
    this.#host = host
    this.#account = account
    this.#delegation = delegation
    this.#delegationKey = delegationKey
  }

  /** The session goes on in another epoch, under another id. */
  next(epoch: bigint, session: PayingSession, nodeRand: Uint8Array): void {
    const { chainId, nodeKey } = this.#host
    const { account, laneNonce, clientRand } = session
    const { sessionKey } = this.#delegation
    this.open(epoch, session, nodeRand, sessionIdOf({ chainId, account, sessionKey, nodeKey, laneNonce, epoch, clientRand, nodeRand }))
  }

  /** The epoch that ran until now, if any, begins to close. */
  open(epoch: bigint, { laneNonce, clientRand, channelBinding }: PayingSession, nodeRand: Uint8Array, sessionId: Uint8Array): void {
    this.closing = this.current
    const inputs = { laneNonce, clientRand, nodeRand }
    this.current = { epoch, inputs, start: contentStartOf(sessionId, channelBinding), chains: new Map() }
  }

  clear(): void {
    this.current = undefined
    this.closing = undefined
  }

  of(epoch: bigint): MeteredEpoch | undefined {
    return [this.current, this.closing].find((each) => each?.epoch === epoch)
  }

  /** How far each chain is; `owing`: services of which the closing epoch waits for something. */
  seqs(owing: ReadonlySet<number>): ChainSeq[] {
    return [this.closing, this.current].flatMap((open) => {
      if (open === undefined) return []
      const services = new Set([...open.chains.keys(), ...(open === this.closing ? owing : [])])
      const seqOf = (serviceId: number): number => open.chains.get(serviceId)?.state.seq ?? 0
      return [...services].toSorted((a, b) => a - b).map((serviceId) => ({ epoch: open.epoch, serviceId, seq: seqOf(serviceId) }))
    })
  }

  /**
   * `bytes`: that it was decoded from. `stretches`: what its lanes moved by; undefined where they cannot have. @returns the code that ends the session, if
   * one does.
   */
  take(
    open: MeteredEpoch,
    acknowledgement: Acknowledgement,
    bytes: Uint8Array,
    stretches: readonly Stretch[] | undefined,
  ): number | undefined {
    const { serviceId } = acknowledgement
    const before = open.chains.get(serviceId)
    const state = before?.state ?? { seq: 0, cumBytes: 0n, cumCpuMicros: 0n, contentRoot: open.start, isFinal: false }
    const ticked = BigInt(tickedBytesOf(before))
    const next = stretches === undefined ? 'lanes' : stepChain(state, acknowledgement, stretches, 0n, ticked)
    if (typeof next === 'string') return CODES.ackInvalid
    const { rules: rulesOf, signed } = this.#host
    const rules = rulesOf(acknowledgement.epoch)
    if (rules === undefined) return CODES.epochClosed
    const evidence = { acknowledgement, tick: NO_TICK, session: open.inputs, delegation: this.#delegation }
    const verdict = checkAcknowledgement(evidence, rules, signed, bytes.subarray(0, ACKNOWLEDGEMENT_PREIMAGE_BYTES))
    if (!verdict.isPayable) return verdict.fault === 'spend-cap' ? CODES.spendCap : CODES.ackInvalid
    const { clientIndex } = verdict.client
    const paid = this.#pay({ evidence, clientIndex, amount: verdict.amount }, before?.paid ?? NOTHING_PAID, open === this.closing, rules)
    if (paid === undefined) return CODES.spendCap
    open.chains.set(serviceId, { state: next, paid, evidence, clientIndex })
    return undefined
  }

  /**
   * One more element of the hash chain of an acknowledgement: a hash for each step beyond the newest one, and no signature.
   * @param unsignedBytes - sent of the service in this epoch and not signed for: ticks say no more than that.
   */
  takeTick(open: MeteredEpoch, { serviceId, index, preimage }: TickFrame, unsignedBytes: number): TickVerdict {
    const chain = open.chains.get(serviceId)
    const invalid = { refuse: CODES.ackInvalid }
    if (chain === undefined || chain.state.isFinal || index > TICKS_MAX || Number(TICK_BYTES) * index > unsignedBytes) return invalid
    const { acknowledgement, tick, delegation } = chain.evidence
    const steps = index - tick.index
    if (index === 0 || steps < 0 || isEqualBytes(acknowledgement.payAnchor, NO_TICK.x)) return invalid
    const newest = tick.index === 0 ? acknowledgement.payAnchor : tick.x
    if (!isStepsBehind(newest, preimage, steps)) return invalid
    if (steps === 0) return { bytes: 0 }
    const rules = this.#host.rules(open.epoch)
    if (rules === undefined) return { refuse: CODES.epochClosed }
    const amount = amountOf({ acknowledgement, delegation }, index, rules)
    if (typeof amount === 'string') return amount === 'spend-cap' ? { refuse: CODES.spendCap } : invalid
    const evidence = { ...chain.evidence, tick: { index, x: Uint8Array.from(preimage) } }
    const paid = this.#pay({ evidence, clientIndex: chain.clientIndex, amount }, chain.paid, open === this.closing, rules)
    if (paid === undefined) return { refuse: CODES.spendCap }
    open.chains.set(serviceId, { ...chain, evidence, paid })
    return { bytes: Number(TICK_BYTES) * steps }
  }

  /** Books what a chain pays by now, and keeps it. Undefined: all sessions under the delegation would pay more than it allows together. */
  #pay(record: ChainRecord, before: Paid, isOld: boolean, rules: EpochRules): Paid | undefined {
    const { evidence, amount } = record
    const spent = isOld ? this.#account.spentOld : this.#account.spent
    const more = amount - before.amount
    if (spent.under(this.#delegationKey) + more > this.#delegation.spendCap) return undefined // a disputed entry would show it
    const { serviceId, cumBytes, cumCpuMicros } = evidence.acknowledgement
    const bytes = cumBytes + TICK_BYTES * BigInt(evidence.tick.index)
    const restBytes = Number(bytesUnpaid(bytes, cumCpuMicros, amount, rules.prices, rules.multiplePpmOf(serviceId) ?? 0))
    spent.add(this.#delegationKey, more, restBytes - before.restBytes)
    if (amount > 0n) this.#host.store.put(record) // nothing else can be claimed
    return { amount, restBytes }
  }
}

/** What ticks say beyond the chain's newest acknowledgement. */
export function tickedBytesOf(chain: MeteredChain | undefined): number {
  return chain === undefined ? 0 : Number(TICK_BYTES) * chain.evidence.tick.index
}

export function acknowledgementIn({ acknowledgement }: AckFrame): Acknowledgement | undefined {
  try {
    return decodeAcknowledgement(acknowledgement)
  } catch {
    return undefined // malformed: nothing else is thrown there
  }
}
