/**
 * What a node says again while nothing moves: messages are lost with connections and crashes, and nobody else would send them (2.11).
 * Its last header to those who have not voted, its newest certificate to all, and a question for what it lacks to one of them. After
 * `max(3 RTT, 200 ms)` without progress, then ever more slowly.
 */
import type { Authority, Certificate } from '../wire/types.ts'
import type { CatchUp } from './catch-up.ts'
import type { CoreContext } from './context.ts'
import type { RoundTrip } from './fetching.ts'
import { RETRY_MS_MAX } from './settings.ts'
import type { VoteAggregator } from './vote-aggregator.ts'

export interface RepeaterParts {
  readonly context: CoreContext
  readonly roundTrip: RoundTrip
  readonly aggregator: VoteAggregator
  readonly catchUp: CatchUp
  readonly quorumRoundOf: () => number
  readonly lastRoundOf: () => number
}

export class Repeater {
  readonly #parts: RepeaterParts
  #certificate: Certificate | undefined
  #quorumRound = -1
  #lastRound = -1
  #atMs = Number.POSITIVE_INFINITY
  #waitMs = 0

  constructor(parts: RepeaterParts) {
    this.#parts = parts
  }

  get nextAtMs(): number {
    return this.#atMs
  }

  /** The newest certificate of an own header. */
  certified(certificate: Certificate): void {
    if (certificate.header.round > (this.#certificate?.header.round ?? 0)) this.#certificate = certificate
  }

  advance(): void {
    const { context, roundTrip, quorumRoundOf, lastRoundOf } = this.#parts
    const hasMoved = quorumRoundOf() !== this.#quorumRound || lastRoundOf() !== this.#lastRound
    if (hasMoved) {
      this.#quorumRound = quorumRoundOf()
      this.#lastRound = lastRoundOf()
      this.#waitMs = roundTrip.retryMs
      this.#atMs = context.nowMs + this.#waitMs
    } else if (context.nowMs >= this.#atMs) {
      this.repeat()
      this.#waitMs = Math.min(RETRY_MS_MAX, 2 * this.#waitMs)
      this.#atMs = context.nowMs + this.#waitMs
    }
  }

  repeat(): void {
    const { context, aggregator, catchUp, lastRoundOf } = this.#parts
    context.count('repeats')
    for (const round of [lastRoundOf() - 1, lastRoundOf()]) this.#sendHeader(round, aggregator.missingVoters(round))
    if (this.#certificate !== undefined) context.send('others', { type: 'certificate', certificate: this.#certificate })
    catchUp.ask()
  }

  /** It is connected anew. What it answers may be all that is missing, and after a long cut the next repeat would be seconds away. */
  repeatTo(peer: Authority): void {
    const { context, aggregator, catchUp, lastRoundOf } = this.#parts
    for (const round of [lastRoundOf() - 1, lastRoundOf()]) {
      this.#sendHeader(round, aggregator.missingVoters(round).includes(peer) ? [peer] : [])
    }
    if (this.#certificate !== undefined) context.send(peer, { type: 'certificate', certificate: this.#certificate })
    catchUp.reconnected(peer)
  }

  #sendHeader(round: number, to: readonly Authority[]): void {
    const { context, aggregator } = this.#parts
    const signed = aggregator.signedAt(round)
    if (signed === undefined || to.length === 0) return
    const frame = context.encode({ type: 'header', header: signed })
    for (const authority of to) context.push({ type: 'send', to: authority, frame })
  }
}
