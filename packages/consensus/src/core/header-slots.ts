/**
 * The first header seen of every slot above gcRound, as a statement: a second one with a good signature proves its author guilty (2.13).
 * Bounded: one entry a slot, and no slot further ahead than headers may be.
 *
 * A header may come in a certificate that only a hash vouches for (2.10): its signature is in no hash, so whoever served it may have put
 * any bytes there. It is looked at before anything is made of it: evidence that does not hold proves nothing, and an amnesiac that is
 * shown it learns nothing. A good one that comes later takes its place.
 */
import { evidenceOfHeaders } from '../wire/evidence.ts'
import { type Statement, statementOfHeader } from '../wire/statement.ts'
import type { Authority, SignedHeader } from '../wire/types.ts'
import type { EvidencePool } from './evidence-pool.ts'

interface Seen {
  readonly digestKey: string
  readonly signed: SignedHeader
  /** Unknown until somebody needs to know. */
  isSigned: boolean | undefined
}

export class HeaderSlots {
  readonly #evidence: EvidencePool
  readonly #isSigned: (signed: SignedHeader) => boolean
  readonly #rounds = new Map<number, Map<Authority, Seen>>()

  /** @param isSigned - by its author. */
  constructor(evidence: EvidencePool, isSigned: (signed: SignedHeader) => boolean) {
    this.#evidence = evidence
    this.#isSigned = isSigned
  }

  /** Whose signature was found good. @returns whether no other header of its slot was seen before. */
  note(signed: SignedHeader, digestKey: string): boolean {
    return this.#note({ digestKey, signed, isSigned: true })
  }

  /** Of a certificate, whatever vouches for it. @returns as `note`. */
  noteUnchecked(signed: SignedHeader, digestKey: string): boolean {
    return this.#note({ digestKey, signed, isSigned: undefined })
  }

  /** Whether one more look at this header can show nothing: it is held with a good signature, or its author is proven guilty. */
  isExhausted(round: number, author: Authority, digestKey: string): boolean {
    const seen = this.#rounds.get(round)?.get(author)
    return this.#evidence.isProven(author) || (seen?.digestKey === digestKey && seen.isSigned === true)
  }

  /** Of each slot of `author` that is held with its signature, ascending. */
  statementsOf(author: Authority): Statement[] {
    const seen = [...this.#rounds.values()].flatMap((slots) => slots.get(author) ?? [])
    const signed = seen.filter((each) => this.#holds(each)).map((each) => statementOfHeader(each.signed))
    return signed.toSorted((a, b) => a.round - b.round)
  }

  dropUpTo(round: number): void {
    for (const each of this.#rounds.keys()) if (each <= round) this.#rounds.delete(each)
  }

  #note(noted: Seen): boolean {
    const { round, author } = noted.signed.header
    let slots = this.#rounds.get(round)
    if (slots === undefined) this.#rounds.set(round, (slots = new Map()))
    const seen = slots.get(author)
    if (seen === undefined) {
      slots.set(author, noted)
      return true
    }
    if (seen.digestKey === noted.digestKey) {
      if (seen.isSigned !== true && noted.isSigned === true) slots.set(author, noted)
      return true
    }
    if (!this.#evidence.isProven(author) && this.#holds(seen) && this.#holds(noted)) {
      this.#evidence.add(evidenceOfHeaders(seen.signed, noted.signed))
    }
    return false
  }

  #holds(seen: Seen): boolean {
    seen.isSigned ??= this.#isSigned(seen.signed)
    return seen.isSigned
  }
}
