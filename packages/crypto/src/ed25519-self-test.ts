/**
 * Signatures on which Ed25519 libraries are known to disagree though their bytes look admissible: an engine that multiplies by the
 * cofactor accepts the second and the fourth. Made by us from small scalars (key 123456789·B, nonce 987654321·B, torsion of order 8).
 */
import { CryptoError } from './errors.ts'
import type { Ed25519Engine } from './ed25519-rules.ts'

export interface SelfTestCase {
  readonly name: string
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly isValid: boolean
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const KEY = bytesOf('17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db')
const MIXED_KEY = bytesOf('d63c01223147541df4e170763e9e2788a8bf5971f52a93c5829dbe6f5ff6bba9')
const R = '7db0dc9222f3c183457ddde4c708de8e5ea6bf3d5c4404cca14b32729a05c32a'

export const SELF_TEST: readonly SelfTestCase[] = [
  {
    name: 'a plain signature',
    publicKey: KEY,
    message: bytesOf('73656c7665646765'),
    signature: bytesOf(`${R}9a6a4b166324cb49c4e2aa57cff7aa86c32212738984ab50778803e90622ef0c`),
    isValid: true,
  },
  {
    name: 'R with a component of order 8',
    publicKey: KEY,
    message: bytesOf('73656c7665646765'),
    signature: bytesOf(
      '6999d5cb5126005c325892f1c6eab824b310708befff12fbaf45dda050cb12f0283aa46a4c5a1ed5f16caafda3e6d756a245a8d5e25bb455c644b167f555b30c',
    ),
    isValid: false,
  },
  {
    name: 'key with a component of order 8, k divisible by 8',
    publicKey: MIXED_KEY,
    message: bytesOf('73656c76656467652030'),
    signature: bytesOf(`${R}784e4a4bad96a1bca2ce9977de727432cd324073a024e1dc8fa0c35f3a2ebc00`),
    isValid: true,
  },
  {
    name: 'key with a component of order 8, k not divisible by 8',
    publicKey: MIXED_KEY,
    message: bytesOf('73656c76656467652031'),
    signature: bytesOf(`${R}ca43a858a123bd56f2e05a149c2a43424b7523fdfd78f1fd2382fa5dd4af0007`),
    isValid: false,
  },
]

/** The engine, where it is right on all of them. @throws {CryptoError} `CRYPTO_SELF_TEST` */
export function checkedEngine(engine: Ed25519Engine): Ed25519Engine {
  const wrong = SELF_TEST.find(({ signature, message, publicKey, isValid }) => engine.isEqual(signature, message, publicKey) !== isValid)
  if (wrong === undefined) return engine
  throw new CryptoError('CRYPTO_SELF_TEST', `Ed25519 engine '${engine.name}' is wrong on: ${wrong.name}`, { engine: engine.name })
}
