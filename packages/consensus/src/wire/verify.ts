/**
 * Signatures of votes and certificates, each checked once: a vote that came by itself is not checked again inside a certificate.
 *
 * What is remembered is the slot, digest, voter AND signature: a certificate that carries other bytes for a known vote would otherwise be
 * taken, stored, and refused by everybody it is served to.
 */
import { compareBytes, toHex } from './bytes.ts'
import type { Committee } from './committee.ts'
import { headerSigningBytes } from './header.ts'
import type { Authority, Certificate, Digest, SignedHeader, Vote } from './types.ts'
import { voteSigningBytes } from './vote.ts'

export type IsSigned = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean

/** Signatures found good, by slot and header digest. Bounded: the slot that came first is forgotten first. */
export interface VerifiedSignatures {
  has(slot: string, signer: Authority | 'author', signature: Uint8Array): boolean
  add(slot: string, signer: Authority | 'author', signature: Uint8Array): void
}

export interface SignatureContext {
  readonly committee: Committee
  readonly isSigned: IsSigned
  readonly verified: VerifiedSignatures
}

export type CertificateFault =
  | 'author' // no member
  | 'stake' // of the signers, below the quorum
  | 'headerSignature'
  | 'voteSignature'

/** @param slotsMax - headers whose signatures are remembered. */
export function createVerifiedSignatures(slotsMax = 4_096): VerifiedSignatures {
  const slots = new Map<string, Map<Authority | 'author', Uint8Array>>()
  return {
    has(slot, signer, signature) {
      const known = slots.get(slot)?.get(signer)
      return known !== undefined && compareBytes(known, signature) === 0
    },
    add(slot, signer, signature) {
      let signatures = slots.get(slot)
      if (signatures === undefined) {
        const first = slots.size < slotsMax ? undefined : slots.keys().next().value
        if (first !== undefined) slots.delete(first)
        signatures = new Map()
        slots.set(slot, signatures)
      }
      signatures.set(signer, signature.slice()) // a view would keep its whole frame
    },
  }
}

/** Whether the author signed `digest`, which must be the header's. */
export function isHeaderSigned({ header, signature }: SignedHeader, digest: Digest, context: SignatureContext): boolean {
  return isGood(slotKeyOf(header, digest), 'author', header.author, signature, () => headerSigningBytes(digest), context)
}

/** Whether the voter signed. A voter that is no member did not. */
export function isVoteSigned(vote: Vote, context: SignatureContext): boolean {
  const slot = slotKeyOf(vote, vote.headerDigest)
  return isGood(slot, vote.voter, vote.voter, vote.signature, () => voteSigningBytes(vote), context)
}

/** A vote that was signed here: it will stand in certificates, and needs no check there. */
export function rememberOwnVote(vote: Vote, verified: VerifiedSignatures): void {
  verified.add(slotKeyOf(vote, vote.headerDigest), vote.voter, vote.signature)
}

/**
 * The full rule for a certificate that no verified one vouches for: signers of a quorum, and every signature in it good. The header is
 * `checkHeader`'s.
 * @param digest - of its header.
 */
export function checkCertificate(certificate: Certificate, digest: Digest, context: SignatureContext): CertificateFault | undefined {
  const { header, headerSignature, signers, signatures } = certificate
  const { committee } = context
  if (header.author >= committee.size) return 'author'
  if (committee.stakeOf(signers) < committee.quorum) return 'stake'
  if (!isHeaderSigned({ header, signature: headerSignature }, digest, context)) return 'headerSignature'
  const { epoch, round, author } = header
  const message = voteSigningBytes({ epoch, round, author, headerDigest: digest })
  const slot = slotKeyOf(header, digest)
  const areSigned = signers.every((signer, i) => isGood(slot, signer, signer, signatures[i]!, () => message, context))
  return areSigned ? undefined : 'voteSignature'
}

function isGood(
  slot: string,
  as: Authority | 'author',
  signer: Authority,
  signature: Uint8Array,
  messageOf: () => Uint8Array,
  { committee, isSigned, verified }: SignatureContext,
): boolean {
  const member = committee.members[signer]
  if (member === undefined) return false
  if (verified.has(slot, as, signature)) return true
  if (!isSigned(signature, messageOf(), member.key)) return false
  verified.add(slot, as, signature)
  return true
}

/** All that a vote signs: a vote that names another slot for this digest is another entry. */
function slotKeyOf({ epoch, round, author }: { epoch: number; round: number; author: Authority }, digest: Digest): string {
  return `${epoch}.${round}.${author}.${toHex(digest)}`
}
