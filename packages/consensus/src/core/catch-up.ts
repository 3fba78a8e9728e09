/**
 * Catching up by ranges (2.10). Behind is who has seen a *verified* certificate more than 10 rounds above his own: a peer's word about
 * heights is never taken. One range is out at a time; each answer is followed by the next request, and whoever answers badly, late or
 * with nothing new is followed by somebody else.
 */
import type { CommitRule } from '../dag/contract.ts'
import { CERTIFICATE_REQUEST_COUNT_MAX } from '../wire/limits.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import { BEHIND_ROUNDS_MAX, RANGE_TIMEOUT_MS, RETRY_MS_MIN } from './settings.ts'

/** Bad answers in a row after which a full check is no longer demanded where hash links vouch. */
const DOUBTS_MAX = 3

export interface CatchUpParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly quorumRoundOf: () => number
}

export class CatchUp {
  readonly #parts: CatchUpParts
  #highestSeen = 0
  #asked: { readonly peer: Authority; readonly untilMs: number } | undefined
  #next: Authority | undefined
  #notBeforeMs = 0
  #doubts = 0

  constructor(parts: CatchUpParts) {
    this.#parts = parts
  }

  get isBehind(): boolean {
    return this.#highestSeen > this.#parts.quorumRoundOf() + BEHIND_ROUNDS_MAX
  }

  get isDoubtful(): boolean {
    return this.#doubts >= DOUBTS_MAX
  }

  get nextAtMs(): number {
    if (this.#asked !== undefined) return this.#asked.untilMs
    return this.isBehind ? this.#notBeforeMs : Number.POSITIVE_INFINITY
  }

  /** A verified certificate of `round` came from `from`. */
  notice(round: number, from: Authority): void {
    if (round <= this.#highestSeen) return
    this.#highestSeen = round
    if (from !== this.#parts.context.self) this.#next ??= from
  }

  /** Its connection ended and began anew: what it was asked on the old one will not be answered. */
  reconnected(peer: Authority): void {
    if (this.#asked?.peer === peer) this.#asked = undefined
    this.ask(peer)
  }

  expects(peer: Authority): boolean {
    return this.#asked?.peer === peer
  }

  answered(peer: Authority, what: 'new' | 'empty' | 'bad'): void {
    this.#asked = undefined
    this.#doubts = what === 'bad' ? this.#doubts + 1 : what === 'new' ? 0 : this.#doubts
    this.#next = what === 'new' ? peer : undefined
    this.#notBeforeMs = what === 'new' ? 0 : this.#parts.context.nowMs + RETRY_MS_MIN
  }

  /** Asks `peer`, or a random other, for everything above what the DAG holds, behind or not: what to do when nothing moves. */
  ask(peer: Authority | undefined = this.#parts.context.someOthers(1)[0]): void {
    const { context, rule } = this.#parts
    if (peer === undefined || this.#asked !== undefined) return
    const query = { by: 'round', afterRounds: heldRounds(rule, context.committee.size), countMax: CERTIFICATE_REQUEST_COUNT_MAX } as const
    context.send(peer, { type: 'certificateRequest', epoch: context.setup.epoch, query })
    this.#asked = { peer, untilMs: context.nowMs + RANGE_TIMEOUT_MS }
  }

  advance(): void {
    const { nowMs } = this.#parts.context
    if (this.#asked !== undefined && nowMs >= this.#asked.untilMs) this.answered(this.#asked.peer, 'empty')
    if (this.isBehind && nowMs >= this.#notBeforeMs) this.ask(this.#next)
  }
}

/** Of each authority the newest round in the DAG; gcRound where it has none, because nothing below that is of use. */
function heldRounds({ dag, gcRound }: CommitRule<'certified'>, size: number): number[] {
  const rounds = new Array<number>(size).fill(gcRound)
  for (let round = dag.highestRound, left = size; round > gcRound && left > 0; round--) {
    for (const { author } of dag.round(round)) {
      if (rounds[author] !== gcRound) continue
      rounds[author] = round
      left--
    }
  }
  return rounds
}
