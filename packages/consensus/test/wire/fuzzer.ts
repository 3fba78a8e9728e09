/**
 * Throws bytes at every decoder and counts what comes back. Half or more of the inputs are valid encodings with one to three edits,
 * because arbitrary bytes are refused at their first count and try nothing behind it.
 *
 * What may never happen: an exception that is no `ConsensusError`, or a value whose encoding is not the input.
 */
import fc from 'fast-check'
import {
  checkBlock,
  checkCertificate,
  checkHeader,
  type ConsensusErrorCode,
  ConsensusError,
  createCommittee,
  createVerifiedSignatures,
  type Frame,
  type SignatureContext,
} from '@selvedge/consensus'
import { framesOf } from './arbitraries.ts'
import { codecs, frameCodecOf } from './codecs.ts'
import { plausibleFramesOf, plausibleMembersOf, PLAUSIBLE_RULES } from './plausible.ts'

export interface FuzzReport {
  readonly inputs: number
  /** Valid encodings with one to three edits. */
  readonly edited: number
  readonly accepted: number
  /** Accepted, and encoded again to other bytes. */
  readonly notCanonical: number
  /** Threw what is no `ConsensusError`; the first of them. */
  readonly strangers: readonly string[]
  readonly refused: Readonly<Record<string, number>>
  /** Accepted headers, blocks and certificates by what the checks that follow say. */
  readonly faults: Readonly<Record<string, number>>
}

/** What a decoder can refuse an input for. */
export const DECODER_CODES: readonly ConsensusErrorCode[] = [
  'CONSENSUS_TRUNCATED',
  'CONSENSUS_TRAILING',
  'CONSENSUS_TOO_LARGE',
  'CONSENSUS_UNSORTED',
  'CONSENSUS_DUPLICATE',
  'CONSENSUS_OUT_OF_RANGE',
  'CONSENSUS_UNKNOWN_KIND',
  'CONSENSUS_SPARE_BITS',
  'CONSENSUS_BAD_LENGTH',
]

interface Subject {
  readonly encode: (value: never) => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
  readonly check: (value: unknown) => string | undefined
}
interface Seed {
  readonly subject: Subject
  readonly bytes: Uint8Array
}

const COMMITTEE_SIZES = [1, 4, 8, 10, 13]
const INPUT_BYTES_MAX = 4_096
/** Widths of what lists are made of: an edit by one of them moves whole elements. */
const STRIDES = [1, 2, 4, 8, 32, 34, 38, 42, 64, 96, 107]
const NUMBERS = [0, 1, 2, 3, 20, 32, 64, 65, 255, 280, 1_000, 1_001, 4_096, 2 ** 16, 2 ** 21 + 1, 2 ** 22, 2 ** 31, 2 ** 32 - 1]
const BYTES = [0, 1, 2, 3, 0x1f, 0x20, 0x7f, 0x80, 0xff]
const EDITED_SHARE = 0.7
const WHOLE_SHARE = 0.05

/** @param samples - valid encodings of each type and committee size. */
export function createFuzzer(seed: number, samples: number): (inputs: number) => FuzzReport {
  const seeds = seedsOf(seed, samples)
  const random = createRandom(seed)
  const scratch = new Uint8Array(INPUT_BYTES_MAX)
  return (inputs) => {
    const counts = { edited: 0, accepted: 0, notCanonical: 0 }
    const strangers: string[] = []
    const refused: Record<string, number> = {}
    const faults: Record<string, number> = {}
    for (let i = 0; i < inputs; i++) {
      const { subject, bytes } = seeds[random(seeds.length)]!
      const share = random(1_000) / 1_000
      const isEdited = share < EDITED_SHARE
      if (isEdited) counts.edited++
      const input = scratch.subarray(
        0,
        isEdited || share < EDITED_SHARE + WHOLE_SHARE ? fill(scratch, bytes) : noise(scratch, bytes, random),
      )
      const tried = isEdited ? editTimes(scratch, input, 1 + random(3), random) : input
      let value: unknown
      try {
        value = subject.decode(tried)
      } catch (error) {
        if (error instanceof ConsensusError) refused[error.code] = (refused[error.code] ?? 0) + 1
        else if (strangers.length < 10) strangers.push(`${String(error)} on ${Buffer.from(tried).toString('hex')}`)
        continue
      }
      counts.accepted++
      if (!isEncodingOf(tried, value, subject)) counts.notCanonical++
      const fault = subject.check(value)
      if (fault !== undefined) faults[fault] = (faults[fault] ?? 0) + 1
    }
    return { inputs, ...counts, strangers, refused, faults }
  }
}

