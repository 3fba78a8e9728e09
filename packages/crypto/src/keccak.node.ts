/**
 * Keccak-256 under Node.js: WebAssembly of `hash-wasm` where that optional package is installed, six to eight times as fast as noble, which
 * serves without it, and until its module is ready. It is tried on known answers first; one that differs is never used.
 */
import { createRequire } from 'node:module'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { createKeccak } from 'hash-wasm'
import { isKeccakRight } from './secp256k1-self-test.ts'

let hash: (bytes: Uint8Array) => Uint8Array = keccak_256
let choosing: Promise<void> | undefined

/** The 32-byte Keccak-256 of `bytes`. */
export function hashKeccak(bytes: Uint8Array): Uint8Array {
  if (choosing === undefined) void chooseKeccak()
  return hash(bytes)
}

/** Settles when it is decided who serves from then on. The first hash begins it. */
export function chooseKeccak(): Promise<void> {
  choosing ??= wasmKeccak().then((made) => {
    if (made !== undefined && isKeccakRight(made)) hash = made
  })
  return choosing
}

/** `undefined` where it is not installed, or Node runs without WebAssembly. */
async function wasmKeccak(): Promise<typeof hash | undefined> {
  try {
    const require = createRequire(import.meta.url)
    const part = require('hash-wasm/dist/keccak.umd.min.js') as { readonly createKeccak: typeof createKeccak } // the rest is not needed
    const kernel = await part.createKeccak(256)
    return (bytes) => kernel.init().update(bytes).digest('binary')
  } catch {
    return undefined
  }
}
