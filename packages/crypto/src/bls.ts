/**
 * BLS signatures on BLS12-381 (keys of 48 bytes, signatures of 96): many signatures over ONE message become one of the same size. For
 * anything that is checked signature by signature Ed25519 is twenty times faster.
 *
 * Whoever adds keys up must know that each owner holds its secret, or a key made from others' ("rogue key") signs for them: take keys
 * only with a proof of possession. `createBlsKeyring` parses a committee's keys once; a key costs as much to parse as a signature.
 *
 * At first use the engine is tried on known answers and on points that must be refused; one that differs is never used.
 */
import { engines } from '#bls-engine'
import { BLS_PUBLIC_KEY_BYTES, BLS_SEED_BYTES, BLS_SIGNATURE_BYTES, type BlsEngine, type BlsKey, type BlsSignature } from './bls-rules.ts'
import { blsFaultOf } from './bls-self-test.ts'
import { CryptoError } from './errors.ts'
import { transcriptOf } from './transcript.ts'

export { BLS_CIPHERSUITE, BLS_PUBLIC_KEY_BYTES, BLS_SEED_BYTES, BLS_SIGNATURE_BYTES } from './bls-rules.ts'

/** A secret key that was derived from a seed (which is not kept), and what goes with it. */
export interface BlsKeyPair {
  readonly publicKey: Uint8Array
  /** 96 bytes, deterministic. */
  sign(message: Uint8Array): Uint8Array
  /** Shows whoever registers `publicKey` that its secret is known: a signature over a transcript of the key itself. */
  provePossession(): Uint8Array
}

/** The keys of a committee, parsed and checked once. Members are named by their place. */
export interface BlsKeyring {
  readonly size: number
  /** Whether `signature` is the member's over `message`. A place that is none is `false`. */
  isSigned(signature: Uint8Array, message: Uint8Array, member: number): boolean
  /** Whether `signature` is the aggregate of exactly `members`, which ascend, over one message. Nobody's is `false`. */
  isAggregate(signature: Uint8Array, message: Uint8Array, members: readonly number[]): boolean
}

/**
 * @param seed - 32 secret bytes; the same give the same key (KeyGen of the draft).
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH`
 */
export function createBlsKeyPair(seed: Uint8Array = crypto.getRandomValues(new Uint8Array(BLS_SEED_BYTES))): BlsKeyPair {
  if (seed.length !== BLS_SEED_BYTES) {
    throw new CryptoError('CRYPTO_BAD_LENGTH', `BLS seed must be ${BLS_SEED_BYTES} bytes, got ${seed.length}`)
  }
  const { publicKey, sign } = engine().createSigner(seed)
  return { publicKey, sign, provePossession: () => sign(transcriptOf('blsPossession', publicKey)) }
}

/**
 * Throws unless `signature` (96 bytes) is one of `publicKey` (48 bytes) over `message`.
 * @throws {CryptoError} `CRYPTO_BAD_SIGNATURE`
 */
export function verifyBls(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): void {
  if (!isBlsSignature(signature, message, publicKey)) {
    throw new CryptoError('CRYPTO_BAD_SIGNATURE', `no valid BLS signature over these ${message.length} bytes by this key`)
  }
}

/** Whether `signature` is one of `publicKey` over `message`. What is no key or no signature is `false`, never an error. */
export function isBlsSignature(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const key = parseKey(publicKey)
  const point = parseSignature(signature)
  return key !== undefined && point !== undefined && engine().isEqual(point, message, [key])
}

/** Whether `publicKey` is 48 bytes that encode a point of the prime-order subgroup, and not the identity. */
export function isBlsKey(publicKey: Uint8Array): boolean {
  return parseKey(publicKey) !== undefined
}

/** Whether `proof` is the proof of possession of `publicKey`. */
export function isBlsPossession(proof: Uint8Array, publicKey: Uint8Array): boolean {
  return isBlsSignature(proof, transcriptOf('blsPossession', publicKey), publicKey)
}

/** @throws {CryptoError} `CRYPTO_BAD_SIGNATURE` unless `proof` is the proof of possession of `publicKey`. */
export function verifyBlsPossession(proof: Uint8Array, publicKey: Uint8Array): void {
  verifyBls(proof, transcriptOf('blsPossession', publicKey), publicKey)
}

/**
 * The one signature that stands for all of `signatures`, 96 bytes. Each is checked to be a point of the subgroup, none is verified.
 * @throws {CryptoError} `CRYPTO_BAD_SIGNATURE` when one is no signature at all (`details.index`), `CRYPTO_BAD_LENGTH` when there is none.
 */
export function aggregateBls(signatures: readonly Uint8Array[]): Uint8Array {
  if (signatures.length === 0) throw new CryptoError('CRYPTO_BAD_LENGTH', 'an aggregate is made of at least one signature')
  const points = signatures.map((signature, index) => {
    const point = parseSignature(signature)
    if (point === undefined) throw new CryptoError('CRYPTO_BAD_SIGNATURE', `signature ${index} is no point of the subgroup`, { index })
    return point
  })
  return engine().sum(points)
}

/**
 * @param publicKeys - each with its possession proven, or an aggregate proves nothing.
 * @throws {CryptoError} `CRYPTO_BAD_KEY` when one is no key (`details.index`).
 */
export function createBlsKeyring(publicKeys: readonly Uint8Array[]): BlsKeyring {
  const keys = publicKeys.map((bytes, index) => {
    const key = parseKey(bytes)
    if (key === undefined) throw new CryptoError('CRYPTO_BAD_KEY', `BLS key ${index} is no point of the subgroup`, { index })
    return key
  })
  const isAggregate = (signature: Uint8Array, message: Uint8Array, members: readonly number[]): boolean => {
    const signers: BlsKey[] = []
    let previous = -1
    for (const member of members) {
      const key = keys[member]
      if (key === undefined || member <= previous) return false // twice the same key would count its stake twice
      signers.push(key)
      previous = member
    }
    const point = parseSignature(signature)
    return point !== undefined && signers.length > 0 && engine().isEqual(point, message, signers)
  }
  return { size: keys.length, isAggregate, isSigned: (signature, message, member) => isAggregate(signature, message, [member]) }
}

function parseKey(bytes: Uint8Array): BlsKey | undefined {
  return bytes.length === BLS_PUBLIC_KEY_BYTES ? engine().parseKey(bytes) : undefined
}

function parseSignature(bytes: Uint8Array): BlsSignature | undefined {
  return bytes.length === BLS_SIGNATURE_BYTES ? engine().parseSignature(bytes) : undefined
}

let chosen: BlsEngine | undefined

/** The first engine of this machine, once it has passed the self-test. */
function engine(): BlsEngine {
  return (chosen ??= checked(engines[0]!))
}

function checked(candidate: BlsEngine): BlsEngine {
  const fault = blsFaultOf(candidate)
  if (fault !== undefined) {
    throw new CryptoError('CRYPTO_SELF_TEST', `BLS engine '${candidate.name}' is wrong on: ${fault}`, { engine: candidate.name })
  }
  return candidate
}
