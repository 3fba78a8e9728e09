/** What a node key signs so that an owner may register it, and the hashes of the randomness beacon. */
import { hashTranscript, LEDGER_TAGS, transcriptOf } from '@selvedge/crypto/transcript'
import { sha256 } from '@selvedge/crypto/sha256'
import { ByteWriter } from '../bytes.ts'
import { DIGEST_BYTES, type Digest, hashTagged } from '../hash.ts'

export interface Registration {
  readonly chainId: number
  /** 20 bytes. */
  readonly owner: Uint8Array
  /** 48 bytes. */
  readonly bls: Uint8Array
  /** 136 bytes. */
  readonly noiseRecord: Uint8Array
  /** Encoded. */
  readonly addresses: Uint8Array
  /** In genesis only: the file's time. */
  readonly genesisTimeMs?: number
}

/** `"selvedge/register/1\0" ‖ chainId u32 ‖ owner 20 ‖ bls 48 ‖ H(noiseRecord) ‖ H(addresses) [‖ genesis time u64]`. */
export function registrationSigningBytes({ chainId, owner, bls, noiseRecord, addresses, genesisTimeMs }: Registration): Uint8Array {
  const out = new ByteWriter(144).u32(chainId).raw(owner, 20).raw(bls, 48).raw(sha256(noiseRecord)).raw(sha256(addresses))
  if (genesisTimeMs !== undefined) out.u64(genesisTimeMs)
  return transcriptOf('register', out.finish())
}

/** `H(0x0c ‖ chainId u32 ‖ epoch u64 ‖ author u16 ‖ secret 32)`: what a member commits to. */
export function beaconCommitment(chainId: number, epoch: number, author: number, secret: Uint8Array): Digest {
  return hashTagged(LEDGER_TAGS.beaconCommit, new ByteWriter(46).u32(chainId).epoch(epoch).u16(author).raw(secret, 32).finish())
}

/**
 * `H(0x0d ‖ chainId u32 ‖ epoch u64 ‖ previous beacon 32 ‖ count u16 ‖ count × (author u16 ‖ secret 32))`, ascending by author.
 * Before the first beacon stands the genesis hash.
 */
export function beaconOf(
  chainId: number,
  epoch: number,
  previous: Digest,
  revealed: readonly { readonly author: number; readonly secret: Uint8Array }[],
): Digest {
  const out = new ByteWriter(46 + revealed.length * 34).u32(chainId).epoch(epoch).raw(previous, DIGEST_BYTES).u16(revealed.length)
  for (const { author, secret } of revealed) out.u16(author).raw(secret, 32)
  return hashTagged(LEDGER_TAGS.beacon, out.finish())
}

/** Seed of draw `draw` of the next committee: `H("selvedge/committee/1\0" ‖ chainId u32 ‖ epoch u64 ‖ beacon 32 ‖ draw u32)`. */
export function committeeSeed(chainId: number, epoch: number, beacon: Digest, draw: number): Digest {
  return hashTranscript('committee', new ByteWriter(48).u32(chainId).epoch(epoch).raw(beacon, DIGEST_BYTES).u32(draw).finish())
}
