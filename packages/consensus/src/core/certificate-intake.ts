/**
 * From a peer's certificate to the DAG: cheap checks, signatures that are not known yet, parents, and a place to wait for them (2.4).
 *
 * A certificate that a verified one names as parent needs no signature check, only the hash (2.10): a quorum voted for its child, and
 * honest voters had it in their DAG. All that is parked here is verified, so a parked certificate vouches for what it waits for.
 *
 * Invariants: the DAG is causally complete above gcRound; certificates are noted for the store in the order of insertion.
 */
import type { CommitRule, Vertex } from '../dag/contract.ts'
import { toHex } from '../wire/bytes.ts'
import { decodeCertificate } from '../wire/certificate.ts'
import { checkHeader } from '../wire/check.ts'
import { CERTIFICATE_REQUEST_COUNT_MAX } from '../wire/limits.ts'
import type { Authority, Certificate } from '../wire/types.ts'
import { checkCertificate, type SignatureContext } from '../wire/verify.ts'
import { ConsensusError } from '../errors.ts'
import { type Candidate, candidateOf, type VertexContent, vertexOf } from './certified-vertex.ts'
import type { CatchUp } from './catch-up.ts'
import type { CoreContext } from './context.ts'
import type { EvidencePool } from './evidence-pool.ts'
import { Fetcher, type RoundTrip } from './fetching.ts'
import type { HeaderSlots } from './header-slots.ts'
import { Parking } from './parking.ts'
import { BEHIND_ROUNDS_MAX, FULL_CHECK_ROUNDS } from './settings.ts'

/** Rounds above gcRound that one author's parked certificates may fill, in multiples of it (2.14). */
const PARKED_DEPTHS = 4

export interface IntakeParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly signatures: SignatureContext
  readonly slots: HeaderSlots
  readonly evidence: EvidencePool
  readonly roundTrip: RoundTrip
  readonly catchUp: CatchUp
}

export class CertificateIntake {
  readonly #parts: IntakeParts
  readonly #fetcher: Fetcher
  readonly #parking: Parking<Candidate>
  readonly #contents = new Map<string, VertexContent>()
  #inserted: Vertex[] = []
  #quorumRound = 0
  #wasBehind = false
  #isRestoring = false
  #newest: { readonly round: number; readonly bytes: Uint8Array } = { round: 0, bytes: new Uint8Array(0) }

