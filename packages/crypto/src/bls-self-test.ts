/** What a BLS engine must answer before it is used: a known signature, and points that are none of ours. */
import type { BlsEngine } from './bls-rules.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

const SEED = new Uint8Array(32).fill(7)
const MESSAGE = bytesOf('73656c7665646765') // "selvedge"
export const PUBLIC_KEY: Uint8Array = bytesOf(
  'a6ceb0760781082c1954d2a4ec868c82e81d0b2bfb6d95b28bfcae30842fc58387da58dcfed367f74d878739285cae92',
)
export const SIGNATURE: Uint8Array = bytesOf(
  'ad231b97acfeb54a07364eb18ebb2f7fb05a6319f4bdd30b7841a6b6172668ee55e7e311446afcc67f169519b22786cd' +
    '0c23870b9f939d0655c536eadcbe3cafa75222b110766196a4591f67d733e3bbf94f4d011463f36f886a5b2836c2463c',
)
/** On the curve with x = 4 and x = 2, outside the subgroup. */
export const KEY_OUTSIDE: Uint8Array = bytesOf(`80${'00'.repeat(46)}04`)
export const SIGNATURE_OUTSIDE: Uint8Array = bytesOf(`80${'00'.repeat(94)}02`)
export const KEY_IDENTITY: Uint8Array = bytesOf(`c0${'00'.repeat(47)}`)
export const SIGNATURE_IDENTITY: Uint8Array = bytesOf(`c0${'00'.repeat(95)}`)

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

/** What the engine is wrong on; `undefined` for nothing. */
export function blsFaultOf(engine: BlsEngine): string | undefined {
  const { publicKey, sign } = engine.createSigner(SEED)
  if (!isSame(publicKey, PUBLIC_KEY)) return 'a known key'
  if (!isSame(sign(MESSAGE), SIGNATURE)) return 'a known signature'
  const key = engine.parseKey(PUBLIC_KEY)
  const signature = engine.parseSignature(SIGNATURE)
  if (key === undefined || signature === undefined || !engine.isEqual(signature, MESSAGE, [key])) return 'a good signature'
  if (engine.isEqual(signature, bytesOf('00'), [key])) return 'a signature over another message'
  if ([KEY_OUTSIDE, KEY_IDENTITY].some((bytes) => engine.parseKey(bytes) !== undefined)) return 'a key outside the subgroup'
  const outside = [SIGNATURE_OUTSIDE, SIGNATURE_IDENTITY].some((bytes) => engine.parseSignature(bytes) !== undefined)
  return outside ? 'a signature outside the subgroup' : undefined
}
