/** The secp256k1 engines under Node.js: libsecp256k1 where the optional package `secp256k1` is installed with its native part, else noble. */
import { createRequire } from 'node:module'
import { portableEngine } from './secp256k1-engine.ts'
import type { Secp256k1Engine } from './secp256k1-rules.ts'

export { hashKeccak } from './keccak.node.ts'

/** The part of the package `secp256k1` that is used. */
interface Native {
  privateKeyVerify(secretKey: Uint8Array): boolean
  publicKeyCreate(secretKey: Uint8Array, isCompressed: boolean): Uint8Array
  ecdsaSign(digest: Uint8Array, secretKey: Uint8Array): { readonly signature: Uint8Array; readonly recid: number }
  ecdsaRecover(signature: Uint8Array, recovery: number, digest: Uint8Array, isCompressed: boolean): Uint8Array
}

/** What the library says, and nothing else, when no key gives a signature. */
const NOT_RECOVERED = 'Public key could not be recover'

/** The engines of this machine, the preferred one first. */
export const engines: readonly Secp256k1Engine[] = [...nativeEngines(), portableEngine]

function nativeEngines(): Secp256k1Engine[] {
  const require = createRequire(import.meta.url)
  let native: Native
  try {
    native = require('secp256k1/bindings.js') as Native // its index falls back to JavaScript in silence, which is not what is wanted here
  } catch {
    return [] // not installed, or no prebuilt file for this platform
  }
  return [
    {
      name: 'native',
      publicKeyOf: (secretKey) => (native.privateKeyVerify(secretKey) ? native.publicKeyCreate(secretKey, false).slice(1) : undefined),
      sign(digest, secretKey) {
        const { signature, recid } = native.ecdsaSign(digest, secretKey)
        return { signature: new Uint8Array(signature), recovery: recid }
      },
      recover(digest, signature, recovery) {
        try {
          return native.ecdsaRecover(signature, recovery, digest, false).slice(1)
        } catch (error) {
          if ((error as Error).message === NOT_RECOVERED) return undefined
          throw error
        }
      },
    },
  ]
}
