/**
 * What a certified core makes of each frame. The connection has proven who sends; a frame that does not decode, is of another epoch or
 * means nothing here is counted and dropped. Requests cost their sender tokens, because answers cost reading.
 */
import { ConsensusError } from '../errors.ts'
import { decodeCertificate } from '../wire/certificate.ts'
import { checkHeader } from '../wire/check.ts'
import { bodyOf, decodeFrame, type Frame } from '../wire/frames.ts'
import { headerDigest } from '../wire/header.ts'
import { STATEMENT_COUNT_MAX } from '../wire/limits.ts'
import type { Authority, Certificate } from '../wire/types.ts'
import { checkCertificate } from '../wire/verify.ts'
import type { CertifiedParts } from './certified-parts.ts'
import { TokenBucket } from './token-bucket.ts'

const TOKENS_PER_SECOND = 2_000
const TOKENS_AT_ONCE = 4_000
/** Of reading one batch; a certificate costs one. */
const BATCH_TOKENS = 4
/** Of a range of certificates, or of an answer to an amnesiac. */
const RANGE_TOKENS = 100

export class CertifiedFrames {
  readonly #parts: CertifiedParts
  readonly #certified: (certificate: Certificate) => void
  readonly #tokens = new Map<Authority, TokenBucket>()

  /** @param certified - an own header has its certificate. */
  constructor(parts: CertifiedParts, certified: (certificate: Certificate) => void) {
    this.#parts = parts
    this.#certified = certified
  }

  receive(from: Authority, bytes: Uint8Array): void {
    const frame = this.#decode(from, bytes)
    if (frame === undefined || this.#serve(from, frame, bytes)) return
    const { context, voter, aggregator, intake, ownBatches, peerBatches, floor } = this.#parts
    switch (frame.type) {
      case 'batch':
        return peerBatches.receive(from, frame.bytes)
      case 'batchAck':
        return this.#isCurrent(frame.epoch) ? ownBatches.acknowledge(from, frame.digest) : undefined
      case 'batchResponse':
        return this.#isCurrent(frame.epoch) ? peerBatches.receiveAnswer(from, frame.batches) : undefined
      case 'header':
        return voter.receive(from, frame.header)
      case 'vote': {
        const certificate = aggregator.receive(from, frame.vote)
        return certificate === undefined ? undefined : this.#certified(certificate)
      }
      case 'certificate':
        return intake.receive(from, frame.certificate, bodyOf(bytes))
      case 'certificates':
        return this.#isCurrent(frame.epoch) ? intake.receiveAnswer(from, frame.certificates) : undefined
      case 'floorAnswer': {
        if (!this.#isCurrent(frame.epoch) || floor.slot !== undefined) return
        const proven = this.#provenRoundOf(frame.proof)
        return floor.receive(from, frame.nonce, () => proven, frame.statements)
      }
      default:
        context.count('frameUnused')
    }
  }

  /** The epoch is over: only what serves others. */
  receiveClosed(from: Authority, bytes: Uint8Array): void {
    const frame = this.#decode(from, bytes)
    if (frame !== undefined && !this.#serve(from, frame, bytes)) this.#parts.context.count('frameAfterClose')
  }

  #decode(from: Authority, bytes: Uint8Array): Frame | undefined {
    const { context } = this.#parts
    try {
      if (from !== context.self && from < context.committee.size) return decodeFrame(bytes, context.committee.size)
    } catch (error) {
      if (!(error instanceof ConsensusError)) throw error
    }
    context.count('frameMalformed')
    return undefined
  }

  /** @returns whether this was one of the frames that are taken at any time. */
  #serve(from: Authority, frame: Frame, bytes: Uint8Array): boolean {
    const { context, checkpoints, evidence } = this.#parts
    switch (frame.type) {
      case 'batchRequest':
        this.#answer(from, frame.epoch, BATCH_TOKENS * frame.digests.length, bytes)
        return true
      case 'certificateRequest':
        this.#answer(from, frame.epoch, frame.query.by === 'digest' ? frame.query.digests.length : RANGE_TOKENS, bytes)
        return true
      case 'floorQuery':
        if (this.#isCurrent(frame.epoch) && this.#mayCost(from, RANGE_TOKENS)) this.#answerFloor(from, frame.nonce)
        return true
      case 'checkpointSignature':
        checkpoints.receive(from, frame.signature)
        return true
      case 'blockCertificate':
        checkpoints.receiveCertificate(from, frame.certificate)
        return true
      case 'evidence':
        evidence.add(frame.evidence, from)
        return true
      case 'block':
      case 'blocks':
      case 'blockRequest':
      case 'closeReport':
        context.count('frameUnused')
        return true
      default:
        return false
    }
  }

  #answer(to: Authority, epoch: number, tokens: number, request: Uint8Array): void {
    if (this.#isCurrent(epoch) && this.#mayCost(to, tokens)) this.#parts.context.push({ type: 'answer', to, request })
  }

  #answerFloor(to: Authority, nonce: number): void {
    const { floor, intake, slots, aggregator } = this.#parts
    const statements = [...slots.statementsOf(to), ...aggregator.statementsOf(to)].slice(-STATEMENT_COUNT_MAX)
    floor.answer(to, nonce, intake.newestCertificate, statements)
  }

  /** The round of a certificate that holds by itself; 0 for anything else. */
  #provenRoundOf(proof: Uint8Array): number {
    const { context, signatures } = this.#parts
    try {
      const certificate = decodeCertificate(proof, context.committee.size)
      const { header } = certificate
      const isValid = checkHeader(header, context.committee, context.headerRules(Number.POSITIVE_INFINITY)) === undefined
      const digest = headerDigest(context.setup.chainId, header)
      return isValid && checkCertificate(certificate, digest, signatures) === undefined ? header.round : 0
    } catch (error) {
      if (error instanceof ConsensusError) return 0
      throw error
    }
  }

  #isCurrent(epoch: number): boolean {
    if (epoch === this.#parts.context.setup.epoch) return true
    this.#parts.context.count('frameOfOtherEpoch')
    return false
  }

  #mayCost(from: Authority, tokens: number): boolean {
    let bucket = this.#tokens.get(from)
    if (bucket === undefined) this.#tokens.set(from, (bucket = new TokenBucket(TOKENS_PER_SECOND, TOKENS_AT_ONCE)))
    if (bucket.take(this.#parts.context.nowMs, tokens)) return true
    this.#parts.context.count('requestOverRate')
    return false
  }
}
