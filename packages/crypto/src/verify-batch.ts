/**
 * What goes to a thread of the verify pool and what comes back. A batch is many checks in one message and nothing more: each is answered by
 * itself (docs/decisions/0029-a-batch-is-no-equation.md).
 *
 * A check is a head of four numbers and its bytes, end to end with those of the others in one plain buffer that is transferred. No memory is
 * shared: native signature libraries refuse that, one of them in silence. An answer is 21 bytes: whether the signature is good, and who signed
 * where that was asked.
 */
import { ACCOUNT_BYTES } from './secp256k1-rules.ts'

/** What `isEd25519Signature` takes: a signature of 64 bytes, the message, a key of 32. Another length is answered as there. */
export interface Ed25519Item {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly publicKey: Uint8Array
}

/** What `recoverAddress` takes: a digest of 32 bytes, a signature `r ‖ s` of 64, `v` 0 or 1. Anything else is answered as there. */
export interface RecoveryItem {
  readonly digest: Uint8Array
  readonly signature: Uint8Array
  readonly v: number
}

/** The first number of a head: this, or `RECOVERY` and the `v` of a recovery. */
export const ED25519 = 0
export const RECOVERY = 1
/** Goes in place of a `v` that is neither 0 nor 1: no signature has it. */
const NO_V = 2
const NO_KEY = new Uint8Array(0)

/** The kind, then how long each part is. */
const HEAD_NUMBERS = 4
export const ANSWER_BYTES: number = 1 + ACCOUNT_BYTES

export interface Check {
  readonly kind: number
  /** The signature, what it signs, and the key where one is needed. */
  readonly parts: readonly [signature: Uint8Array, signed: Uint8Array, publicKey: Uint8Array]
  /** Octets of the parts. */
  readonly bytes: number
}

export interface VerifyJob {
  readonly id: number
  readonly heads: Uint32Array
  readonly bytes: Uint8Array
}

export interface VerifyAnswer {
  readonly id: number
  /** `ANSWER_BYTES` for each check, in their order. */
  readonly answers: Uint8Array
}

export function checkOfEd25519({ signature, message, publicKey }: Ed25519Item): Check {
  return checkOf(ED25519, [signature, message, publicKey])
}

export function checkOfRecovery({ digest, signature, v }: RecoveryItem): Check {
  return checkOf(RECOVERY + (v === 0 || v === 1 ? v : NO_V), [signature, digest, NO_KEY])
}

function checkOf(kind: number, parts: Check['parts']): Check {
  for (const part of parts) if (!(part instanceof Uint8Array)) throw new TypeError('signatures, keys and what is signed are Uint8Arrays')
  return { kind, parts, bytes: sizeOf(parts) }
}

const sizeOf = (parts: Check['parts']): number => parts[0].length + parts[1].length + parts[2].length

/** Both in buffers of their own, to be transferred. */
export function packChecks(checks: readonly Check[]): { heads: Uint32Array<ArrayBuffer>; bytes: Uint8Array<ArrayBuffer> } {
  const heads = new Uint32Array(checks.length * HEAD_NUMBERS)
  const bytes = new Uint8Array(checks.reduce((sum, { parts }) => sum + sizeOf(parts), 0)) // as they are now, not as they came
  let offset = 0
  for (const [i, { kind, parts }] of checks.entries()) {
    heads.set([kind, parts[0].length, parts[1].length, parts[2].length], i * HEAD_NUMBERS)
    for (const part of parts) {
      bytes.set(part, offset)
      offset += part.length
    }
  }
  return { heads, bytes }
}

/** Their parts are views of the job. */
export function unpackChecks({ heads, bytes }: VerifyJob): readonly Check[] {
  const checks: Check[] = []
  let offset = 0
  const next = (length: number): Uint8Array => bytes.subarray(offset, (offset += length))
  for (let at = 0; at < heads.length; at += HEAD_NUMBERS) {
    checks.push(checkOf(heads[at]!, [next(heads[at + 1]!), next(heads[at + 2]!), next(heads[at + 3]!)]))
  }
  return checks
}

export const isGoodAt = (answers: Uint8Array, index: number): boolean => answers[index * ANSWER_BYTES] === 1

/** Who signed, a copy. */
export function accountAt(answers: Uint8Array, index: number): Uint8Array | undefined {
  return isGoodAt(answers, index) ? answers.slice(index * ANSWER_BYTES + 1, (index + 1) * ANSWER_BYTES) : undefined
}