function seedsOf(seed: number, samples: number): Seed[] {
  const seeds: Seed[] = []
  const add = (subject: Subject, values: fc.Arbitrary<unknown>, numRuns: number): void => {
    for (const value of fc.sample(values, { seed, numRuns })) {
      const bytes = subject.encode(value as never)
      if (bytes.length < INPUT_BYTES_MAX / 2) seeds.push({ subject, bytes })
    }
  }
  for (const { encode, decode, values, name } of codecs) {
    if (!name.startsWith('frame')) add({ encode, decode, check: () => undefined }, values, samples)
  }
  for (const size of COMMITTEE_SIZES) {
    const subject: Subject = { ...frameCodecOf(size), check: createCheck(size) }
    for (const values of Object.values(framesOf(size))) add(subject, values, samples)
    for (const values of plausibleFramesOf(size)) add(subject, values, samples * 3)
  }
  return seeds
}

/** What the cores ask next, with signatures that one byte makes good: named by frame and fault. */
function createCheck(size: number): (value: unknown) => string | undefined {
  const committee = createCommittee(plausibleMembersOf(size))
  const isSigned: SignatureContext['isSigned'] = (signature, _, key) => signature[0] === key[0]
  return (value) => {
    const frame = value as Frame
    switch (frame.type) {
      case 'header':
        return `header: ${checkHeader(frame.header.header, committee, PLAUSIBLE_RULES) ?? 'good'}`
      case 'block':
        return `block: ${checkBlock(frame.block.block, committee, PLAUSIBLE_RULES) ?? 'good'}`
      case 'certificate': {
        const context = { committee, isSigned, verified: createVerifiedSignatures(1) }
        return `certificate: ${checkCertificate(frame.certificate, new Uint8Array(32), context) ?? 'good'}`
      }
      default:
        return undefined
    }
  }
}

type Random = (below: number) => number

/** A small generator (xorshift, 32 bits): the fuzzer must not be slower than what it feeds. */
function createRandom(seed: number): Random {
  let state = (seed | 0) === 0 ? 1 : seed | 0
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function fill(scratch: Uint8Array, bytes: Uint8Array): number {
  scratch.set(bytes)
  return bytes.length
}

/** Arbitrary bytes behind a kind that is mostly a good one; every second time small ones, so that counts can be met. */
function noise(scratch: Uint8Array, bytes: Uint8Array, random: Random): number {
  const length = random(200)
  const isSmall = random(2) === 0
  for (let i = 0; i < length; i++) scratch[i] = isSmall ? BYTES[random(3)]! * random(2) : random(256)
  if (length > 0 && random(8) > 0) scratch[0] = bytes[0] ?? 0
  return length
}

function editTimes(scratch: Uint8Array, input: Uint8Array, times: number, random: Random): Uint8Array {
  let { length } = input
  for (let left = times; left > 0; left--) length = edit(scratch, length, random)
  return scratch.subarray(0, length)
}

const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!

/** One edit of the first `length` bytes; returns their new number. */
function edit(scratch: Uint8Array, length: number, random: Random): number {
  if (length === 0) return 0
  const at = random(length)
  const stride = pick(STRIDES, random)
  switch (random(10)) {
    case 0:
      scratch[at]! ^= 1 << random(8)
      return length
    case 1:
      scratch[at] = pick(BYTES, random)
      return length
    case 2: // a count or length
      if (at + 4 <= length) new DataView(scratch.buffer).setUint32(at, pick(NUMBERS, random), true)
      return length
    case 3:
      return at // truncated
    case 4: // lengthened
      for (let i = 0; i < 8; i++) scratch[length + i] = random(256)
      return Math.min(length + 1 + random(8), INPUT_BYTES_MAX / 2)
    case 5: // an element left out
      scratch.copyWithin(at, at + stride, length)
      return Math.max(at, length - stride)
    case 6: // an element twice
      if (length + stride > INPUT_BYTES_MAX / 2) return length
      scratch.copyWithin(at + stride, at, length)
      return length + stride
    case 7: // one element's bytes in another's place
      if (at + 2 * stride <= length) scratch.copyWithin(at + stride, at, at + stride)
      return length
    case 8: // two elements the other way round
      if (at + 2 * stride <= length) swap(scratch, at, stride)
      return length
    default:
      scratch[0] = random(20)
      return length
  }
}

function swap(scratch: Uint8Array, at: number, size: number): void {
  for (let i = at; i < at + size; i++) {
    const byte = scratch[i]!
    scratch[i] = scratch[i + size]!
    scratch[i + size] = byte
  }
}

function isEncodingOf(bytes: Uint8Array, value: unknown, { encode }: Subject): boolean {
  let encoded: Uint8Array
  try {
    encoded = encode(value as never)
  } catch {
    return false // an encoder that refuses what its decoder took
  }
  if (encoded.length !== bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (encoded[i] !== bytes[i]) return false
  return true
}
