/**
 * What liars say, frame by frame: variants of what their own core would have said, votes for everything, certificates for both stories.
 * They sign with their own keys. Nothing here depends on time, so that both worlds use it.
 */
import type { Fork } from '@selvedge/simulator'
import { blockDigest, blockSigningBytes } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { createCommittee } from '../../src/wire/committee.ts'
import { bodyOf, decodeFrame, encodeFrame, type Frame, type FrameType, frameTypeOf } from '../../src/wire/frames.ts'
import { decodeSignedHeader, headerDigest, headerSigningBytes } from '../../src/wire/header.ts'
import type { Authority, Block, Digest, Header, SignedBlock, SignedHeader, Vote } from '../../src/wire/types.ts'
import { decodeVote, voteSigningBytes } from '../../src/wire/vote.ts'
import { decodeSignedBlock } from '../../src/wire/block.ts'
import type { TestCommittee } from '../support/committee.ts'
import { CHAIN_ID } from './member.ts'

export const isOf =
  (...types: readonly FrameType[]) =>
  (frame: Uint8Array): boolean =>
    types.includes(frameTypeOf(frame))

export function signHeader({ cryptos }: TestCommittee, header: Header): SignedHeader {
  return { header, signature: cryptos[header.author]!.sign(headerSigningBytes(headerDigest(CHAIN_ID, header))) }
}

export function signBlock({ cryptos }: TestCommittee, block: Block): SignedBlock {
  return { block, signature: cryptos[block.author]!.sign(blockSigningBytes(blockDigest(CHAIN_ID, block))) }
}

export function signVote({ cryptos }: TestCommittee, voter: Authority, header: Header): Vote {
  const { epoch, round, author } = header
  const slot = { epoch, round, author, headerDigest: headerDigest(CHAIN_ID, header) }
  return { ...slot, voter, signature: cryptos[voter]!.sign(voteSigningBytes(slot)) }
}

/** The header or block of a frame, changed and signed anew by its author; `undefined` for other frames, and where `change` declines. */
export function altered(
  committee: TestCommittee,
  frame: Uint8Array,
  change: (vertex: {
    readonly header?: Header
    readonly block?: Block
  }) => { readonly header?: Header; readonly block?: Block } | undefined,
): Uint8Array | undefined {
  const size = committee.members.length
  const type = frameTypeOf(frame)
  if (type === 'header') {
    const { header } = change({ header: decodeSignedHeader(bodyOf(frame)).header }) ?? {}
    return header === undefined ? undefined : encodeFrame({ type, header: signHeader(committee, header) }, size)
  }
  if (type !== 'block') return undefined
  const { block } = change({ block: decodeSignedBlock(bodyOf(frame)).block }) ?? {}
  return block === undefined ? undefined : encodeFrame({ type, block: signBlock(committee, block) }, size)
}

/** The same, for a change that headers and blocks bear alike. */
export function alteredSlot(
  committee: TestCommittee,
  frame: Uint8Array,
  change: <T extends Header | Block>(vertex: T) => T | undefined,
): Uint8Array | undefined {
  return altered(committee, frame, ({ header, block }) => {
    if (header !== undefined) {
      const changed = change(header)
      return changed === undefined ? undefined : { header: changed }
    }
    const changed = change(block!)
    return changed === undefined ? undefined : { block: changed }
  })
}

/** The slot of an own header or block, as a key of a fork. */
export function slotOf(self: Authority, frame: Uint8Array): { readonly round: number; readonly key: string } | undefined {
  const type = frameTypeOf(frame)
  if (type !== 'header' && type !== 'block') return undefined
  const { author, round } = type === 'header' ? decodeSignedHeader(bodyOf(frame)).header : decodeSignedBlock(bodyOf(frame)).block
  return author === self ? { round, key: `${type} ${round}` } : undefined
}

/** Another header or block for each set of receivers: created a little later each, so that all are good by themselves. */
export function forkOf(
  committee: TestCommittee,
  self: Authority,
  copies: number,
  isMeant: (round: number) => boolean = () => true,
  onVariant: (variant: Uint8Array, original: Uint8Array) => void = () => {},
): Fork<Uint8Array> {
  return {
    copies,
    keyOf: (frame) => {
      const slot = slotOf(self, frame)
      return slot !== undefined && isMeant(slot.round) ? slot.key : undefined
    },
    variant: (frame, copy) => {
      const variant = alteredSlot(committee, frame, (vertex) => ({ ...vertex, createdAtMs: vertex.createdAtMs + copy }))!
      onVariant(variant, frame)
      return variant
    },
  }
}

