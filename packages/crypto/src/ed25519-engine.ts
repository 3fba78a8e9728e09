/**
 * The portable Ed25519 engine: audited curve arithmetic in JavaScript, for browsers and other places without native code.
 *
 * noble's own `verify` multiplies by the cofactor in both of its modes, which accepts signatures that libsodium refuses; so the
 * equation is written out here, on noble's points, and `R` is compared as bytes.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Ed25519Engine } from './ed25519-rules.ts'

const { Point } = ed25519
const GROUP_ORDER: bigint = Point.Fn.ORDER

export const portableEngine: Ed25519Engine = {
  name: 'portable',
  publicKeyOf: (seed) => ed25519.getPublicKey(seed),
  createSigner: (seed) => (message) => ed25519.sign(message, seed),
  isEqual(signature, message, publicKey) {
    const encodedR = signature.subarray(0, 32)
    let minusA: InstanceType<typeof Point>
    try {
      minusA = Point.fromBytes(publicKey).negate()
    } catch {
      return false // noble throws for 32 bytes that are no point of the curve
    }
    const s = littleEndian(signature.subarray(32))
    const k = littleEndian(sha512.create().update(encodedR).update(publicKey).update(message).digest()) % GROUP_ORDER
    const expected = Point.BASE.multiplyUnsafe(s).add(minusA.multiplyUnsafe(k)).toBytes()
    return expected.every((byte, i) => byte === encodedR[i])
  },
  isPrimeOrder(publicKey) {
    try {
      return Point.fromBytes(publicKey).isTorsionFree()
    } catch {
      return false
    }
  },
}

/** The only one, and the same code everywhere: the tests of this package try it, not each page that loads it. */
export const chooseEngine = (): Ed25519Engine => portableEngine

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return value
}
