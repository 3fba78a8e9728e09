/**
 * A commit: index u64 · epoch u64 · leader (round u64 · author u16 · digest 32) · vertices (u32 count, digest 32 each) · timestampMs
 * u64 · previous digest 32 · scheduleVersion u32. Whether it is final is the executor's finding and no part of it.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter } from './bytes.ts'
import { hashTagged } from './digest.ts'
import { DIGEST_BYTES } from './limits.ts'
import type { Digest, SubDag } from './types.ts'

const FIXED_BYTES = 106

export function encodeSubDag({ index, epoch, leader, vertices, timestampMs, previousDigest, scheduleVersion }: SubDag): Uint8Array {
  const out = new ByteWriter(FIXED_BYTES + vertices.length * DIGEST_BYTES).u64(index).u64(epoch)
  out.u64(leader.round).u16(leader.author).digest(leader.digest).u32(vertices.length)
  for (const vertex of vertices) out.digest(vertex)
  return out.u64(timestampMs).digest(previousDigest).u32(scheduleVersion).finish()
}

/** Digests are views of `bytes`. */
export function decodeSubDag(bytes: Uint8Array): SubDag {
  const reader = new ByteReader(bytes)
  const index = reader.u64()
  const epoch = reader.u64()
  const leader = { round: reader.u64(), author: reader.u16(), digest: reader.digest() }
  const vertices: Digest[] = []
  for (let left = reader.count(DIGEST_BYTES); left > 0; left--) vertices.push(reader.digest())
  const subDag: SubDag = {
    index,
    epoch,
    leader,
    vertices,
    timestampMs: reader.u64(),
    previousDigest: reader.digest(),
    scheduleVersion: reader.u32(),
  }
  reader.end()
  return subDag
}

/** `H(0x05 ‖ chainId ‖ encoded sub-DAG)`: what the next `previousDigest` holds. */
export function subDagDigest(chainId: number, subDag: SubDag): Digest {
  return hashTagged(LEDGER_TAGS.subDag, chainId, encodeSubDag(subDag))
}
