/**
 * Whether the time that a block names has come (2.4, 2.16): by this node's clock, or because stake V has signed blocks as late.
 *
 * A block that was taken too early would lift the time of every block made on it, since none is older than its ancestors: others would
 * refuse those, and the order's time never falls. One member alone must not do that to anybody, whatever way its block comes in. Stake V
 * holds an honest member, who took nothing that was not due: so a clock that is behind costs its owner nothing, and one that is ahead
 * lifts nobody's.
 */
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'

export class CommitteeClock {
  readonly #context: CoreContext
  /** By author: the latest time of a block that it signed, accepted here or not. */
  readonly #signedMs: number[]

  constructor(context: CoreContext) {
    this.#context = context
    this.#signedMs = context.committee.members.map(() => 0)
  }

  /** A block with a good signature. */
  note(author: Authority, createdAtMs: number): void {
    this.#signedMs[author] = Math.max(this.#signedMs[author]!, createdAtMs)
  }

  isDue(createdAtMs: number): boolean {
    const { unixMs, others, committee } = this.#context
    if (createdAtMs <= unixMs) return true
    return committee.stakeOf(others.filter((other) => this.#signedMs[other]! >= createdAtMs)) >= committee.validity
  }
}
