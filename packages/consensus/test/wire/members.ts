/** A committee with real keys, made from nothing but its size. */
import { createBlsKeyPair, isBlsSignature, type BlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, isEd25519Signature, type KeyPair } from '@selvedge/crypto/ed25519'
import { type Committee, createCommittee, type EvidenceCrypto } from '@selvedge/consensus'
import { compareBytes } from '../../src/wire/bytes.ts'

export interface Keys {
  readonly keys: KeyPair
  readonly bls: BlsKeyPair
}

/** Members in the committee's order, with their secrets. */
export function membersOf(size: number, stakeOf: (place: number) => number = () => 1): { committee: Committee; secrets: readonly Keys[] } {
  const secrets = Array.from({ length: size }, (_, i) => {
    const seed = new Uint8Array(32).fill(i + 1)
    return { keys: createKeyPair(seed), bls: createBlsKeyPair(seed) }
  }).toSorted((a, b) => compareBytes(a.keys.publicKey, b.keys.publicKey))
  const members = secrets.map(({ keys, bls }, place) => ({
    key: keys.publicKey,
    blsKey: bls.publicKey,
    stake: stakeOf(place),
    nodeIndex: place,
  }))
  return { committee: createCommittee(members), secrets }
}

export const crypto: EvidenceCrypto = { isSigned: isEd25519Signature, isCheckpointSigned: isBlsSignature }
