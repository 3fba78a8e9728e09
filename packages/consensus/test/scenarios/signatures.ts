/**
 * What members were seen to sign, from every frame that left one and every record that became durable: I5 and I6, and whether what is
 * called certified has the votes of a quorum. A liar's own signatures are read too, because certificates hold them.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import type { StoredRecord } from '../../src/core/contract.ts'
import { ConsensusError } from '../../src/errors.ts'
import { blockDigest, decodeSignedBlock } from '../../src/wire/block.ts'
import { compareBytes, toHex } from '../../src/wire/bytes.ts'
import { certificateDigest, decodeCertificate } from '../../src/wire/certificate.ts'
import type { CheckpointSignature } from '../../src/wire/checkpoint.ts'
import { createCommittee, type Committee } from '../../src/wire/committee.ts'
import { decodeFrame, type FrameType, frameTypeOf } from '../../src/wire/frames.ts'
import { decodeSignedHeader, headerDigest } from '../../src/wire/header.ts'
import type { Authority, Certificate, Header, SignedBlock } from '../../src/wire/types.ts'
import { decodeVote, voteSigningBytes } from '../../src/wire/vote.ts'
import type { TestCommittee } from '../support/committee.ts'
import { expectThat } from './invariant.ts'

const CHAIN_ID = 1337
const READ: ReadonlySet<FrameType> = new Set(['header', 'vote', 'block', 'certificate', 'checkpointSignature'])

export class Signatures {
  readonly #committee: Committee
  readonly #isSigned: TestCommittee['cryptos'][number]['isSigned']
  /** Whose signatures nobody vouches for, and up to which round: a liar's all, an amnesiac's of its first rounds. */
  readonly #excusedTo = new Map<Authority, number>()
  readonly #slots = new Map<string, string>()
  /** By header digest: who voted, the author included. */
  readonly #voters = new Map<string, Set<Authority>>()
  readonly #headerOf = new Map<string, { readonly header: string; readonly round: number; readonly author: Authority }>()
  readonly #certified = new Map<string, string>()
  readonly #blocks = new Set<string>()
  /** By key: a certificate as it was stored first. Most members store the same bytes. */
  readonly #stored = new Map<string, Uint8Array>()
  /** Signatures of certificates that were checked here. */
  readonly #checked = new Set<string>()
  isOverBudget = false

  constructor({ members, cryptos }: TestCommittee) {
    this.#committee = createCommittee(members)
    this.#isSigned = cryptos[0]!.isSigned
  }

  excuse(authority: Authority, toRound: number = Number.POSITIVE_INFINITY): void {
    this.#excusedTo.set(authority, toRound)
  }

  /** Whether anything of it may be found signed twice. */
  isExcused(authority: Authority): boolean {
    return this.#excusedTo.has(authority)
  }

  onFrame(from: Authority, bytes: Uint8Array): void {
    const type = frameTypeOf(bytes)
    if (!READ.has(type)) return
    const frame = decodeFrame(bytes, this.#committee.size)
    if (frame.type === 'header') this.#onHeader(from, frame.header.header)
    else if (frame.type === 'block') this.#onBlock(from, frame.block)
    else if (frame.type === 'vote') this.#onVote(from, frame.vote)
    else if (frame.type === 'certificate') this.onCertificate(frame.certificate)
    else if (frame.type === 'checkpointSignature') this.#onCheckpoint(from, frame.signature)
  }

  /** Of a liar, who may send anything. */
  tryFrame(from: Authority, bytes: Uint8Array): void {
    try {
      this.onFrame(from, bytes)
    } catch (error) {
      if (!(error instanceof ConsensusError)) throw error
    }
  }

  onDurable(authority: Authority, { kind, key, bytes, round }: StoredRecord): void {
    if (kind === 'proposed' && round !== undefined) this.#onHeader(authority, decodeSignedHeader(bytes).header)
    else if (kind === 'voted') this.#onVote(authority, decodeVote(bytes))
    else if (kind === 'block') this.#onBlock(authority, decodeSignedBlock(bytes))
    else if (kind === 'certificate') {
      const stored = this.#stored.get(key)
      if (stored === undefined || compareBytes(stored, bytes) !== 0) {
        this.#noteHeader(decodeCertificate(bytes, this.#committee.size).header)
        this.#stored.set(key, bytes)
      }
      this.expectCertified(key, authority)
    } else if (kind === 'checkpoint') this.#sign(authority, 0, `checkpoint ${key}`, toHex(bytes))
  }

  /** I3: a certificate that an honest member holds or orders has the votes of a quorum. I5: no other of its slot has. */
  expectCertified(key: string, by: Authority): void {
    const held = this.#headerOf.get(key)
    expectThat(held !== undefined, 'I3', () => `member ${by} holds a certificate whose header nobody signed`)
    const stake = this.#committee.stakeOf(this.#voters.get(held.header) ?? [])
    expectThat(
      stake >= this.#committee.quorum,
      'I3',
      () => `member ${by} takes ${held.round}.${held.author} for certified with votes of ${stake}`,
    )
    this.#expectOnly(held.round, held.author, key)
  }

  expectBlock(key: string, by: Authority): void {
    expectThat(this.#blocks.has(key), 'I3', () => `member ${by} orders a block that nobody signed`)
  }

  onCertificate(certificate: Certificate): void {
    const { header, signers, signatures } = certificate
    const { digest, key } = this.#noteHeader(header)
    const name = `${key} ${signers.join()} ${toHex(signatures.at(-1) ?? digest)}`
    if (this.#checked.has(name)) return
    this.#checked.add(name)
    const { epoch, round, author } = header
    const message = voteSigningBytes({ epoch, round, author, headerDigest: digest })
    for (const [at, signer] of signers.entries()) {
      const { key: publicKey } = this.#committee.members[signer] ?? {}
      if (publicKey !== undefined && this.#isSigned(signatures[at]!, message, publicKey))
        this.#noteVote(signer, round, author, toHex(digest))
    }
    const voters = this.#voters.get(toHex(digest)) ?? []
    if (this.#committee.stakeOf(voters) >= this.#committee.quorum) this.#expectOnly(round, author, key)
  }

  #expectOnly(round: number, author: Authority, key: string): void {
    if (this.isOverBudget) return
    const slot = `${round}.${author}`
    const before = this.#certified.get(slot) ?? key
    this.#certified.set(slot, before)
    expectThat(before === key, 'I5', () => `slot ${slot} has two certificates`)
  }

  #noteHeader(header: Header): { readonly digest: Uint8Array; readonly key: string } {
    const digest = headerDigest(CHAIN_ID, header)
    const key = toHex(certificateDigest(CHAIN_ID, digest))
    const { round, author } = header
    this.#headerOf.set(key, { header: toHex(digest), round, author })
    return { digest, key }
  }

  #onHeader(from: Authority, header: Header): void {
    const { digest } = this.#noteHeader(header)
    if (header.author !== from) return
    this.#sign(from, header.round, `header ${header.round}`, toHex(digest))
    this.#noteVote(from, header.round, from, toHex(digest))
  }

  #onVote(from: Authority, { round, author, headerDigest: digest, voter }: ReturnType<typeof decodeVote>): void {
    if (voter === from) this.#noteVote(from, round, author, toHex(digest))
  }

  /** Durable before it is said, and the same as is durable. */
  #onCheckpoint(from: Authority, { signer, height, bytes }: CheckpointSignature): void {
    if (signer !== from || this.isExcused(from)) return
    const what = `checkpoint ${height}`
    expectThat(this.#slots.has(`${from} ${what}`), 'I6', () => `member ${from} says a signature that it does not keep: ${what}`)
    this.#sign(from, 0, what, toHex(sha256(bytes)))
  }

  #noteVote(voter: Authority, round: number, author: Authority, header: string): void {
    this.#sign(voter, round, `vote ${round}.${author}`, header)
    const voters = this.#voters.get(header)
    if (voters === undefined) this.#voters.set(header, new Set([voter]))
    else voters.add(voter)
  }

  #onBlock(from: Authority, signed: SignedBlock): void {
    const key = toHex(blockDigest(CHAIN_ID, signed.block))
    this.#blocks.add(key)
    if (signed.block.author === from) this.#sign(from, signed.block.round, `block ${signed.block.round}`, key)
  }

  #sign(signer: Authority, round: number, what: string, digest: string): void {
    if (round <= (this.#excusedTo.get(signer) ?? -1)) return
    const slot = `${signer} ${what}`
    const before = this.#slots.get(slot) ?? digest
    this.#slots.set(slot, before)
    expectThat(before === digest, 'I6', () => `member ${signer} signed two things: ${what}`)
  }
}
