/**
 * secp256k1 as wallets use it: a signature of 64 bytes (`r ‖ s`) and one bit give the account that made it, so no key travels with it.
 *
 * Accounts are Ethereum addresses: the last 20 bytes of the Keccak-256 of the public key. `s` is low or the signature is none: its mirror
 * image would be a second one for the same message. Typed data is hashed by EIP-712 under the domain `{name "Selvedge", version "1", chainId}`.
 *
 * At first use the engine is tried on known answers; one that differs is never used.
 */
import { engines, hashKeccak } from '#secp256k1-engine'
import { CryptoError } from './errors.ts'
import {
  ACCOUNT_BYTES,
  isAdmissibleSignature,
  type Secp256k1Engine,
  SECP256K1_PUBLIC_KEY_BYTES,
  SECP256K1_SECRET_KEY_BYTES,
} from './secp256k1-rules.ts'
import { secp256k1FaultOf } from './secp256k1-self-test.ts'

export { ACCOUNT_BYTES, SECP256K1_PUBLIC_KEY_BYTES, SECP256K1_SECRET_KEY_BYTES, SECP256K1_SIGNATURE_BYTES } from './secp256k1-rules.ts'

/** Of a 32-byte digest. */
export interface Secp256k1Signature {
  /** `r ‖ s`, 64 bytes, big endian each, `s` low. */
  readonly signature: Uint8Array
  /** Parity of the point that `r` names. */
  readonly v: 0 | 1
}

/** The 32-byte Keccak-256 of `bytes` (Ethereum's, not SHA-3). */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return hashKeccak(bytes)
}

/**
 * The account that signed, 20 bytes.
 * @param digest - 32 bytes. @param signature - `r ‖ s`, 64 bytes. @param v - parity of the point.
 * @returns `undefined` for what is no signature: another length, `r` or `s` out of range, `s` high, `r` of no point. Never throws.
 */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array, v: number): Uint8Array | undefined {
  if (digest.length !== 32 || (v !== 0 && v !== 1) || !isAdmissibleSignature(signature)) return undefined
  const publicKey = engine().recover(digest, signature, v)
  return publicKey === undefined ? undefined : addressOf(publicKey)
}

/**
 * Signs a digest; the same key and digest give the same signature (RFC 6979).
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH`, or `CRYPTO_BAD_KEY` for a secret key that is zero or not below the order of the group.
 */
export function signSecp256k1(digest: Uint8Array, secretKey: Uint8Array): Secp256k1Signature {
  if (digest.length !== 32) throw new CryptoError('CRYPTO_BAD_LENGTH', `digest must be 32 bytes, got ${digest.length}`)
  secp256k1PublicKeyOf(secretKey) // refuses what is no key
  const { signature, recovery } = engine().sign(digest, secretKey)
  if (recovery > 1) throw new CryptoError('CRYPTO_BAD_KEY', 'r of this signature is above the order: it happens once in 2^127') // no wallet could express it
  return { signature, v: recovery as 0 | 1 }
}

/**
 * The public key of a secret one: `x ‖ y`, 64 bytes.
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH`, `CRYPTO_BAD_KEY`
 */
export function secp256k1PublicKeyOf(secretKey: Uint8Array): Uint8Array {
  if (secretKey.length !== SECP256K1_SECRET_KEY_BYTES) {
    throw new CryptoError('CRYPTO_BAD_LENGTH', `secret key must be ${SECP256K1_SECRET_KEY_BYTES} bytes, got ${secretKey.length}`)
  }
  const publicKey = engine().publicKeyOf(secretKey)
  if (publicKey === undefined) throw new CryptoError('CRYPTO_BAD_KEY', 'the secret key is zero or not below the order of the group')
  return publicKey
}

/**
 * The account of a public key (`x ‖ y`, 64 bytes): the last 20 bytes of its Keccak-256.
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH`
 */
export function addressOf(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== SECP256K1_PUBLIC_KEY_BYTES) {
    throw new CryptoError('CRYPTO_BAD_LENGTH', `public key must be ${SECP256K1_PUBLIC_KEY_BYTES} bytes (x ‖ y), got ${publicKey.length}`)
  }
  return keccak256(publicKey).slice(32 - ACCOUNT_BYTES)
}

/**
 * The EIP-712 digest of a struct of static fields under our domain, 32 bytes: what a wallet shows and signs.
 * @param type - the struct's type as EIP-712 writes it, e.g. `Mint(uint32 token,address to)`.
 * @param words - its fields in order, each encoded to 32 bytes (`word`, or the Keccak-256 of what is dynamic).
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH` when a word has not 32 bytes.
 */
export function typedDataDigest(chainId: number, type: string, words: readonly Uint8Array[]): Uint8Array {
  if (lastDomain?.chainId !== chainId) lastDomain = { chainId, hash: keccak256(joined([...DOMAIN.map(hashOfText), word(chainId)])) }
  return keccak256(joined([EIP_712_PREFIX, lastDomain.hash, keccak256(joined([hashOfText(type), ...words.map(assertWord)]))]))
}

/**
 * A field of typed data in its 32 bytes: an unsigned integer or bytes (an address), big endian and right-aligned.
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH` when it does not fit.
 */
export function word(value: number | bigint | boolean | Uint8Array): Uint8Array {
  const out = new Uint8Array(32)
  if (value instanceof Uint8Array) {
    if (value.length > 32) throw new CryptoError('CRYPTO_BAD_LENGTH', `a word has 32 bytes, got ${value.length}`)
    out.set(value, 32 - value.length)
    return out
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new CryptoError('CRYPTO_BAD_LENGTH', `${value} is no whole number`)
  let left = BigInt(value)
  if (left < 0n || left >= 2n ** 256n) throw new CryptoError('CRYPTO_BAD_LENGTH', 'a word holds an unsigned integer of 256 bits')
  for (let i = 31; left > 0n; i--, left >>= 8n) out[i] = Number(left & 0xffn)
  return out
}

const hashOfText = (text: string): Uint8Array => keccak256(new TextEncoder().encode(text))
const EIP_712_PREFIX = Uint8Array.of(0x19, 0x01)
/** Type, name and version. */
const DOMAIN = ['EIP712Domain(string name,string version,uint256 chainId)', 'Selvedge', '1']
/** A process speaks of one chain. */
let lastDomain: { readonly chainId: number; readonly hash: Uint8Array } | undefined

function assertWord(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 32) throw new CryptoError('CRYPTO_BAD_LENGTH', `a word has 32 bytes, got ${bytes.length}`)
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

let chosen: Secp256k1Engine | undefined

/** The first engine of this machine, once it has passed the self-test. */
function engine(): Secp256k1Engine {
  return (chosen ??= checked(engines[0]!))
}

function checked(candidate: Secp256k1Engine): Secp256k1Engine {
  const fault = secp256k1FaultOf(candidate)
  if (fault !== undefined) {
    throw new CryptoError('CRYPTO_SELF_TEST', `secp256k1 engine '${candidate.name}' is wrong on: ${fault}`, { engine: candidate.name })
  }
  return candidate
}
