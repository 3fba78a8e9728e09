/**
 * Votes for own headers, up to a certificate (2.4). The last 16 headers are kept, because headers that fill missed rounds collect
 * their votes side by side (2.5).
 *
 * A vote for another digest at a slot of mine proves nothing alone; with the good one of the same voter it is evidence (2.13).
 */
import { toHex } from '../wire/bytes.ts'
import { evidenceOfVotes } from '../wire/evidence.ts'
import { type Statement, statementOfVote } from '../wire/statement.ts'
import type { Authority, Certificate, Digest, SignedHeader, Vote } from '../wire/types.ts'
import { isVoteSigned, type SignatureContext } from '../wire/verify.ts'
import { voteSigningBytes } from '../wire/vote.ts'
import type { CoreContext } from './context.ts'
import { Durations } from './durations.ts'
import type { EvidencePool } from './evidence-pool.ts'
import { VOTE_WINDOW } from './settings.ts'

/** So many of the last are looked at. */
const DURATIONS = 64

interface Collecting {
  readonly signed: SignedHeader
  readonly digestKey: string
  readonly openedAtMs: number
  /** By voter: the first, whatever digest it is for. Those that came before the certificate are good. */
  readonly votes: Map<Authority, Vote>
  isCertified: boolean
}

export class VoteAggregator {
  readonly #context: CoreContext
  readonly #signatures: SignatureContext
  readonly #evidence: EvidencePool
  readonly #byRound = new Map<number, Collecting>()
  /** From header to certificate. */
  readonly durations: Durations = new Durations(DURATIONS)

  constructor(context: CoreContext, signatures: SignatureContext, evidence: EvidencePool) {
    this.#context = context
    this.#signatures = signatures
    this.#evidence = evidence
  }

  /** A header of this node; its own vote is implied. @returns the certificate where that alone is a quorum. */
  open(signed: SignedHeader, digest: Digest): Certificate | undefined {
    const { context, header } = { context: this.#context, header: signed.header }
    const slot = { epoch: header.epoch, round: header.round, author: header.author, headerDigest: digest }
    const own: Vote = { ...slot, voter: context.self, signature: context.crypto.sign(voteSigningBytes(slot)) }
    const collecting: Collecting = {
      signed,
      digestKey: toHex(digest),
      openedAtMs: context.nowMs,
      votes: new Map([[context.self, own]]),
      isCertified: false,
    }
    this.#byRound.set(header.round, collecting)
    for (const round of this.#byRound.keys()) if (round <= header.round - VOTE_WINDOW) this.#byRound.delete(round)
    return this.#certify(collecting)
  }

  /** @returns the certificate that this vote completes. */
  receive(from: Authority, vote: Vote): Certificate | undefined {
    const context = this.#context
    const isMine = vote.author === context.self && vote.epoch === context.setup.epoch && vote.voter === from
    const collecting = isMine ? this.#byRound.get(vote.round) : undefined
    if (collecting === undefined) {
      context.count('voteUnknown')
      return undefined
    }
    const before = collecting.votes.get(from)
    if (before !== undefined && toHex(before.headerDigest) === toHex(vote.headerDigest)) return undefined
    if (collecting.isCertified && before === undefined) {
      collecting.votes.set(from, vote) // its signature is looked at when somebody needs it
      return undefined
    }
    if (!isVoteSigned(vote, this.#signatures)) {
      context.count('voteBadSignature')
      return undefined
    }
    if (before !== undefined) {
      if (isVoteSigned(before, this.#signatures)) this.#evidence.add(evidenceOfVotes(before, vote))
      if (toHex(vote.headerDigest) !== collecting.digestKey) return undefined
    }
    collecting.votes.set(from, vote)
    return this.#certify(collecting)
  }

  /** Who has not voted for the header of `round` while it has no certificate; nobody when it has one, or is not collected for. */
  missingVoters(round: number): Authority[] {
    const collecting = this.#byRound.get(round)
    if (collecting === undefined || collecting.isCertified) return []
    return this.#context.others.filter((authority) => !collecting.votes.has(authority))
  }

  /** Votes of `voter` for own headers, ascending. */
  statementsOf(voter: Authority): Statement[] {
    const votes = [...this.#byRound.values()].flatMap(({ votes: each }) => each.get(voter) ?? [])
    const signed = votes.filter((vote) => isVoteSigned(vote, this.#signatures))
    return signed.map(statementOfVote).toSorted((a, b) => a.round - b.round)
  }

  signedAt(round: number): SignedHeader | undefined {
    return this.#byRound.get(round)?.signed
  }

  /** A certificate of an own header came from elsewhere. */
  certified(round: number): void {
    const collecting = this.#byRound.get(round)
    if (collecting !== undefined) collecting.isCertified = true
  }

  #certify(collecting: Collecting): Certificate | undefined {
    const { committee, nowMs } = this.#context
    const good = [...collecting.votes.values()].filter(({ headerDigest }) => toHex(headerDigest) === collecting.digestKey)
    if (collecting.isCertified || committee.stakeOf(good.map(({ voter }) => voter)) < committee.quorum) return undefined
    collecting.isCertified = true
    this.durations.add(nowMs - collecting.openedAtMs)
    const votes = good.toSorted((a, b) => a.voter - b.voter)
    const { header, signature: headerSignature } = collecting.signed
    return { header, headerSignature, signers: votes.map(({ voter }) => voter), signatures: votes.map(({ signature }) => signature) }
  }
}
