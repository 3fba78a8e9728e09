/**
 * The chains of one session at a node that is paid, of the epoch that runs and of the one that closes: which acknowledgement continues one, and what
 * it pays by the ledger's own rules.
 */
import type { Account } from './account.ts'
import { type Acknowledgement, decodeAcknowledgement } from './acknowledgement.ts'
import { type ChainState, stepChain } from './chain-check.ts'
import { checkAcknowledgement, type Evidence, type SessionInputs } from './check.ts'
import { CODES } from './codes.ts'
import { contentStartOf } from './content-chain.ts'
import type { Delegation } from './delegation.ts'
import type { Stretch } from './payer-chain.ts'
import type { AckFrame, ChainSeq, PayingSession } from './ports.ts'
import { bytesUnpaid } from './price.ts'
import type { SessionHost } from './session-host.ts'
import { NO_TICK } from './tick.ts'

/** What a session holds of one epoch. */
export interface MeteredEpoch {
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

  /** `stretches`: what its lanes moved by; undefined where they cannot have. @returns the code that ends the session, if one does. */
  take(open: MeteredEpoch, acknowledgement: Acknowledgement, stretches: readonly Stretch[] | undefined): number | undefined {
    const { serviceId } = acknowledgement
    const before = open.chains.get(serviceId)
    const state = before?.state ?? { seq: 0, cumBytes: 0n, cumCpuMicros: 0n, contentRoot: open.start, isFinal: false }
    const next = stretches === undefined ? 'lanes' : stepChain(state, acknowledgement, stretches, 0n)
    if (typeof next === 'string') return CODES.ackInvalid
    const evidence = { acknowledgement, tick: NO_TICK, session: open.inputs, delegation: this.#delegation }
    const paid = this.#pay(evidence, before?.paid ?? NOTHING_PAID, open === this.closing)
    if (typeof paid === 'number') return paid
    open.chains.set(serviceId, { state: next, paid })
    return undefined
  }

  /** Has it judged by the ledger's rules, and keeps it. @returns what it pays, or the code that ends the session. */
  #pay(evidence: Evidence, before: Paid, isOld: boolean): Paid | number {
    const { rules: rulesOf, signed, store } = this.#host
    const rules = rulesOf(evidence.acknowledgement.epoch)
    if (rules === undefined) return CODES.epochClosed
    const verdict = checkAcknowledgement(evidence, rules, signed)
    if (!verdict.isPayable) return verdict.fault === 'spend-cap' ? CODES.spendCap : CODES.ackInvalid
    const spent = isOld ? this.#account.spentOld : this.#account.spent
    const { amount, client } = verdict
    const more = amount - before.amount
    if (spent.under(this.#delegationKey) + more > this.#delegation.spendCap) return CODES.spendCap // a disputed entry would show it
    const { serviceId, cumBytes, cumCpuMicros } = evidence.acknowledgement
    const rest = bytesUnpaid(cumBytes, cumCpuMicros, amount, rules.prices, rules.multiplePpmOf(serviceId) ?? 0)
    const restBytes = Number(rest)
    spent.add(this.#delegationKey, more, restBytes - before.restBytes)
    if (amount > 0n) store.put({ evidence, clientIndex: client.clientIndex, amount }) // nothing else can be claimed
    return { amount, restBytes }
  }
}

export function acknowledgementIn({ acknowledgement }: AckFrame): Acknowledgement | undefined {
  try {
    return decodeAcknowledgement(acknowledgement)
  } catch {
    return undefined // malformed: nothing else is thrown there
  }
}