/**
 * Two blocks for every slot, to disjoint sets, each naming the blocks of its own story: so both of a pair have their author's vote, and
 * those of whoever shares `twins` (by digest of the first story: the second's). `onPair`: of a slot that votes for both of an earlier pair.
 */
export function twinForkOf(committee: TestCommittee, self: Authority, twins: Map<string, Digest>, onPair: () => void): Fork<Uint8Array> {
  const variant = (frame: Uint8Array): Uint8Array =>
    altered(committee, frame, ({ block }) => {
      if (block === undefined) return undefined
      const ancestors = block.ancestors.map((ancestor) => ({ ...ancestor, digest: twins.get(toHex(ancestor.digest)) ?? ancestor.digest }))
      const twin: Block = { ...block, createdAtMs: block.createdAtMs + 1, ancestors }
      twins.set(toHex(blockDigest(CHAIN_ID, block)), blockDigest(CHAIN_ID, twin))
      const isVote = block.ancestors.some(({ round, digest }) => round === block.round - 1 && twins.has(toHex(digest)))
      if (isVote) onPair()
      return { block: twin }
    })!
  return { ...forkOf(committee, self, 2), variant }
}

/**
 * Liars of a certified committee that work together: each votes for every header it hears, whatever it voted before, and every variant
 * of theirs for which enough votes come gets its certificate, sent to whom `tells` names.
 */
export class Conspiracy {
  readonly #committee: TestCommittee
  readonly #liars: readonly Authority[]
  /** Variants by digest. */
  readonly #variants = new Map<string, { readonly signed: SignedHeader; readonly votes: Map<Authority, Vote>; sentAt: number }>()
  readonly #say: (from: Authority, to: Authority, frame: Frame) => void
  /** Stake that a certificate is sent at: the quorum, or less to see whether anybody takes it. */
  readonly #thresholds: readonly number[]
  double = 0
  certificates = 0

  constructor(committee: TestCommittee, liars: readonly Authority[], say: (from: Authority, to: Authority, frame: Frame) => void) {
    const { quorum, validity } = createCommittee(committee.members)
    this.#committee = committee
    this.#liars = liars
    this.#say = say
    this.#thresholds = [validity, quorum]
  }

  /** A header that a liar of ours sends to some. */
  spread(frame: Uint8Array): void {
    const signed = decodeSignedHeader(bodyOf(frame))
    const { header } = signed
    const key = toHex(headerDigest(CHAIN_ID, header))
    if (this.#variants.has(key)) return
    const votes = new Map(this.#liars.map((liar) => [liar, signVote(this.#committee, liar, header)]))
    this.#variants.set(key, { signed, votes, sentAt: 0 })
    this.#certify(key)
  }

  /** What `self` hears. @returns whether its core should hear it too. */
  hears(self: Authority, from: Authority, frame: Uint8Array): boolean {
    const type = frameTypeOf(frame)
    if (type === 'header') {
      const { header } = decodeFrame(frame, this.#committee.members.length) as Extract<Frame, { type: 'header' }>
      if (header.header.author !== from) return true
      this.double++
      this.#say(self, from, { type: 'vote', vote: signVote(this.#committee, self, header.header) })
    } else if (type === 'vote') {
      const vote = decodeVote(bodyOf(frame).slice())
      const key = toHex(vote.headerDigest)
      const variant = this.#variants.get(key)
      if (variant === undefined) return true
      variant.votes.set(vote.voter, vote)
      this.#certify(key)
      return false
    }
    return true
  }

  #certify(key: string): void {
    const variant = this.#variants.get(key)!
    const threshold = this.#thresholds.find((each) => each > variant.sentAt && variant.votes.size >= each)
    if (threshold === undefined) return
    variant.sentAt = threshold
    this.certificates++
    this.#send(variant.signed, [...variant.votes.values()])
    const absent = Array.from({ length: this.#committee.members.length }, (_, voter) => voter).filter((voter) => !variant.votes.has(voter))
    const [someone] = variant.votes.values()
    // and one that reaches a quorum with signatures that are somebody else's
    this.#send(variant.signed, [...variant.votes.values(), ...absent.map((voter) => ({ ...someone!, voter }))])
  }

  #send({ header, signature: headerSignature }: SignedHeader, unsorted: readonly Vote[]): void {
    const votes = unsorted.toSorted((a, b) => a.voter - b.voter)
    const [signers, signatures] = [votes.map(({ voter }) => voter), votes.map(({ signature }) => signature)]
    const certificate = { header, headerSignature, signers, signatures }
    for (let to = 0; to < this.#committee.members.length; to++) {
      if (to !== header.author && (to + header.round) % 3 > 0) this.#say(header.author, to, { type: 'certificate', certificate })
    }
  }
}
