/** Committees for tests, with real keys or with cheap ones that only what holds the committee can tell apart. */
import { createKeyPair, isEd25519Signature } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import { compareBytes } from '../../src/wire/bytes.ts'
import type { CoreCrypto } from '../../src/core/contract.ts'
import type { Member } from '../../src/wire/types.ts'

export interface TestCommittee {
  readonly members: readonly Member[]
  /** By authority. */
  readonly cryptos: readonly CoreCrypto[]
}

const seedOf = (index: number): Uint8Array => sha256(new TextEncoder().encode(`member ${index}`))

/** Ed25519 as shipped. */
export function createRealCommittee(size: number, stakeOf: (place: number) => number = () => 1): TestCommittee {
  const pairs = Array.from({ length: size }, (_, index) => createKeyPair(seedOf(index))).toSorted((a, b) =>
    compareBytes(a.publicKey, b.publicKey),
  )
  return {
    members: pairs.map(({ publicKey }, place) => memberOf(publicKey, place, stakeOf(place))),
    cryptos: pairs.map(({ sign }) => ({ sign, isSigned: isEd25519Signature, isCheckpointSigned: isCheaplySigned })),
  }
}

/**
 * A signature is a hash of key and message: nothing here forges one on purpose, so that what is tested is the protocol, some ten times
 * faster. Byzantine nodes of tests sign with their own keys only.
 */
export function createCheapCommittee(size: number, stakeOf: (place: number) => number = () => 1): TestCommittee {
  const keys = Array.from({ length: size }, (_, index) => seedOf(index)).toSorted(compareBytes)
  return {
    members: keys.map((key, place) => memberOf(key, place, stakeOf(place))),
    cryptos: keys.map((key) => ({
      sign: (message) => cheapSignature(message, key, 64),
      isSigned: isCheaplySigned,
      isCheckpointSigned: isCheaplySigned,
    })),
  }
}

/** As long as the signature of its kind: 64 bytes, or 96 for checkpoints. */
export function cheapSignature(message: Uint8Array, key: Uint8Array, length: 64 | 96): Uint8Array {
  const first = sha256(new Uint8Array([...key, ...sha256(message)]))
  const out = new Uint8Array(length)
  for (let offset = 0; offset < length; offset += 32) out.set(first, offset)
  return out
}

function isCheaplySigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  return (
    (signature.length === 64 || signature.length === 96) && compareBytes(signature, cheapSignature(message, key, signature.length)) === 0
  )
}

function memberOf(key: Uint8Array, place: number, stake: number): Member {
  return { key, blsKey: new Uint8Array([...key, ...key.slice(0, 16)]), stake, nodeIndex: place }
}
