/**
 * Amnesia (2.11), for both modes: a node whose records may be lost asks the others how far they are and what they hold of its own, and
 * signs nothing until it knows a slot that is safely above all it can ever have signed.
 *
 * Whatever it signed at round r rested on a quorum at r - 1, so more than a third of honest stake had made round r - 1: any quorum of the
 * others meets them. Hence `floor = max(highest certified round + 2, highest own slot shown)` over answers of stake Q among the others,
 * or 0 when none shows anything. A round counts only with its proof, which the mode checks: a certificate by its signatures; a block by
 * being accepted here, for the round before its own, of which it names a quorum. An answer whose proof is still being fetched is not counted yet; one whose proof is bad counts as round 0.
 *
 * In a committee too small for a quorum among the others (n < 4), all of them must answer.
 */
import { ByteReader, ByteWriter } from '../wire/bytes.ts'
import type { Statement } from '../wire/statement.ts'
import { statementSigningBytes } from '../wire/statement.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'

const KEY = 'floor'
/** All others may be needed: who has not answered is asked again before long. */
const ASK_MS_MIN = 250
const ASK_MS_MAX = 1_000

/** What an answer is worth so far: a proven round, or `undefined` while the proof cannot be judged. */
export type ProvenRound = () => number | undefined

interface Answer {
  readonly provenRound: ProvenRound
  readonly ownRound: number
}

export class Floor {
  readonly #context: CoreContext
  readonly #answers = new Map<Authority, Answer>()
  #slot: number | undefined
  #boots = 0
  #isLive = false
  #nonce = 0
  #waitMs = ASK_MS_MIN
  #askAtMs = Number.POSITIVE_INFINITY

  constructor(context: CoreContext) {
    this.#context = context
    const bytes = context.store.get('floor', KEY)
    if (bytes !== undefined) {
      const reader = new ByteReader(bytes)
      this.#boots = reader.u64()
      this.#slot = reader.u64()
    }
    if (context.setup.isFirstBoot) this.#slot = undefined
    else this.#slot ??= 0
  }

  /** Nothing may be signed at this round or below; `undefined` while it is not known. */
  get slot(): number | undefined {
    return this.#slot
  }

  /** A vertex that was made after this boot is ordered. */
  get isLive(): boolean {
    return this.#isLive
  }

  get nextAtMs(): number {
    return this.#slot === undefined ? this.#askAtMs : Number.POSITIVE_INFINITY
  }

  /** @param nonce - random: answers to another query are not counted. */
  start(nonce: number): void {
    this.#nonce = nonce
    if (this.#slot === undefined) this.#askAtMs = this.#context.nowMs
    else this.#note(this.#slot)
    this.advance()
  }

  /** A vertex of this node was ordered. */
  observeOrdered(round: number): void {
    if (this.#slot !== undefined && round > this.#slot) this.#isLive = true
  }

  /** Answers another's question; who asks itself answers too. @param proof - the own highest certificate or block, encoded. */
  answer(to: Authority, nonce: number, proof: Uint8Array, statements: readonly Statement[]): void {
    this.#context.send(to, { type: 'floorAnswer', epoch: this.#context.setup.epoch, nonce, proof, statements })
  }

  receive(from: Authority, nonce: number, provenRound: ProvenRound, statements: readonly Statement[]): void {
    if (this.#slot !== undefined || nonce !== this.#nonce || this.#answers.has(from)) return
    this.#answers.set(from, { provenRound, ownRound: this.#ownRoundOf(statements) })
  }

  /** Counts what is proven by now, and asks again those that have not answered. */
  advance(): void {
    if (this.#slot !== undefined) return
    const slot = this.#found()
    if (slot !== undefined) {
      this.#slot = slot
      this.#answers.clear()
      this.#note(slot)
      this.#context.persist()
      this.#context.count('floorFound')
      return
    }
    if (this.#context.nowMs < this.#askAtMs) return
    for (const other of this.#context.others) {
      if (this.#answers.has(other)) continue
      this.#context.send(other, { type: 'floorQuery', epoch: this.#context.setup.epoch, nonce: this.#nonce })
    }
    this.#askAtMs = this.#context.nowMs + this.#waitMs
    this.#waitMs = Math.min(ASK_MS_MAX, this.#waitMs * 2)
  }

  #found(): number | undefined {
    const { committee, self } = this.#context
    const counted: Authority[] = []
    let provenMax = 0
    let ownMax = 0
    for (const [other, { provenRound, ownRound }] of this.#answers) {
      const proven = provenRound()
      if (proven === undefined) continue
      counted.push(other)
      provenMax = Math.max(provenMax, proven)
      ownMax = Math.max(ownMax, ownRound)
    }
    const needed = Math.min(committee.quorum, committee.totalStake - committee.stakes[self]!)
    if (committee.stakeOf(counted) < needed) return undefined
    return provenMax === 0 && ownMax === 0 ? 0 : Math.max(provenMax + 2, ownMax)
  }

  /** Highest slot among what this node is shown to have signed; what it did not sign counts nothing. */
  #ownRoundOf(statements: readonly Statement[]): number {
    const { setup, self, crypto, committee } = this.#context
    const { key } = committee.members[self]!
    let highest = 0
    for (const statement of statements.toSorted((a, b) => b.round - a.round)) {
      const isOwn = statement.kind === 'vote' || statement.author === self
      if (!isOwn || statement.round <= highest) continue
      if (crypto.isSigned(statement.signature, statementSigningBytes(setup.chainId, setup.epoch, statement), key)) highest = statement.round
    }
    return highest
  }

  #note(slot: number): void {
    this.#context.note({
      kind: 'floor',
      key: KEY,
      bytes: new ByteWriter(16)
        .u64(this.#boots + 1)
        .u64(slot)
        .finish(),
    })
  }
}
