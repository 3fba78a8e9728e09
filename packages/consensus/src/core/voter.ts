/**
 * Votes for headers of others (2.4): once for a slot, durable before it is sent, and only for what this node could serve itself.
 *
 * A header passes the cheap checks, then its signature, then waits here for its time, its parents and its batches. What a vote rests on
 * (the vote itself, the parents' certificates, the batches) is durable before it leaves.
 *
 * Invariant (I6): `#lastVotes` is what the store holds; a vote leaves only for a higher round, or again for the same digest.
 */
import { toHex } from '../wire/bytes.ts'
import { checkHeader } from '../wire/check.ts'
import { bodyOf } from '../wire/frames.ts'
import { headerDigest } from '../wire/header.ts'
import { ROUND_LEAD_MAX } from '../wire/limits.ts'
import type { Authority, Digest, Header, SignedHeader, Vote } from '../wire/types.ts'
import { isHeaderSigned, rememberOwnVote, type SignatureContext } from '../wire/verify.ts'
import { decodeVote, voteSigningBytes } from '../wire/vote.ts'
import type { CommitRule } from '../dag/contract.ts'
import type { BatchIndex } from './batch-index.ts'
import type { CertificateIntake } from './certificate-intake.ts'
import type { CoreContext } from './context.ts'
import type { HeaderSlots } from './header-slots.ts'
import { Parking } from './parking.ts'
import type { PeerBatches } from './peer-batches.ts'
import { CLOCK_DRIFT_MS, PARKED_HEADERS_MAX } from './settings.ts'

/** No digest: what headers wait for while this node does not know what it may sign. */
const FLOOR = 'floor'

interface Pending {
  readonly header: Header
  readonly digest: Digest
  readonly key: string
}

export interface VoterParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly signatures: SignatureContext
  readonly slots: HeaderSlots
  readonly intake: CertificateIntake
  readonly index: BatchIndex
  readonly batches: PeerBatches
  /** Whether this node may sign for `round`; `undefined` while its floor is not known (2.11). */
  readonly maySign: (round: number) => boolean | undefined
}

export class Voter {
  readonly #parts: VoterParts
  readonly #lastVotes = new Map<Authority, Vote>()
  readonly #parking = new Parking<Pending>(PARKED_HEADERS_MAX)
  /** Complete, but created ahead of this clock. */
  #early: Pending[] = []

  /** Reads the votes of earlier runs. */
  constructor(parts: VoterParts) {
    this.#parts = parts
    for (const { bytes } of parts.context.store.entries('voted')) {
      const vote = decodeVote(bytes)
      this.#lastVotes.set(vote.author, vote)
    }
  }

  get parkedCount(): number {
    return this.#parking.size + this.#early.length
  }

