/** The BLS engines under Node.js: `@chainsafe/blst` where that optional package is installed (it ships prebuilt), else the portable one. */
import { createRequire } from 'node:module'
import { portableEngine } from './bls-engine.ts'
import type { BlsEngine, BlsKey, BlsSignature } from './bls-rules.ts'

/** The part of @chainsafe/blst that is used. Its hashing domain is fixed to our ciphersuite. */
interface Blst {
  readonly SecretKey: { fromKeygen(seed: Uint8Array): { toPublicKey(): BlsKey; sign(message: Uint8Array): BlsSignature } }
  readonly PublicKey: { fromBytes(bytes: Uint8Array, isValidated: boolean): BlsKey }
  readonly Signature: { fromBytes(bytes: Uint8Array, isValidated: boolean, isInfinityRefused: boolean): BlsSignature }
  aggregatePublicKeys(keys: readonly BlsKey[]): BlsKey
  aggregateSignatures(signatures: readonly BlsSignature[]): BlsSignature
  fastAggregateVerify(message: Uint8Array, keys: readonly BlsKey[], signature: BlsSignature): boolean
}

/** The engines of this machine, the preferred one first. */
export const engines: readonly BlsEngine[] = [...blstEngines(), portableEngine]

function blstEngines(): BlsEngine[] {
  const require = createRequire(import.meta.url)
  let blst: Blst
  try {
    blst = require('@chainsafe/blst') as Blst
  } catch {
    return [] // not installed, or no prebuilt file for this platform
  }
  return [
    {
      name: 'blst',
      createSigner(seed) {
        const secretKey = blst.SecretKey.fromKeygen(seed)
        return { publicKey: plain(secretKey.toPublicKey().toBytes()), sign: (message) => plain(secretKey.sign(message).toBytes()) }
      },
      parseKey: (bytes) => parsed(() => blst.PublicKey.fromBytes(bytes, true)),
      parseSignature: (bytes) => parsed(() => blst.Signature.fromBytes(bytes, true, true)),
      isEqual: (signature, message, keys) => blst.fastAggregateVerify(message, keys, signature),
      sum: (signatures) => plain(blst.aggregateSignatures(signatures).toBytes()),
    },
  ]
}

/** A point, or `undefined` for what blst refuses by one of its own codes. */
function parsed<P>(parse: () => P): P | undefined {
  try {
    return parse()
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith('BLST_')) return undefined
    throw error
  }
}

/** The public types know no Buffer. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)