  constructor(parts: IntakeParts) {
    this.#parts = parts
    const { context, roundTrip } = parts
    this.#parking = new Parking(PARKED_DEPTHS * context.settings.gcDepth)
    this.#fetcher = new Fetcher(context, roundTrip, {
      requestOf: (_, digests) => ({ type: 'certificateRequest', epoch: context.setup.epoch, query: { by: 'digest', digests } }),
      requestCountMax: CERTIFICATE_REQUEST_COUNT_MAX,
      authorBytesMax: Number.POSITIVE_INFINITY,
    })
  }

  /** `r` of 2.5: the highest round of which the DAG holds certificates of stake Q. */
  get quorumRound(): number {
    return this.#quorumRound
  }

  /** Of the highest round in the DAG, encoded; empty for none. */
  get newestCertificate(): Uint8Array {
    return this.#newest.bytes
  }

  /** Whether a vertex above gcRound brings something and was not ordered. */
  get hasContent(): boolean {
    return this.#contents.size > 0
  }

  get parkedCount(): number {
    return this.#parking.size
  }

  get nextAtMs(): number {
    return this.#fetcher.nextAtMs
  }

  /** Of a vertex that was not ordered; `undefined` when it brings nothing. */
  contentOf(key: string): VertexContent | undefined {
    return this.#contents.get(key)
  }

  /** It was ordered. */
  dropContent(key: string): void {
    this.#contents.delete(key)
  }

  /** Vertices that came into the DAG since the last call, in causal order. */
  takeInserted(): Vertex[] {
    const inserted = this.#inserted
    this.#inserted = []
    return inserted
  }

  /** One that was sent unasked. */
  receive(from: Authority, certificate: Certificate, bytes: Uint8Array): void {
    const candidate = this.#candidateOf(certificate, bytes)
    if (candidate === undefined || this.#isKnown(candidate)) return
    const { round, author } = certificate.header
    if (this.#parking.isFull(author) && !this.#fetcher.has(candidate.key)) return this.#parts.context.count('certificateParkedFull')
    if (!this.#isVouched(candidate.key) && !this.#isVerified(candidate)) return
    this.#parts.catchUp.notice(round, from)
    this.#admit(candidate, from)
  }

  /** An answer: to a request for digests only what was asked for is taken, to one for a range all that holds together. */
  receiveAnswer(from: Authority, encoded: readonly Uint8Array[]): void {
    const { context, catchUp } = this.#parts
    const isRange = catchUp.expects(from)
    if (!isRange && !this.#fetcher.expects(from)) return context.count('certificatesNotAskedFor')
    const candidates = this.#decodeAnswer(encoded, isRange)
    const fresh = candidates === undefined ? undefined : this.#verifyAnswer(candidates, isRange && catchUp.isDoubtful)
    for (const candidate of fresh ?? []) this.#admit(candidate, from)
    if (isRange) catchUp.answered(from, fresh === undefined ? 'bad' : fresh.length > 0 ? 'new' : 'empty')
  }

  /** One that this node made, or read from its own store. */
  admitOwn(candidate: Candidate): void {
    if (!this.#isKnown(candidate)) this.#admit(candidate, this.#parts.context.self)
  }

  /** One from the own store, in causal order; it is not noted again. */
  restore(candidate: Candidate): void {
    this.#isRestoring = true
    this.admitOwn(candidate)
    this.#isRestoring = false
  }

  /** Asks for the parents that a header names and the DAG has not. @returns their keys. */
  missingParents(header: Certificate['header'], from: Authority, isFetched = true): string[] {
    const { rule, context } = this.#parts
    const round = header.round - 1
    if (round <= rule.gcRound) return []
    const missing: string[] = []
    const isRange = round > this.#quorumRound + BEHIND_ROUNDS_MAX
    for (const { author, digest } of header.parents) {
      const key = toHex(digest)
      if (rule.dag.get(key) !== undefined) continue
      missing.push(key)
      if (!isFetched || this.#parking.has(key)) continue
      if (isRange && this.#parts.catchUp.isBehind) continue // the range brings it
      this.#fetcher.want({ key, digest, group: 0, bytes: 0, author, round, first: from === context.self ? author : from })
    }
    return missing
  }

  /** gcRound has moved: what waited for parents below it waits no longer. */
  collect(): void {
    const { gcRound, dag } = this.#parts.rule
    for (const key of this.#contents.keys()) if (dag.get(key) === undefined) this.#contents.delete(key)
    this.#fetcher.dropUpTo(gcRound)
    for (const { item } of this.#parking.takeUpTo(gcRound + 1)) {
      if (item.certificate.header.round > gcRound) this.#insert(item)
    }
  }

  advance(): void {
    const { isBehind } = this.#parts.catchUp
    if (this.#wasBehind && !isBehind) this.#wantParked()
    this.#wasBehind = isBehind
    this.#fetcher.advance()
  }

  /** While a range was on its way, parents were left to it; what it did not bring is asked for by name. */
  #wantParked(): void {
    for (const { item } of this.#parking.all()) this.missingParents(item.certificate.header, item.certificate.header.author)
  }

  #candidateOf(certificate: Certificate, bytes: Uint8Array): Candidate | undefined {
    const { context, rule } = this.#parts
    const { header } = certificate
    if (header.round <= rule.gcRound) return undefined
    const fault = checkHeader(header, context.committee, context.headerRules(Number.POSITIVE_INFINITY))
    if (fault !== undefined) {
      context.count('certificateBad')
      return undefined
    }
    return candidateOf(certificate, bytes, context.setup.chainId)
  }

  #isKnown({ key }: Candidate): boolean {
    return this.#parts.rule.dag.get(key) !== undefined || this.#parking.has(key)
  }

  #isVouched(key: string): boolean {
    return this.#parking.isAwaited(key)
  }

  #isVerified({ certificate, headerDigest }: Candidate): boolean {
    if (checkCertificate(certificate, headerDigest, this.#parts.signatures) === undefined) return true
    this.#parts.context.count('certificateBadSignature')
    return false
  }

  #decodeAnswer(encoded: readonly Uint8Array[], isRange: boolean): Candidate[] | undefined {
    const { context } = this.#parts
    const candidates: Candidate[] = []
    for (const view of encoded) {
      const bytes = encoded.length === 1 ? view : view.slice() // a view would keep the whole answer
      const certificate = decoded(bytes, context.committee.size)
      if (certificate === undefined) {
        context.count('certificateMalformed')
        return undefined
      }
      const candidate = this.#candidateOf(certificate, bytes)
      if (candidate === undefined || this.#isKnown(candidate)) continue
      if (isRange || this.#fetcher.has(candidate.key) || this.#isVouched(candidate.key)) candidates.push(candidate)
    }
    return candidates.toSorted((a, b) => a.certificate.header.round - b.certificate.header.round)
  }

  /**
   * Newest first: signatures there, hash links below. The first that fails ends it, so that a liar's answer costs one check.
   * @param isLenient - several answers have failed a full check that hash links alone would pass (an old lie in somebody's store).
   */
  #verifyAnswer(ascending: readonly Candidate[], isLenient: boolean): readonly Candidate[] | undefined {
    const vouched = new Set<string>()
    for (const candidate of ascending.toReversed()) {
      const { header } = candidate.certificate
      const isLinked = vouched.has(candidate.key) || this.#isVouched(candidate.key)
      const needsCheck = !isLinked || (header.round % FULL_CHECK_ROUNDS === 0 && !isLenient)
      if (needsCheck && !this.#isVerified(candidate)) return undefined
      for (const { digest } of header.parents) vouched.add(toHex(digest))
    }
    return ascending
  }

  #admit(candidate: Candidate, from: Authority): void {
    const { header, headerSignature } = candidate.certificate
    this.#parts.slots.noteUnchecked({ header, signature: headerSignature }, toHex(candidate.headerDigest))
    const missing = this.missingParents(header, from)
    if (missing.length === 0) return this.#insert(candidate)
    const isParked = this.#parking.park({ id: candidate.key, group: header.author, round: header.round, item: candidate }, missing)
    if (!isParked) this.#parts.context.count('certificateParkedFull')
  }

  #insert(first: Candidate): void {
    const { context, rule } = this.#parts
    const complete = [first]
    for (let candidate = complete.pop(); candidate !== undefined; candidate = complete.pop()) {
      const { certificate, key } = candidate
      const { header } = certificate
      const vertex = vertexOf(candidate)
      this.#fetcher.arrived(key)
      const outcome = rule.insert(vertex)
      if (outcome === 'conflict') this.#note(candidate) // the rule has halted, and must halt again after a restart: the pair is the proof
      if (outcome !== 'added') continue
      const { payload, systemTransactions } = header
      if (payload.length + systemTransactions.length > 0) this.#contents.set(key, { payload, systemTransactions })
      this.#note(candidate)
      if (header.round > this.#newest.round) this.#newest = { round: header.round, bytes: candidate.bytes }
      if (header.round > this.#quorumRound && rule.dag.stakeAt(header.round) >= context.committee.quorum) this.#quorumRound = header.round
      this.#inserted.push(vertex)
      for (const { item } of this.#parking.arrived(key)) complete.push(item)
    }
  }

  /** It is in the store, or will be before anything that rests on it is said. */
  #note({ certificate, key, bytes }: Candidate): void {
    const { round, author } = certificate.header
    if (!this.#isRestoring) this.#parts.context.note({ kind: 'certificate', key, round, author, bytes })
  }
}

function decoded(bytes: Uint8Array, committeeSize: number): Certificate | undefined {
  try {
    return decodeCertificate(bytes, committeeSize)
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}
