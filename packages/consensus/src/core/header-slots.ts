/**
 * The first header seen of every slot above gcRound, as a statement: a second one with a good signature proves its author guilty (2.13).
 * Who calls has checked the signature. Bounded: one entry a slot, and no slot further ahead than headers may be.
 */
import { evidenceOfHeaders } from '../wire/evidence.ts'
import { type Statement, statementOfHeader } from '../wire/statement.ts'
import type { Authority, SignedHeader } from '../wire/types.ts'
import type { EvidencePool } from './evidence-pool.ts'

interface Seen {
  readonly digestKey: string
  readonly signed: SignedHeader
}

export class HeaderSlots {
  readonly #evidence: EvidencePool
  readonly #rounds = new Map<number, Map<Authority, Seen>>()

  constructor(evidence: EvidencePool) {
    this.#evidence = evidence
  }

  /** Digest of the header that was seen first. */
  seenAt(round: number, author: Authority): string | undefined {
    return this.#rounds.get(round)?.get(author)?.digestKey
  }

  /** @returns whether no other header of its slot was seen before. */
  note(signed: SignedHeader, digestKey: string): boolean {
    const { round, author } = signed.header
    const seen = this.#rounds.get(round)?.get(author)
    if (seen !== undefined) {
      if (seen.digestKey === digestKey) return true
      this.#evidence.add(evidenceOfHeaders(seen.signed, signed))
      return false
    }
    let slots = this.#rounds.get(round)
    if (slots === undefined) this.#rounds.set(round, (slots = new Map()))
    slots.set(author, { digestKey, signed })
    return true
  }

  /** Of each slot of `author` that is held, ascending. */
  statementsOf(author: Authority): Statement[] {
    const signed = [...this.#rounds.values()].flatMap((slots) => slots.get(author)?.signed ?? [])
    return signed.map(statementOfHeader).toSorted((a, b) => a.round - b.round)
  }

  dropUpTo(round: number): void {
    for (const each of this.#rounds.keys()) if (each <= round) this.#rounds.delete(each)
  }
}