  /** In monotonic time, when the first early header's time comes if the wall clock goes on as it does now. */
  get nextAtMs(): number {
    const { nowMs, unixMs } = this.#parts.context
    return this.#early.reduce(
      (next, { header }) => Math.min(next, nowMs + Math.max(1, header.createdAtMs - unixMs)),
      Number.POSITIVE_INFINITY,
    )
  }

  receive(from: Authority, signed: SignedHeader): void {
    const { context, rule, intake, signatures, slots } = this.#parts
    const { header } = signed
    if (header.author !== from) return context.count('headerOfAnother')
    if (header.round <= rule.gcRound) return context.count('headerOld')
    const fault = checkHeader(header, context.committee, context.headerRules(intake.quorumRound + ROUND_LEAD_MAX))
    if (fault !== undefined) return context.count('headerBad')
    const digest = headerDigest(context.setup.chainId, header)
    const key = toHex(digest)
    if (this.#isSettled(header, key)) return
    if (this.#parking.has(key) || this.#early.some((early) => early.key === key)) return context.count('headerRepeated')
    if (!isHeaderSigned(signed, digest, signatures)) return context.count('headerBadSignature')
    if (!slots.note(signed, key)) return context.count('headerEquivocated')
    if (header.createdAtMs > context.unixMs + CLOCK_DRIFT_MS) return context.count('headerTooEarly')
    this.#consider({ header, digest, key }, true)
  }

  /** A certificate or batch that headers may wait for is here. */
  arrived(key: string): void {
    for (const { item } of this.#parking.arrived(key)) this.#consider(item, false)
  }

  /** Up to this nobody is voted for: the parents of round `gcRound` + 1 are no longer in the graph, where a voter has to see them (2.4). */
  get #collectedRound(): number {
    const { gcRound } = this.#parts.rule
    return gcRound === 0 ? 0 : gcRound + 1
  }

  /** It is known now what may be signed. */
  floorFound(): void {
    this.arrived(FLOOR)
  }

  /** gcRound has moved. */
  collect(): void {
    const collectedRound = this.#collectedRound
    this.#early = this.#early.filter(({ header }) => header.round > collectedRound)
    this.#parking.takeUpTo(collectedRound)
  }

  advance(): void {
    const { unixMs } = this.#parts.context
    const due = this.#early.filter(({ header }) => header.createdAtMs <= unixMs)
    if (due.length === 0) return
    this.#early = this.#early.filter(({ header }) => header.createdAtMs > unixMs)
    for (const pending of due) this.#consider(pending, false)
  }

  /**
   * Whether nothing is left to do for it: its vote is said again, or it stands below the last vote and nothing new can be learnt of its
   * slot. Any other below goes on to its signature, since it may be the second of its slot.
   */
  #isSettled({ author, round }: Header, key: string): boolean {
    const { context, slots } = this.#parts
    const last = this.#lastVotes.get(author)
    if (last === undefined || round > last.round) return false
    if (round < last.round) {
      if (!slots.isExhausted(round, author, key)) return false
      context.count('headerBelowVote')
      return true
    }
    if (toHex(last.headerDigest) !== key) return false // its signature decides whether this is evidence
    context.send(author, { type: 'vote', vote: last })
    return true
  }

  #consider(pending: Pending, isNew: boolean): void {
    const { context, intake, maySign } = this.#parts
    const { header, key } = pending
    if (header.round <= (this.#lastVotes.get(header.author)?.round ?? 0)) return context.count('headerBelowVote')
    if (header.round <= this.#collectedRound) return context.count('headerOld')
    const mayVote = maySign(header.round)
    if (mayVote === false) return context.count('headerNotToSign')
    const batches = this.#missingBatches(header, isNew)
    if (batches === undefined) return context.count('headerBatchMismatch')
    const missing = [...intake.missingParents(header, header.author, isNew), ...batches, ...(mayVote === undefined ? [FLOOR] : [])]
    if (missing.length === 0 && !this.#isAfterParents(header)) return context.count('headerBeforeParents')
    if (missing.length === 0 && header.createdAtMs <= context.unixMs) return this.#vote(pending)
    if (this.#waitingOf(header.author) >= PARKED_HEADERS_MAX) return context.count('headerParkedFull')
    if (missing.length === 0) this.#early.push(pending)
    else this.#parking.park({ id: key, group: header.author, round: header.round, item: pending }, missing)
  }

  #waitingOf(author: Authority): number {
    return this.#parking.countOf(author) + this.#early.filter(({ header }) => header.author === author).length
  }

  /** Asks for batches that are not here. @returns their keys; `undefined` when one can never be as the header says. */
  #missingBatches(header: Header, isFetched: boolean): string[] | undefined {
    const missing: string[] = []
    for (const entry of header.payload) {
      const key = toHex(entry.digest)
      const availability = this.#parts.index.availabilityOf(key, entry, header)
      if (availability === 'mismatched') return undefined
      if (availability === 'available') continue
      missing.push(key)
      if (isFetched) this.#parts.batches.want(key, entry, header, false)
    }
    return missing
  }

  #isAfterParents({ round, parents, createdAtMs }: Header): boolean {
    if (round === 1) return createdAtMs >= this.#parts.context.setup.previous.timestampMs
    return parents.every(({ author }) => this.#parts.rule.dag.slot(round - 1, author).every((parent) => parent.createdAtMs <= createdAtMs))
  }

  #vote({ header, digest }: Pending): void {
    const { context } = this.#parts
    const { epoch, round, author } = header
    const slot = { epoch, round, author, headerDigest: digest }
    const vote: Vote = {
      ...slot,
      headerDigest: digest.slice(),
      voter: context.self,
      signature: context.crypto.sign(voteSigningBytes(slot)),
    }
    this.#lastVotes.set(author, vote)
    rememberOwnVote(vote, this.#parts.signatures.verified)
    const frame = context.encode({ type: 'vote', vote })
    context.persist({ kind: 'voted', key: `${author}`, author, round, bytes: bodyOf(frame) })
    context.sendEncoded(author, frame)
  }
}
