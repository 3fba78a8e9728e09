/**
 * What a client asks of a content lane: the metadata of its OPEN.
 *
 *     kind u8 · addressLen u16 · address · modes u8 · flags u8 · traceparent (len u8 + bytes) · ranges (to the end)
 *
 * Little endian. There is one encoding of a request: the decoder refuses what the encoder would not have written, so that two ends which
 * agree on the bytes agree on the meaning, and an acknowledgement can bind the request by its hash. Ranges are 1 KiB chunks of the flat
 * content, for CIDs too.
 */
import { type ChunkRanges, decodeChunkRanges, encodeChunkRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { equalBytes } from './bytes.ts'
import { REQUEST_BYTES_MAX, ROOT_BYTES } from './constants.ts'
import { ContentError } from './errors.ts'
import { modeBits, modesOf, type ContentMode } from './modes.ts'

/** What the address is: a BLAKE3 root (32 bytes), a CIDv1 in bytes, or a key of the URL index (32 bytes). */
export type AddressKind = 'root' | 'cid' | 'url'

/** How much of a DAG: one file or one directory, or everything below. */
export type RequestScope = 'entity' | 'all'

export interface ContentRequest {
  readonly kind: AddressKind
  readonly address: Uint8Array
  /** The modes that the client takes; at least one. Their order means nothing. */
  readonly modes: readonly ContentMode[]
  /** Only the answer, no bytes. */
  readonly head: boolean
  /** The client wants the proof that the address maps to what is served. */
  readonly mappingProof: boolean
  /** Only the tree of hashes, no content. */
  readonly outboardOnly: boolean
  /** Of a CID: the file, or the directory's own nodes; or everything below it, in mode `car`. Ranges select bytes of one entity only. */
  readonly scope: RequestScope
  /** W3C trace context for the node's traces, at most 255 bytes; empty where there is none. */
  readonly traceparent: Uint8Array
  readonly ranges: ChunkRanges
  /** The client holds all that the address names: 304 where it is still served. The address is the validator, so no other is named. */
  readonly ifNoneMatch?: boolean
  /** Orders and pays an epoch of keeping the file; with `head`, asks whether that is paid. Of a root or a CID, of scope `entity`. */
  readonly pin?: boolean
}

const KINDS: readonly AddressKind[] = ['root', 'cid', 'url']
const FLAG_HEAD = 1
const FLAG_MAPPING_PROOF = 2
const FLAG_OUTBOARD_ONLY = 4
const FLAG_SCOPE_ALL = 8
const FLAG_IF_NONE_MATCH = 16
const FLAG_PIN = 32
const FLAGS_MAX = 63

const malformed = (message: string): ContentError => new ContentError('CONTENT_MALFORMED', `request: ${message}`)

/**
 * The only encoding of `request`.
 * @throws {ContentError} `CONTENT_MALFORMED` where the address does not fit its kind, no mode is named, scope `all` is asked of what is no
 *   CID or with ranges, a pin of what is no content of one file or together with `ifNoneMatch`, or the whole exceeds 2 KiB.
 */
export function encodeRequest(request: ContentRequest): Uint8Array {
  const { kind, address, modes, traceparent } = request
  checkAddress(kind, address)
  if (modes.length === 0) throw malformed('at least one mode must be acceptable')
  if (traceparent.length > 255) throw malformed(`traceparent must be at most 255 bytes, got ${traceparent.length}`)
  checkScope(request)
  checkPin(request)
  const ranges = encodeChunkRanges(request.ranges)
  const length = 3 + address.length + 3 + traceparent.length + ranges.length
  if (length > REQUEST_BYTES_MAX) throw malformed(`must be at most ${REQUEST_BYTES_MAX} bytes, got ${length}`)
  const out = new Uint8Array(length)
  out[0] = KINDS.indexOf(kind)
  new DataView(out.buffer).setUint16(1, address.length, true)
  out.set(address, 3)
  const rest = 3 + address.length
  out[rest] = modeBits(modes)
  out[rest + 1] = flagsOf(request)
  out[rest + 2] = traceparent.length
  out.set(traceparent, rest + 3)
  out.set(ranges, rest + 3 + traceparent.length)
  return out
}

/**
 * Accepts nothing but what `encodeRequest` writes; the result owns its bytes.
 * @throws {ContentError} `CONTENT_MALFORMED`
 */
export function decodeRequest(bytes: Uint8Array): ContentRequest {
  if (bytes.length > REQUEST_BYTES_MAX) throw malformed(`must be at most ${REQUEST_BYTES_MAX} bytes, got ${bytes.length}`)
  if (bytes.length < 6) throw malformed(`ends after ${bytes.length} bytes`)
  const kind = KINDS[bytes[0]!]
  if (kind === undefined) throw malformed(`address kind ${bytes[0]} is unknown`)
  const rest = 3 + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(1, true)
  if (bytes.length < rest + 3) throw malformed(`ends after ${bytes.length} bytes`)
  const address = new Uint8Array(bytes.subarray(3, rest)) // `slice` of a Buffer is a view
  checkAddress(kind, address)
  const modes = modesOf(bytes[rest]!)
  if (modes === undefined) throw malformed(`modes ${bytes[rest]} are unknown or none`)
  const flags = bytes[rest + 1]!
  if (flags > FLAGS_MAX) throw malformed(`flags ${flags} are unknown`)
  const end = rest + 3 + bytes[rest + 2]!
  if (bytes.length <= end) throw malformed(`ends after ${bytes.length} bytes`)
  const request: ContentRequest = {
    kind,
    address,
    modes,
    head: (flags & FLAG_HEAD) !== 0,
    mappingProof: (flags & FLAG_MAPPING_PROOF) !== 0,
    outboardOnly: (flags & FLAG_OUTBOARD_ONLY) !== 0,
    scope: (flags & FLAG_SCOPE_ALL) !== 0 ? 'all' : 'entity',
    traceparent: new Uint8Array(bytes.subarray(rest + 3, end)),
    ranges: decodeRanges(bytes.slice(end)),
    ...((flags & FLAG_IF_NONE_MATCH) !== 0 ? { ifNoneMatch: true } : {}),
    ...((flags & FLAG_PIN) !== 0 ? { pin: true } : {}),
  }
  checkScope(request)
  checkPin(request)
  return request
}

function flagsOf({ head, mappingProof, outboardOnly, scope, ifNoneMatch, pin }: ContentRequest): number {
  return (
    (head ? FLAG_HEAD : 0) |
    (mappingProof ? FLAG_MAPPING_PROOF : 0) |
    (outboardOnly ? FLAG_OUTBOARD_ONLY : 0) |
    (scope === 'all' ? FLAG_SCOPE_ALL : 0) |
    (ifNoneMatch === true ? FLAG_IF_NONE_MATCH : 0) |
    (pin === true ? FLAG_PIN : 0)
  )
}

/** A root names one file, and a range of bytes is one of one file. */
function checkScope({ scope, kind, ranges }: ContentRequest): void {
  if (scope !== 'all') return
  if (kind !== 'cid') throw malformed(`everything below is asked of a CID, not of a ${kind}`)
  if (!ranges.isAll) throw malformed('everything below has no ranges')
}

/** What is kept is one file, and what is paid for it are bytes of it. */
function checkPin({ pin, kind, scope, outboardOnly, ifNoneMatch }: ContentRequest): void {
  if (pin !== true) return
  if (kind === 'url') throw malformed('a pin is of a root or of a CID')
  if (scope === 'all' || outboardOnly) throw malformed('a pin is of one file and its content')
  if (ifNoneMatch === true) throw malformed('a pin is paid for with content, and who holds it is sent none')
}

function decodeRanges(bytes: Uint8Array): ChunkRanges {
  let ranges: ChunkRanges
  try {
    ranges = decodeChunkRanges(bytes)
  } catch (cause) {
    throw new ContentError('CONTENT_MALFORMED', `request: ranges: ${(cause as Error).message}`, {}, { cause })
  }
  if (!equalBytes(encodeChunkRanges(ranges), bytes)) throw malformed('ranges are not in their one encoding')
  return ranges
}

function checkAddress(kind: AddressKind, address: Uint8Array): void {
  if (kind !== 'cid') {
    if (address.length !== ROOT_BYTES) throw malformed(`a ${kind} address must be ${ROOT_BYTES} bytes, got ${address.length}`)
    return
  }
  if (!isCidV1(address)) throw malformed('address is not a CIDv1 in its one binary form')
}

/** One CID has one form here: version 1, and every varint as short as it can be. */
function isCidV1(bytes: Uint8Array): boolean {
  try {
    const { version, code, multihash } = CID.decode(bytes)
    return version === 1 && equalBytes(CID.createV1(code, createDigest(multihash.code, multihash.digest)).bytes, bytes)
  } catch {
    return false
  }
}
