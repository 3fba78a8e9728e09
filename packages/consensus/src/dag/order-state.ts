/**
 * What an order has committed, as a value, and its one encoding: with the vertices above gcRound it is all that a restart needs.
 *
 * Members that committed the same sub-DAGs have the same bytes here. Layout (little endian): format u8 = 1 · lastCommittedRound u64 ·
 * commits u64 · timestampMs u64 · previousDigest 32 · last leader (round u64 · author u16 · rank u8 · digest 32; zeros before the first)
 * · standing (version u32 · bad · good) · count u8, 0 or 1, of the standing that still holds in the last leader's round · scores (n × u64,
 * counted) · excluded · done (count, each round u64 · author u16 · digest 32). Lists of authorities are u32 count, u16 each.
 */
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter, toHex } from '../wire/bytes.ts'
import { DIGEST_BYTES } from '../wire/limits.ts'
import type { Authority, Digest } from '../wire/types.ts'
import { byPlace, type DoneVertex } from './done-set.ts'
import type { Standing } from './reputation.ts'

const FORMAT = 1
const DONE_BYTES = 10 + DIGEST_BYTES

export interface Leader extends DoneVertex {
  readonly rank: number
}

export interface Version {
  readonly version: number
  readonly standing: Standing
}

export interface OrderState {
  readonly lastCommittedRound: number
  readonly commits: number
  readonly timestampMs: number
  readonly previousDigest: Digest
  readonly lastLeader: Leader | undefined
  readonly current: Version
  /** Where the last commit changed the schedule: the one that the rest of its leader's round keeps. */
  readonly former: Version | undefined
  readonly scores: readonly number[]
  /** Ascending. */
  readonly excluded: readonly Authority[]
  /** In the order of (round, author, digest). */
  readonly done: readonly DoneVertex[]
}

export function encodeOrderState(state: OrderState): Uint8Array {
  const { round, author, rank, digest } = state.lastLeader ?? { round: 0, author: 0, rank: 0, digest: new Uint8Array(DIGEST_BYTES) }
  const out = new ByteWriter(256 + state.scores.length * 16 + state.done.length * DONE_BYTES).u8(FORMAT)
  out.u64(state.lastCommittedRound).u64(state.commits).u64(state.timestampMs).digest(state.previousDigest)
  out.u64(round).u16(author).u8(rank).digest(digest)
  writeVersion(out, state.current)
  out.u8(state.former === undefined ? 0 : 1)
  if (state.former !== undefined) writeVersion(out, state.former)
  out.u32(state.scores.length)
  for (const score of state.scores) out.u64(score)
  writeAuthorities(out, state.excluded)
  out.u32(state.done.length)
  for (const vertex of state.done) out.u64(vertex.round).u16(vertex.author).digest(vertex.digest)
  return out.finish()
}

/** @throws {ConsensusError} where the bytes are not what `encodeOrderState` wrote for a committee of `size`. */
export function decodeOrderState(bytes: Uint8Array, size: number): OrderState {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', 'a snapshot of the order has another format')
  const [lastCommittedRound, commits, timestampMs] = [reader.u64(), reader.u64(), reader.u64()]
  const previousDigest = reader.digest().slice()
  const place = { round: reader.u64(), author: reader.u16(), rank: reader.u8() }
  const digest = reader.digest().slice()
  const state: OrderState = {
    lastCommittedRound,
    commits,
    timestampMs,
    previousDigest,
    lastLeader: place.round === 0 ? undefined : { ...place, digest, key: toHex(digest) },
    current: readVersion(reader, size),
    former: reader.u8() === 0 ? undefined : readVersion(reader, size),
    scores: Array.from({ length: reader.count(8, size) }, () => reader.u64()),
    excluded: readAuthorities(reader, size),
    done: Array.from({ length: reader.count(DONE_BYTES) }, () => readDone(reader)),
  }
  reader.end()
  assertCanonical(state, bytes, size)
  return state
}

/** What the parts let pass (a flag of 2, a list out of order) is refused by writing it again. */
function assertCanonical(state: OrderState, bytes: Uint8Array, size: number): void {
  const written = encodeOrderState(state)
  const isEqual = written.length === bytes.length && written.every((byte, at) => byte === bytes[at])
  const isAscending =
    state.done.every((vertex, at) => at === 0 || byPlace(state.done[at - 1]!, vertex) < 0) &&
    state.excluded.every((authority, at) => at === 0 || state.excluded[at - 1]! < authority)
  if (!isEqual || !isAscending || state.scores.length !== size) {
    throw new ConsensusError('CONSENSUS_UNSORTED', 'a snapshot of the order is not in its one encoding')
  }
}

function writeVersion(out: ByteWriter, { version, standing }: Version): void {
  out.u32(version)
  writeAuthorities(out, standing.bad)
  writeAuthorities(out, standing.good)
}

function readVersion(reader: ByteReader, size: number): Version {
  return { version: reader.u32(), standing: { bad: readAuthorities(reader, size), good: readAuthorities(reader, size) } }
}

function writeAuthorities(out: ByteWriter, authorities: readonly Authority[]): void {
  out.u32(authorities.length)
  for (const authority of authorities) out.u16(authority)
}

function readAuthorities(reader: ByteReader, size: number): Authority[] {
  return Array.from({ length: reader.count(2, size) }, () => {
    const authority = reader.u16()
    if (authority >= size) throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `authority ${authority} in a committee of ${size}`)
    return authority
  })
}

function readDone(reader: ByteReader): DoneVertex {
  const [round, author] = [reader.u64(), reader.u16()]
  const digest = reader.digest().slice()
  return { round, author, digest, key: toHex(digest) }
}
