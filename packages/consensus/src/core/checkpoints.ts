/**
 * Block certificates (2.15), for both modes: after each block the executor hands out bytes, every member signs the same ones with its
 * BLS key, and at stake Q over identical bytes the signatures become one aggregate.
 *
 * This node signs one digest a height, ever: the digest is durable before the signature is asked for. Signatures are not looked at one by
 * one: a quorum is aggregated and checked at once (`checkCheckpoint`), and only when that fails are the bad ones named and left out. Two
 * signatures of one member at a height over different bytes are evidence; a member that signed other bytes than the quorum is counted.
 *
 * Bounded: of each signer a number of heights that have no certificate yet, and a number of certified heights behind them; of each sender
 * the certificates that are checked and turn out bad.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { ConsensusError } from '../errors.ts'
import { compareBytes, toHex } from '../wire/bytes.ts'
import {
  type BlockCertificate,
  type CheckpointSignature,
  type CheckpointSlot,
  checkpointSlotOf,
  encodeBlockCertificate,
} from '../wire/checkpoint.ts'
import { evidenceOfCheckpoints } from '../wire/evidence.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { EvidencePool } from './evidence-pool.ts'
import { TokenBucket } from './token-bucket.ts'

/** Heights without a certificate that one signer's signatures are held for. */
const OPEN_MAX = 128
/** Certified heights whose signatures and certificate are kept for late signers. */
const CERTIFIED_MAX = 64
/** Certificates of one sender that are checked, a pairing each: every good one gives its place back, a bad one only time does. */
const CERTIFICATES_PER_SECOND = 5
const CERTIFICATES_AT_ONCE = 16
/** Own signatures that are said again while nothing comes of them. */
const REPEAT_MAX = 16
const REPEAT_MS = 1_000
/** Second signatures of one signer that are checked, at two BLS verifications each: junk must not cost this thread its time. */
const SUSPICIONS_PER_SECOND = 5
const SUSPICIONS_AT_ONCE = 10
/** A signature this far below the highest certificate comes from a member that is behind: it gets the certificate. */
const LATE_HEIGHTS = 8

interface Signed {
  readonly bytes: Uint8Array
  readonly key: string
  readonly signature: Uint8Array
}

interface Received extends BlockCertificate {
  readonly from: Authority
}

interface Height {
  readonly signed: Map<Authority, Signed>
  /** Whose signature was found bad: their later ones of this height are not taken. */
  readonly bad: Set<Authority>
  /** What is under check. */
  checking: { readonly key: string; readonly bytes: Uint8Array; readonly signers: readonly Authority[] } | undefined
  certificate: BlockCertificate | undefined
}

export class Checkpoints {
  readonly #context: CoreContext
  readonly #evidence: EvidencePool
  readonly #heights = new Map<number, Height>()
  readonly #own = new Map<number, Uint8Array>()
  readonly #checking = new Map<number, Received>()
  /** By sender: how many of its certificates are looked at. */
  readonly #certificates: readonly TokenBucket[]
  /** By signer: how often its second signatures are looked at. */
  readonly #suspicions: readonly TokenBucket[]
  #highestCertified = 0
  #repeatAtMs = Number.POSITIVE_INFINITY

  constructor(context: CoreContext, evidence: EvidencePool) {
    this.#context = context
    this.#evidence = evidence
    this.#certificates = context.committee.members.map(() => new TokenBucket(CERTIFICATES_PER_SECOND, CERTIFICATES_AT_ONCE))
    this.#suspicions = context.committee.members.map(() => new TokenBucket(SUSPICIONS_PER_SECOND, SUSPICIONS_AT_ONCE))
  }

  get nextAtMs(): number {
    return this.#repeatAtMs
  }

