/**
 * When this node proposes, and what (2.5).
 *
 * A round is left as soon as its certificates make the next header useful: the leader's is there, or it can no longer be committed
 * directly, or its time is over. A node that is 1 to 4 rounds late proposes what it missed in sequence and at once, so that a leader
 * among the missed rounds still gets his slot; further behind it jumps.
 *
 * Order of effects: persist (header, the parents' certificates, own batches), then send. Invariant (I6): `#lastRound` is at least the
 * highest round in the store, and a header is made only above it.
 */
import type { CommitRule, Vertex } from '../dag/contract.ts'
import { bodyOf } from '../wire/frames.ts'
import { decodeSignedHeader, headerDigest, headerSigningBytes } from '../wire/header.ts'
import { SIGNATURE_BYTES, SYSTEM_TRANSACTION_BYTES_MAX } from '../wire/limits.ts'
import type { Digest, Header, SignedHeader } from '../wire/types.ts'
import type { VertexContent } from './certified-vertex.ts'
import type { CheckTimes } from './check-times.ts'
import type { CoreContext } from './context.ts'
import type { Durations } from './durations.ts'
import { FILL_ROUNDS_MAX, paceMsOf } from './settings.ts'

const UNSIGNED = new Uint8Array(SIGNATURE_BYTES)

export interface ProposerParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly quorumRoundOf: () => number
  /** Whether this node may sign for `round`; `undefined` while its floor is not known (2.11). */
  readonly maySign: (round: number) => boolean | undefined
  /** Something waits to be ordered: own payload or system transactions, or another's that stands in the DAG. */
  readonly hasWork: () => boolean
  readonly takeContent: () => VertexContent
  /** From own header to certificate, and from another's batch to the verdict on its transactions. */
  readonly times: { readonly certificates: Durations; readonly checks: CheckTimes }
  readonly proposed: (signed: SignedHeader, digest: Digest) => void
}

export class Proposer {
  readonly #parts: ProposerParts
  #lastRound = 0
  /** Of the last header that filled no missed round. */
  #proposedAtMs = Number.NEGATIVE_INFINITY
  #quorumRound = 0
  #quorumAtMs = Number.NEGATIVE_INFINITY
  #nextAtMs = Number.POSITIVE_INFINITY

  constructor(parts: ProposerParts) {
    this.#parts = parts
  }

  /** @param lastRound - the highest that an earlier run has signed a header for. */
  resume(lastRound: number): void {
    this.#lastRound = lastRound
  }

