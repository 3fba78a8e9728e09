/**
 * Catching up by ranges in the uncertified mode (2.10): one request out at a time, each answer followed by the next request while stake V
 * is known to be more than 10 rounds ahead, or the last answer brought something. Who answers late or with nothing new is followed by
 * another.
 *
 * No peer's word about heights is taken (2.10, snarkOS#4461): a signed block shows what one member says, stake V holds an honest one.
 */
import { BLOCK_RANGE_COUNT_MAX } from '../wire/query.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import { BEHIND_ROUNDS_MAX, RANGE_TIMEOUT_MS, RETRY_MS_MIN } from './settings.ts'

/** What one range asks for: fewer blocks of each author than the verifier takes at once. */
const RANGE_ROUNDS = 48

export interface BlockCatchUpParts {
  readonly context: CoreContext
  /** Highest round with a quorum here. */
  readonly round: () => number
  /** By author: the highest round of a block that it signed, accepted here or not. */
  readonly seenRounds: readonly number[]
  /** By author: the highest round accepted here. */
  readonly acceptedRounds: readonly number[]
  /** Nothing at or below it is of use. */
  readonly gcRound: () => number
  /** Blocks of the last answer are still being looked at. */
  readonly isDigesting: () => boolean
}

export class BlockCatchUp {
  readonly #parts: BlockCatchUpParts
  #asked: { readonly peer: Authority; readonly untilMs: number } | undefined
  #next: Authority | undefined
  #notBeforeMs = 0
  /** The last answer brought something: there may be more. */
  #hasMore = false

  constructor(parts: BlockCatchUpParts) {
    this.#parts = parts
  }

  get nextAtMs(): number {
    if (this.#asked !== undefined) return this.#asked.untilMs
    return this.#isWanting && !this.#parts.isDigesting() ? this.#notBeforeMs : Number.POSITIVE_INFINITY
  }

  /** Stake V has signed blocks more than 10 rounds above the own round: whatever is made here now is worth nothing. */
  get isFarBehind(): boolean {
    const { context, seenRounds, round } = this.#parts
    const ahead = context.others.filter((other) => seenRounds[other]! > round() + BEHIND_ROUNDS_MAX)
    return context.committee.stakeOf(ahead) >= context.committee.validity
  }

  /** Its connection ended and began anew: what it was asked on the old one will not be answered. */
  reconnected(peer: Authority): void {
    if (this.#asked?.peer === peer) this.#asked = undefined
    this.ask(peer)
  }

  expects(peer: Authority): boolean {
    return this.#asked?.peer === peer
  }

  answered(peer: Authority, isNew: boolean): void {
    if (this.#asked?.peer !== peer) return
    this.#asked = undefined
    this.#hasMore = isNew
    this.#next = isNew ? peer : undefined
    this.#notBeforeMs = isNew ? 0 : this.#parts.context.nowMs + RETRY_MS_MIN
  }

  /** Asks `peer`, or a random other, for what follows the accepted blocks, behind or not. */
  ask(peer: Authority | undefined = this.#parts.context.someOthers(1)[0]): void {
    const { context, acceptedRounds, gcRound } = this.#parts
    if (peer === undefined || this.#asked !== undefined) return
    const afterRounds = acceptedRounds.map((round) => Math.max(round, gcRound()))
    const countMax = Math.min(BLOCK_RANGE_COUNT_MAX, RANGE_ROUNDS * context.committee.size)
    const query = { by: 'round', afterRounds, countMax } as const
    context.send(peer, { type: 'blockRequest', epoch: context.setup.epoch, query })
    this.#asked = { peer, untilMs: context.nowMs + RANGE_TIMEOUT_MS }
  }

  advance(): void {
    const { context, isDigesting } = this.#parts
    if (this.#asked !== undefined && context.nowMs >= this.#asked.untilMs) this.answered(this.#asked.peer, false)
    if (this.#isWanting && !isDigesting() && context.nowMs >= this.#notBeforeMs) this.ask(this.#next ?? this.#furthest())
  }

  get #isWanting(): boolean {
    return this.#hasMore || this.isFarBehind
  }

  /** Who says to be furthest, if nothing came of asking before: `undefined` then, and a random one is asked. */
  #furthest(): Authority | undefined {
    if (this.#notBeforeMs > 0) return undefined
    const { context, seenRounds } = this.#parts
    return context.others.toSorted((a, b) => seenRounds[b]! - seenRounds[a]!)[0]
  }
}
