/**
 * Which certificates or blocks are asked for: u8 0 · digests (u32 count, 32 each); or u8 1 · last rounds (u32 count, which is n, u64
 * each) · countMax u32. The second is for catching up: of each authority everything after the round that is named for it.
 */
import { ConsensusError } from '../errors.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { BLOCK_REQUEST_COUNT_MAX, CERTIFICATE_REQUEST_COUNT_MAX, DIGEST_BYTES } from './limits.ts'
import type { Digest } from './types.ts'

export type VertexQuery =
  | { readonly by: 'digest'; readonly digests: readonly Digest[] }
  | {
      readonly by: 'round'
      /** In authority order: up to here the asker has everything of it. */
      readonly afterRounds: readonly number[]
      /** Most that are answered: from 1 to the limit of what is asked for. */
      readonly countMax: number
    }

/** Blocks in one answer, and most that a range may ask for: most of them carry little, and what a frame holds is a bound as well. */
export const BLOCK_RANGE_COUNT_MAX = 1_000

/** Digests that one query may name, and vertices that a range may ask for. */
export interface QueryLimits {
  readonly digestCountMax: number
  readonly rangeCountMax: number
}

export const CERTIFICATE_QUERY: QueryLimits = {
  digestCountMax: CERTIFICATE_REQUEST_COUNT_MAX,
  rangeCountMax: CERTIFICATE_REQUEST_COUNT_MAX,
}
export const BLOCK_QUERY: QueryLimits = { digestCountMax: BLOCK_REQUEST_COUNT_MAX, rangeCountMax: BLOCK_RANGE_COUNT_MAX }

/** Both ends refuse more than `limits` allow, or another number of rounds than there are members. */
export function writeQuery(out: ByteWriter, query: VertexQuery, committeeSize: number, limits: QueryLimits): void {
  if (query.by === 'digest') {
    writeDigests(out.u8(0), query.digests, limits.digestCountMax)
    return
  }
  assertRounds(query.afterRounds.length, committeeSize)
  assertCountMax(query.countMax, limits.rangeCountMax)
  out.u8(1).u32(committeeSize)
  for (const round of query.afterRounds) out.u64(round)
  out.u32(query.countMax)
}

export function readQuery(reader: ByteReader, committeeSize: number, limits: QueryLimits): VertexQuery {
  const kind = reader.u8()
  if (kind === 0) return { by: 'digest', digests: readDigests(reader, limits.digestCountMax) }
  if (kind !== 1) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', `no query has kind ${kind}`)
  const count = reader.count(8)
  assertRounds(count, committeeSize)
  const afterRounds: number[] = []
  for (let left = count; left > 0; left--) afterRounds.push(reader.u64())
  const asked = reader.u32()
  assertCountMax(asked, limits.rangeCountMax)
  return { by: 'round', afterRounds, countMax: asked }
}

/** u32 count, then 32 bytes each. */
export function writeDigests(out: ByteWriter, digests: readonly Digest[], countMax: number): void {
  if (digests.length > countMax) {
    throw new ConsensusError('CONSENSUS_TOO_LARGE', `${digests.length} digests where ${countMax} are the limit`)
  }
  out.u32(digests.length)
  for (const digest of digests) out.digest(digest)
}

export function readDigests(reader: ByteReader, countMax: number): Digest[] {
  const digests: Digest[] = []
  for (let left = reader.count(DIGEST_BYTES, countMax); left > 0; left--) digests.push(reader.digest())
  return digests
}

function assertRounds(count: number, committeeSize: number): void {
  if (count !== committeeSize) throw new ConsensusError('CONSENSUS_BAD_LENGTH', `${count} rounds for ${committeeSize} members`)
}

function assertCountMax(asked: number, countMax: number): void {
  if (asked < 1 || asked > countMax) throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `asked for ${asked}, from 1 to ${countMax}`)
}
