/** The portable BLS engine: audited curve arithmetic in JavaScript, more than thirty times slower than native code. */
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { BLS_CIPHERSUITE, type BlsEngine } from './bls-rules.ts'

const { longSignatures: scheme, G1, G2 } = bls12_381
type Key = InstanceType<typeof G1.Point>
type Signature = InstanceType<typeof G2.Point>

const GROUP_ORDER: bigint = bls12_381.fields.Fr.ORDER
/** ceil(1.5 · ceil(log2 r) / 8): what KeyGen expands to before the reduction. */
const SCALAR_SOURCE_BYTES = 48
const KEYGEN_SALT = new TextEncoder().encode('BLS-SIG-KEYGEN-SALT-')

export const portableEngine: BlsEngine = {
  name: 'portable',
  createSigner(seed) {
    const secretKey = secretKeyOf(seed)
    const publicKey = scheme.getPublicKey(secretKey).toBytes()
    return { publicKey, sign: (message) => scheme.sign(scheme.hash(message, BLS_CIPHERSUITE), secretKey).toBytes() }
  },
  parseKey: (bytes) => pointOf(() => G1.Point.fromBytes(bytes)),
  parseSignature: (bytes) => pointOf(() => G2.Point.fromBytes(bytes)),
  isEqual(signature, message, keys) {
    const key = keys.reduce<Key>((sum, each) => sum.add(each as Key), G1.Point.ZERO)
    return !key.is0() && scheme.verify(signature as Signature, scheme.hash(message, BLS_CIPHERSUITE), key)
  },
  sum: (signatures) => signatures.reduce<Signature>((sum, each) => sum.add(each as Signature), G2.Point.ZERO).toBytes(),
}

/** The engines of this machine, the preferred one first. */
export const engines: readonly BlsEngine[] = [portableEngine]

/** noble's `fromBytes` refuses points outside the subgroup (the self-test holds it to that) and takes the identity. */
function pointOf<P extends { is0(): boolean }>(parse: () => P): P | undefined {
  let point: P
  try {
    point = parse()
  } catch {
    return undefined // noble throws plain errors for bytes that encode no point of the curve
  }
  return point.is0() ? undefined : point
}

/** KeyGen of the draft, section 2.3: the salt is hashed until the scalar is not zero. */
function secretKeyOf(seed: Uint8Array): Uint8Array {
  const source = new Uint8Array([...seed, 0])
  const info = new Uint8Array([0, SCALAR_SOURCE_BYTES])
  for (let salt = sha256(KEYGEN_SALT); ; salt = sha256(salt)) {
    const expanded = hkdf(sha256, source, salt, info, SCALAR_SOURCE_BYTES)
    const scalar = BigInt(`0x${Array.from(expanded, (byte) => byte.toString(16).padStart(2, '0')).join('')}`) % GROUP_ORDER
    if (scalar !== 0n) return bls12_381.fields.Fr.toBytes(scalar)
  }
}
