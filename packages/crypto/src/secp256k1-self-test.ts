/** What a secp256k1 engine must answer before it is used: a known key, a known signature, and points that are none. */
import type { Secp256k1Engine } from './secp256k1-rules.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

const SECRET_KEY = new Uint8Array(32).fill(7)
const DIGEST = new Uint8Array(32).fill(9)
export const PUBLIC_KEY: Uint8Array = bytesOf(
  '989c0b76cb563971fdc9bef31ec06c3560f3249d6ee9e5d83c57625596e05f6f631f4d05b3ae518776ee08755a7703e64b2ebc32547504de0b55a142d4ecdf80',
)
export const SIGNATURE: Uint8Array = bytesOf(
  '7157050929571a762ab6e06207f74db146f165fead17acc7afe23000a091dc377b5faa50c021f3f9613f20531b8fc1a38744203a2f391c15e7b1455c3a296e4e',
)
export const RECOVERY: 0 | 1 = 0
/** r = 5 is the x coordinate of no point. */
const R_OF_NO_POINT = new Uint8Array(64)
R_OF_NO_POINT[31] = 5
R_OF_NO_POINT[63] = 1

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

/** What the engine is wrong on; `undefined` for nothing. */
export function secp256k1FaultOf(engine: Secp256k1Engine): string | undefined {
  const publicKey = engine.publicKeyOf(SECRET_KEY)
  if (publicKey === undefined || !isSame(publicKey, PUBLIC_KEY)) return 'a known key'
  if (engine.publicKeyOf(new Uint8Array(32)) !== undefined || engine.publicKeyOf(new Uint8Array(32).fill(255)) !== undefined) {
    return 'a secret key that is none'
  }
  const { signature, recovery } = engine.sign(DIGEST, SECRET_KEY)
  if (!isSame(signature, SIGNATURE) || recovery !== RECOVERY) return 'a known signature'
  const recovered = engine.recover(DIGEST, SIGNATURE, RECOVERY)
  if (recovered === undefined || !isSame(recovered, PUBLIC_KEY)) return 'a known recovery'
  return engine.recover(DIGEST, R_OF_NO_POINT, 0) === undefined ? undefined : 'a point that is none'
}

/** Of 0, 135, 136 and 300 bytes of 7, by an independent implementation: less than a block, one byte of padding, whole blocks, several. */
const KECCAK: ReadonlyMap<number, string> = new Map([
  [0, 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
  [135, '316ef5fac392334013c099d269106bf60e177aa75b6b3e0ccefc0cd19ef6adb2'],
  [136, 'fe7b19f0a766c96fdae42d45fa0de3423bfe68a710492afee13853eb6004d9c4'],
  [300, '4d8e06a2ea36a409a5388896fd1535153f4d61f2eb6601ae357e34e1bd73692a'],
])

export function isKeccakRight(hash: (bytes: Uint8Array) => Uint8Array): boolean {
  return [...KECCAK].every(([length, expected]) => isSame(hash(new Uint8Array(length).fill(7)), bytesOf(expected)))
}
