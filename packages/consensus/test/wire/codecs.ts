/** Every wire type with its codec and its arbitrary: what the tests of all codecs run over. */
import type fc from 'fast-check'
import * as wire from '@selvedge/consensus'
import * as arbitrary from './arbitraries.ts'

/** Ten members: a bitmap of two bytes, six bits of it spare. */
export const COMMITTEE_SIZE = 10

export interface Codec {
  readonly name: string
  readonly values: fc.Arbitrary<unknown>
  readonly encode: (value: never) => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
}

function codec<T>(name: string, values: fc.Arbitrary<T>, encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T): Codec {
  return { name, values, encode, decode }
}

/** For types of which the committee's size is a part of the layout. */
function sized<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T, committeeSize: number) => Uint8Array,
  decode: (bytes: Uint8Array, committeeSize: number) => T,
): Codec {
  return codec(
    name,
    values,
    (value) => encode(value, COMMITTEE_SIZE),
    (bytes) => decode(bytes, COMMITTEE_SIZE),
  )
}

const frames = Object.entries(arbitrary.framesOf(COMMITTEE_SIZE)).map(([type, values]) =>
  sized<wire.Frame>(`frame ${type}`, values, wire.encodeFrame, wire.decodeFrame),
)

export const codecs: readonly Codec[] = [
  codec('batch', arbitrary.batch, wire.encodeBatch, wire.decodeBatch),
  codec('header', arbitrary.signedHeader, wire.encodeSignedHeader, wire.decodeSignedHeader),
  codec('vote', arbitrary.vote, wire.encodeVote, wire.decodeVote),
  sized('certificate', arbitrary.certificateOf(COMMITTEE_SIZE), wire.encodeCertificate, wire.decodeCertificate),
  codec('block', arbitrary.signedBlock, wire.encodeSignedBlock, wire.decodeSignedBlock),
  codec('sub-DAG', arbitrary.subDag, wire.encodeSubDag, wire.decodeSubDag),
  codec('system transaction', arbitrary.systemTransaction, wire.encodeSystemTransaction, wire.decodeSystemTransaction),
  codec('evidence', arbitrary.evidence, wire.encodeEvidence, wire.decodeEvidence),
  codec('checkpoint signature', arbitrary.checkpointSignature, wire.encodeCheckpointSignature, wire.decodeCheckpointSignature),
  sized('block certificate', arbitrary.blockCertificateOf(COMMITTEE_SIZE), wire.encodeBlockCertificate, wire.decodeBlockCertificate),
  ...frames,
]

/** The codec of all frames, for a committee of another size. */
export function frameCodecOf(committeeSize: number): Pick<Codec, 'encode' | 'decode'> {
  return {
    encode: (frame: wire.Frame) => wire.encodeFrame(frame, committeeSize),
    decode: (bytes) => wire.decodeFrame(bytes, committeeSize),
  }
}