  get lastRound(): number {
    return this.#lastRound
  }

  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** @returns whether it proposed: that may complete a certificate, and the next round be due. */
  advance(): boolean {
    const { context, quorumRoundOf, maySign } = this.#parts
    this.#nextAtMs = Number.POSITIVE_INFINITY
    const round = quorumRoundOf()
    if (this.#quorumAtMs === Number.NEGATIVE_INFINITY || round > this.#quorumRound) this.#quorumAtMs = context.nowMs
    this.#quorumRound = round
    this.#fill(round)
    if (this.#lastRound > round || maySign(round + 1) !== true) return false
    const atMs = this.#proposesAtMs(round)
    if (context.nowMs < atMs) {
      this.#nextAtMs = atMs
      return false
    }
    this.#proposedAtMs = context.nowMs
    this.#propose(round + 1, this.#parts.takeContent())
    return true
  }

  /** Missed rounds, up to the newest with a quorum; empty, because what they carry comes late and may be orphaned. */
  #fill(round: number): void {
    const { rule, context, maySign } = this.#parts
    const missed = round - this.#lastRound
    if (missed < 1 || missed > FILL_ROUNDS_MAX) return
    for (let next = this.#lastRound + 1; next <= round; next++) {
      const hasParents = next === 1 || rule.dag.stakeAt(next - 1) >= context.committee.quorum
      if (hasParents && maySign(next) === true) this.#propose(next, { payload: [], systemTransactions: [] })
    }
  }

  /** When the header of `round + 1` is due, or this is worth asking again, given what is known now. */
  #proposesAtMs(round: number): number {
    const { context, hasWork, times } = this.#parts
    const { idleDelayMsMax } = context.settings
    const delayMs = paceMsOf({ certificateMs: times.certificates.ms50, checkMs: times.checks.usualMs }, context.settings)
    const restedAtMs = this.#proposedAtMs + (hasWork() ? delayMs : Math.max(delayMs, idleDelayMsMax))
    if (context.nowMs < restedAtMs || this.#isReady(round)) return restedAtMs
    return Math.max(restedAtMs, this.#quorumAtMs + this.#leaderTimeoutMs)
  }

  /** Whether nothing better is to be had from waiting in `round`. */
  #isReady(round: number): boolean {
    const { rule, context } = this.#parts
    if (round < 2) return true
    if (round % 2 === 0) return this.#leaderIn(round) !== undefined
    const leader = this.#leaderIn(round - 1)
    if (leader === undefined || rule.leaderOf(round + 1) === context.self) return true
    const support = rule.dag.supportOf(leader)
    return support >= context.committee.validity || rule.dag.stakeAt(round) - support >= context.committee.quorum
  }

  #leaderIn(round: number): Vertex | undefined {
    const author = this.#parts.rule.leaderOf(round)
    return author === undefined ? undefined : this.#parts.rule.dag.slot(round, author)[0]
  }

  /** The leader of the next round needs no half of it: that round is even, and in the one before he is ready at once. */
  get #leaderTimeoutMs(): number {
    const { context, times } = this.#parts
    const { leaderTimeoutMsMin, leaderTimeoutMsMax } = context.settings
    const wantedMs = 2 * (times.certificates.ms95 ?? leaderTimeoutMsMax / 2)
    return Math.min(leaderTimeoutMsMax, Math.max(leaderTimeoutMsMin, wantedMs))
  }

  #propose(round: number, content: VertexContent): void {
    const { context, proposed } = this.#parts
    // Encoded once, then read back as views: what is hashed, kept and sent are the same bytes.
    const frame = context.encode({ type: 'header', header: { header: this.#headerOf(round, content), signature: UNSIGNED } })
    const bytes = bodyOf(frame)
    const signed = decodeSignedHeader(bytes)
    const digest = headerDigest(context.setup.chainId, signed.header)
    bytes.set(context.crypto.sign(headerSigningBytes(digest)), bytes.length - SIGNATURE_BYTES)
    this.#lastRound = round
    context.persist({ kind: 'proposed', key: `${round}`, round, author: context.self, bytes })
    context.sendEncoded('others', frame)
    proposed(signed, digest)
  }

  #headerOf(round: number, { payload, systemTransactions }: VertexContent): Header {
    const { context, rule } = this.#parts
    const { setup, self: author, genesis, unixMs } = context
    const certificates = rule.dag.round(round - 1)
    const parents = round === 1 ? genesis : certificates
    const bornAtMs = round === 1 ? [setup.previous.timestampMs] : certificates.map(({ createdAtMs }) => createdAtMs)
    return {
      epoch: setup.epoch,
      round,
      author,
      createdAtMs: Math.max(unixMs, ...bornAtMs),
      payload,
      parents: parents.map((parent) => ({ author: parent.author, digest: parent.digest })),
      systemTransactions,
    }
  }
}

/** As many from the front as one header may carry. @returns them; `queue` keeps the rest. */
export function takeSystemTransactions(queue: Uint8Array[]): Uint8Array[] {
  const taken: Uint8Array[] = []
  let left = SYSTEM_TRANSACTION_BYTES_MAX
  for (let next = queue[0]; next !== undefined && next.length <= left; next = queue[0]) {
    left -= next.length
    taken.push(next)
    queue.shift()
  }
  return taken
}
