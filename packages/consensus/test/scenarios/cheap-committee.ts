/**
 * A committee whose signatures cost a fraction of a microsecond: two lanes of FNV-1a over key and message. Whoever wants to can forge
 * them, and nothing here does: liars sign with their own keys, and what they break on purpose they break by flipping bits.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import type { CoreCrypto } from '../../src/core/contract.ts'
import { compareBytes } from '../../src/wire/bytes.ts'
import type { Authority, Member } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'

const PRIME = 0x0100_0193

/** 64 bytes, or 96 for checkpoints. */
export function cheapSign(message: Uint8Array, key: Uint8Array, length: 64 | 96 = 64): Uint8Array {
  let a = 0x811c_9dc5
  let b = 0x9e37_79b9
  for (let at = 0; at < 32; at++) {
    a = Math.imul(a ^ key[at]!, PRIME)
    b = Math.imul(b ^ key[31 - at]!, PRIME)
  }
  for (const byte of message) {
    a = Math.imul(a ^ byte, PRIME)
    b = Math.imul(b ^ (byte + 1), PRIME)
  }
  const words = new Uint32Array(length / 4)
  for (let at = 0; at < words.length; at += 2) {
    words[at] = a ^ at
    words[at + 1] = b ^ (a >>> 13)
  }
  return new Uint8Array(words.buffer)
}

function isCheaplySigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  return (signature.length === 64 || signature.length === 96) && compareBytes(signature, cheapSign(message, key, signature.length)) === 0
}

export function createScenarioCommittee(size: number): TestCommittee {
  const keys = Array.from({ length: size }, (_, place) => sha256(new TextEncoder().encode(`scenario member ${place}`))).toSorted(
    compareBytes,
  )
  const members = keys.map(
    (key, nodeIndex): Member => ({ key, blsKey: new Uint8Array([...key, ...key.subarray(0, 16)]), stake: 1, nodeIndex }),
  )
  const cryptos = keys.map((key): CoreCrypto => {
    return { sign: (message) => cheapSign(message, key), isSigned: isCheaplySigned, isCheckpointSigned: isCheaplySigned }
  })
  return { members, cryptos }
}

/** Of signatures over one message: their sum, so that it can be checked against the keys of all signers. */
export function aggregateOf(signatures: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(96)
  for (const signature of signatures) for (let at = 0; at < sum.length; at++) sum[at] = sum[at]! ^ signature[at]!
  return sum
}

export function isAggregate(
  aggregate: Uint8Array,
  message: Uint8Array,
  members: readonly Member[],
  signers: readonly Authority[],
): boolean {
  return compareBytes(aggregate, aggregateOf(signers.map((signer) => cheapSign(message, members[signer]!.blsKey, 96)))) === 0
}
