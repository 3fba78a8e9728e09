/**
 * One request on one lane of one node, and the proof of what comes back.
 *
 * Invariant: what leaves here has been checked against the address that the caller gave and nothing else. For a CID these are the CIDs of
 * the DAG itself; the root that an answer names is not even looked at.
 */
import {
  byteRangesOf,
  decodeAnswer,
  encodeRequest,
  LANE_CANCELLED,
  type ByteRange,
  type ContentAnswer,
  type RequestScope,
} from '@selvedge/content'
import { verifyCar, verifyProof, type VerifiedBlock } from '@selvedge/verified-car'
import { ChunkRanges, decode, type ContentSize, type VerifiedPart } from '@selvedge/verified-streaming'
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import { LaneBytes, type Received } from './lane-bytes.ts'
import { isUnverified, NO_PAYMENT, type LanePayment } from './lane-payment.ts'
import type { NodeLink } from './node-link.ts'
import { PaidReader, type PaidTerms } from './paid-reader.ts'
import type { LanePort } from './ports.ts'
import { createSlab } from './slab.ts'
import type { Target } from './target.ts'

const EMPTY = new Uint8Array(0)
const HEADER_BYTES = 8

export interface Transfer {
  readonly node: string
  /** The same, for what is to be said of it. */
  readonly link: NodeLink
  readonly answer: ContentAnswer
  readonly mode: 'blake3' | 'proof' | 'car'
  /** Of a CID: its verified blocks in depth-first order. */
  readonly blocks?: AsyncIterable<VerifiedBlock>
  /** Of a root: verified bytes, whole chunks. */
  readonly parts?: AsyncIterable<VerifiedPart>
  /** Of a root: what is known of its size. */
  readonly size?: () => ContentSize
  /** Whether what it yields may be kept; else it is valid until the next iteration. */
  readonly isOwned: boolean
  readonly payment: LanePayment
  /** Ends the lane, whatever its state. */
  close(): void
}

export interface TransferOptions {
  readonly range: ByteRange
  readonly received: Received
  /** Ends the lane. */
  readonly life: AbortSignal
  /** The caller's: ends the verifying at once, where nobody pays for what is in flight. `life` ends with it. */
  readonly signal?: AbortSignal | undefined
}

/** One request and its answer: what came before anything is verified. */
export interface Asked {
  readonly node: string
  readonly link: NodeLink
  readonly answer: ContentAnswer
  /** DATA as it comes, counted. Of a root, held against the size that the answer claims. */
  readonly source: AsyncIterable<Uint8Array>
  readonly payment: LanePayment
  /**
   * What a verifier yields of `source`, signed for as it comes where the node is paid, ahead of the reader, and behind his leaving; else `verified` itself.
   * @param options - see `PaidTerms`.
   */
  paid<T>(verified: AsyncIterable<T>, options: Pick<PaidTerms<T>, 'endOf' | 'keep' | 'isView'>): AsyncIterable<T>
  /** Of whoever verifies `source` by himself, where the node is paid: it goes on behind `close` too, until the call of what is returned. */
  follow(): () => void
  /** Whether bytes lie in what came last of `source`: they stay as they are until they are taken, and need no copy until then. */
  isLasting(bytes: Uint8Array): boolean
  /** Ends the lane, whatever its state. */
  close(): void
}

export interface AskOptions {
  readonly ranges: ChunkRanges
  /** @default 'entity' */
  readonly scope?: RequestScope
  /** Only the answer is wanted, no bytes. */
  readonly isHead?: boolean
  readonly received: Received
  readonly signal?: AbortSignal | undefined
  /** Without `paid`: credit goes back as `source` is read. */
  readonly isUnpaced?: boolean
  /** What `source` gave is overwritten: of who pays for items that are views, behind what was taken of them; else when more is asked for. @default it stays as it is */
  readonly isMemoryReused?: boolean
}

/** @throws {ClientError} */
export async function ask(link: NodeLink, target: Target, options: AskOptions): Promise<Asked> {
  const { ranges, scope = 'entity', isHead = false, received, signal, isUnpaced = false, isMemoryReused = false } = options
  const request = encodeRequest({
    kind: target.kind,
    address: target.kind === 'cid' ? target.cid.bytes : target.root,
    modes: target.kind === 'root' ? ['blake3'] : scope === 'all' ? ['car'] : ['proof', 'car'],
    head: isHead,
    mappingProof: false,
    outboardOnly: false,
    scope,
    traceparent: EMPTY,
    ranges,
  })
  const { lane, payment, release } = await link.open(request, { signal, isReadAhead: !isUnpaced, isMemoryReused })
  let isOver = false
  let isFollowed = false
  let source: LaneBytes | undefined
  let reader: PaidReader<unknown> | undefined
  const finish = (): void => {
    isOver = true
    source?.stop()
    release()
  }
  const close = (): void => {
    if (!isOver) lane.reset(LANE_CANCELLED, 'cancelled')
    payment.leave()
    finish()
    reader?.leave(() => new ClientError('CLIENT_CLOSED', `the lane at ${link.name} is left`)) // an error costs as much as a signature
    if (payment !== NO_PAYMENT && !isFollowed && reader?.isRunning !== true) void source?.return() // nobody reads what was in flight
  }
  try {
    await lane.end()
    const answer = answerOf(lane, target, scope, link.name)
    const check = target.kind === 'root' ? claimCheck(answer.size, link) : undefined
    const bytes = new LaneBytes(lane, link, received, finish, check)
    bytes.isGivenBack = isMemoryReused && (isUnpaced || payment === NO_PAYMENT)
    source = bytes
    return {
      node: link.name,
      link,
      answer,
      payment,
      close,
      source: bytes,
      isLasting: (part) => bytes.has(part),
      paid(verified, terms) {
        if (payment === NO_PAYMENT) return verified
        const judge = (error: unknown): unknown => asClientError(error, link)
        const paid = new PaidReader(verified, { ...terms, payment, bytes, signal, close, judge })
        reader = paid
        return paid
      },
      follow() {
        isFollowed = true
        payment.follow()
        return () => {
          isFollowed = false
          payment.settle()
          if (isOver) void bytes.return()
        }
      },
    }
  } catch (error) {
    if (isUnverified(error)) payment.refuse()
    close()
    throw asClientError(error, link, signal)
  }
}