  /** From the executor. Persisted, then signed; other bytes than were signed before are refused. */
  sign(height: number, bytes: Uint8Array): void {
    if (this.#slotOf(bytes)?.height !== height) return this.#context.count('checkpointMalformed')
    const digest = sha256(bytes)
    const before = this.#own.get(height)
    const stored = before === undefined ? this.#context.store.get('checkpoint', `${height}`) : sha256(before)
    if (stored !== undefined && compareBytes(stored, digest) !== 0) return this.#context.count('checkpointRefused')
    this.#own.set(height, bytes.slice())
    if (this.#own.size > OPEN_MAX) this.#own.delete(Math.min(...this.#own.keys()))
    this.#context.persist({ kind: 'checkpoint', key: `${height}`, bytes: digest })
    this.#context.push({ type: 'signCheckpoint', height, bytes })
  }

  signed(height: number, signature: Uint8Array): void {
    const bytes = this.#own.get(height)
    if (bytes === undefined) return
    this.#sendOwn({ height, bytes, signer: this.#context.self, signature })
    this.#add({ height, bytes, signer: this.#context.self, signature })
    this.#repeatAtMs = Math.min(this.#repeatAtMs, this.#context.nowMs + REPEAT_MS)
  }

  receive(from: Authority, signature: CheckpointSignature): void {
    if (signature.signer !== from || this.#slotOf(signature.bytes) === undefined) return this.#context.count('checkpointForeign')
    const certificate = this.#heights.get(signature.height)?.certificate
    if (certificate !== undefined && signature.height + LATE_HEIGHTS < this.#highestCertified) {
      this.#context.send(from, { type: 'blockCertificate', certificate })
    }
    this.#add(signature)
  }

  receiveCertificate(from: Authority, certificate: BlockCertificate): void {
    const { height } = this.#slotOf(certificate.bytes) ?? {}
    const { committee, nowMs } = this.#context
    if (height === undefined || this.#heights.get(height)?.certificate !== undefined || this.#checking.has(height)) return
    if (height + CERTIFIED_MAX < this.#highestCertified) return
    if (committee.stakeOf(certificate.signers) < committee.quorum) return this.#context.count('blockCertificateWeak')
    if (!this.#certificates[from]!.take(nowMs)) return this.#context.count('blockCertificateOverRate')
    const { bytes, signers, aggregate } = certificate
    this.#checking.set(height, { from, bytes: bytes.slice(), signers, aggregate: aggregate.slice() })
    this.#context.push({ type: 'checkCertificate', height, bytes, signers, aggregate })
  }

  certificateChecked(height: number, isValid: boolean): void {
    const received = this.#checking.get(height)
    this.#checking.delete(height)
    if (received === undefined) return
    if (!isValid) return this.#context.count('blockCertificateBad')
    const { from, bytes, signers, aggregate } = received
    this.#certificates[from]!.giveBack()
    this.#certify(height, { bytes, signers, aggregate }, false)
  }

  /** The verdict on a quorum: `bad` of its signers did not sign what they sent. */
  checked(height: number, bad: readonly Authority[], aggregate: Uint8Array | undefined): void {
    const state = this.#heights.get(height)
    const checking = state?.checking
    if (state === undefined || checking === undefined) return
    state.checking = undefined
    if (bad.length === 0 && aggregate !== undefined) {
      this.#certify(height, { bytes: checking.bytes, signers: checking.signers, aggregate: aggregate.slice() }, true)
      return
    }
    for (const signer of bad) {
      if (!checking.signers.includes(signer)) continue
      state.signed.delete(signer)
      state.bad.add(signer)
      this.#context.count('checkpointBadSignature')
    }
    this.#check(height, state)
  }

  /** Says own signatures again that have led to nothing. */
  advance(): void {
    const { nowMs, self } = this.#context
    if (nowMs < this.#repeatAtMs) return
    this.#repeatAtMs = Number.POSITIVE_INFINITY
    const open = [...this.#heights].filter(([, { certificate, signed }]) => certificate === undefined && signed.has(self))
    if (open.length === 0) return
    for (const [height, { signed }] of open.toSorted(([a], [b]) => b - a).slice(0, REPEAT_MAX)) {
      const { bytes, signature } = signed.get(self)!
      this.#sendOwn({ height, bytes, signer: self, signature })
    }
    this.#repeatAtMs = nowMs + REPEAT_MS
  }

  #sendOwn(signature: CheckpointSignature): void {
    this.#context.send('others', { type: 'checkpointSignature', signature })
  }

  #add({ height, bytes, signer, signature }: CheckpointSignature): void {
    const state = this.#heightOf(height)
    const key = toHex(sha256(bytes))
    const before = state.signed.get(signer)
    if (before !== undefined && before.key !== key) {
      if (this.#suspicions[signer]!.take(this.#context.nowMs)) {
        this.#evidence.add(evidenceOfCheckpoints(signer, before, { bytes, signature }))
      }
      return
    }
    if (before !== undefined || state.bad.has(signer)) return
    state.signed.set(signer, { bytes: bytes.slice(), key, signature: signature.slice() })
    if (state.certificate !== undefined && compareBytes(state.certificate.bytes, bytes) !== 0) this.#context.count('checkpointDissent')
    this.#bound(signer)
    this.#check(height, state)
  }

  /** Starts the check of a quorum over identical bytes, when there is one and none is under way. */
  #check(height: number, state: Height): void {
    if (state.certificate !== undefined || state.checking !== undefined) return
    const { committee } = this.#context
    const groups = new Map<string, Authority[]>()
    for (const [signer, { key }] of state.signed) groups.set(key, [...(groups.get(key) ?? []), signer])
    for (const [key, group] of groups) {
      if (committee.stakeOf(group) < committee.quorum) continue
      const signers = group.toSorted((a, b) => a - b)
      const { bytes } = state.signed.get(signers[0]!)!
      state.checking = { key, bytes, signers }
      const signatures = signers.map((signer) => state.signed.get(signer)!.signature)
      this.#context.push({ type: 'checkCheckpoint', height, bytes, signers, signatures })
      return
    }
  }

  /** One member gossips it, another one at each height: all members hear the signatures anyway. */
  #certify(height: number, certificate: BlockCertificate, isOwn: boolean): void {
    const { committee, self } = this.#context
    const state = this.#heightOf(height)
    if (state.certificate !== undefined) return
    state.certificate = certificate
    state.checking = undefined
    this.#own.delete(height)
    this.#highestCertified = Math.max(this.#highestCertified, height)
    for (const { bytes } of state.signed.values())
      if (compareBytes(bytes, certificate.bytes) !== 0) this.#context.count('checkpointDissent')
    if (isOwn && height % committee.size === self) this.#context.send('others', { type: 'blockCertificate', certificate })
    this.#context.push({ type: 'certified', height, certificate: encodeBlockCertificate(certificate, committee.size) })
    const certified = [...this.#heights].filter(([, each]) => each.certificate !== undefined)
    if (certified.length > CERTIFIED_MAX) this.#heights.delete(Math.min(...certified.map(([at]) => at)))
  }

  /** A signer's lowest open height gives way: nobody's flood costs another his place. */
  #bound(signer: Authority): void {
    const open = [...this.#heights].filter(([, state]) => state.certificate === undefined && state.signed.has(signer)).map(([at]) => at)
    if (open.length <= OPEN_MAX) return
    const lowest = Math.min(...open)
    const state = this.#heights.get(lowest)!
    state.signed.delete(signer)
    if (state.signed.size === 0) this.#heights.delete(lowest)
  }

  #heightOf(height: number): Height {
    let state = this.#heights.get(height)
    if (state === undefined)
      this.#heights.set(height, (state = { signed: new Map(), bad: new Set(), checking: undefined, certificate: undefined }))
    return state
  }

  /** Of bytes of this chain and epoch; `undefined` for others. */
  #slotOf(bytes: Uint8Array): CheckpointSlot | undefined {
    const { chainId, epoch } = this.#context.setup
    try {
      const slot = checkpointSlotOf(bytes)
      return slot.chainId === chainId && slot.epoch === epoch ? slot : undefined
    } catch (error) {
      if (error instanceof ConsensusError) return undefined
      throw error
    }
  }
}