/** @throws {ClientError} */
export async function openTransfer(link: NodeLink, target: Target, { range, received, life, signal }: TransferOptions): Promise<Transfer> {
  const ranges = range.start === 0 && range.end === undefined ? ChunkRanges.all : ChunkRanges.fromByteRanges([range])
  const isMemoryReused = target.kind === 'root' // of a CID, what is verified of a block is known by bytes of those above it
  const { source, paid, isLasting, ...common } = await ask(link, target, { ranges, received, signal: life, isMemoryReused })
  const { answer } = common
  const isPaid = common.payment !== NO_PAYMENT
  const abort = signal === undefined || isPaid ? {} : { signal } // who pays verifies what was in flight too
  if (target.kind === 'root') {
    const decoding = decode(source, target.root, { ranges, chunkGroupLog: answer.chunkGroupLog, ...abort })
    const copy = createSlab()
    const keep = ({ offset, bytes }: VerifiedPart): VerifiedPart => ({ offset, bytes: isLasting(bytes) ? bytes : copy(bytes) })
    const parts = paid(decoding, { endOf: () => decoding.verifiedOffset, keep, isView: true })
    return { ...common, isOwned: false, mode: 'blake3', parts, size: () => decoding.size }
  }
  const asked = byteRangesOf(ranges)
  const walk = asked === undefined ? abort : { ...abort, ranges: asked }
  if (answer.mode === 'car') {
    const blocks = verifyCar(source, target.cid, { ...walk, header: false, onlyAsked: true, scope: 'entity' })
    return { ...common, isOwned: isPaid, mode: 'car', blocks: paid(blocks, OF_BLOCKS) }
  }
  const size = answer.size === undefined ? {} : { size: answer.size }
  return { ...common, isOwned: isPaid, mode: 'proof', blocks: paid(verifyProof(source, target.cid, { ...walk, ...size }), OF_BLOCKS) }
}

export const OF_BLOCKS: Pick<PaidTerms<VerifiedBlock>, 'endOf' | 'keep'> = {
  endOf: (block) => block?.streamEnd,
  keep({ cid, kind, fileOffset, dataStart, dataEnd, fileSize, depth, isEntityRoot, path, streamEnd, isLast, block: view }) {
    const block = view.slice()
    const parts = dataEnd > dataStart ? [block.subarray(dataStart, dataEnd)] : []
    return { cid, kind, fileOffset, dataStart, dataEnd, fileSize, depth, isEntityRoot, path, streamEnd, isLast, block, parts }
  },
}

function answerOf(lane: LanePort, target: Target, scope: RequestScope, node: string): ContentAnswer {
  const answer = decodeAnswer(lane.metadata)
  const { status, mode } = answer
  if (status === 404 || status === 410)
    throw new ClientError('CLIENT_NOT_FOUND', `${node} has not got it and found nobody who has`, { node, status })
  if (mode === undefined) throw new ClientError('CLIENT_BAD_ANSWER', `${node} answered with status ${status}`, { node, status })
  const isAsked = target.kind === 'root' ? mode === 'blake3' : mode === 'car' || (mode === 'proof' && scope === 'entity')
  if (!isAsked) throw new ClientError('CLIENT_BAD_ANSWER', `${node} answered in mode ${mode}, which was not asked for`, { node, mode })
  return answer
}

/** Holds the size at the head of a BLAKE3 response against the one that the answer claimed. @returns what is to be shown each piece, in order. */
function claimCheck(claim: number | undefined, link: NodeLink): (bytes: Uint8Array) => void {
  const head = new Uint8Array(HEADER_BYTES)
  let filled = 0
  return (bytes) => {
    if (filled === HEADER_BYTES) return
    const part = bytes.subarray(0, HEADER_BYTES - filled)
    head.set(part, filled)
    filled += part.length
    if (filled === HEADER_BYTES) checkClaim(new DataView(head.buffer).getBigUint64(0, true), claim, link)
  }
}

function checkClaim(size: bigint, claim: number | undefined, link: NodeLink): void {
  if (claim === undefined || size === BigInt(claim)) return
  const { name: node } = link
  link.lied('CLIENT_BAD_ANSWER') // whichever is true, the other is not
  throw new ClientError('CLIENT_BAD_ANSWER', `${node} claimed ${claim} bytes and began to send ${size}`, { node })
}
