/**
 * What a node answers: the metadata of its ACCEPT. The bytes follow as DATA.
 *
 *     status u16 · mode u8 · size u64 · chunkGroupLog u8 · root 32 · contentType (len u8 + utf8) · mappingProof (len u16 + bytes)
 *
 * Little endian; one encoding. Everything in it is the node's word. `size` is a claim that the bytes prove or refute; `root` is never what
 * a CID is checked against.
 */
import { ANSWER_BYTES_MAX, CHUNK_GROUP_LOG_MAX, ROOT_BYTES, SIZE_UNKNOWN } from './constants.ts'
import { ContentError } from './errors.ts'
import { modeBits, modesOf, type ContentMode } from './modes.ts'

export interface ContentAnswer {
  /** As HTTP's: 200, 206 where ranges were asked for, 304 where the client holds it, 404 … */
  readonly status: number
  /** One of the asked; undefined (0) exactly when `status` is 304 or an error, and nothing follows. */
  readonly mode: ContentMode | undefined
  /** Flat bytes of the whole content, as the node claims; undefined while it does not know. */
  readonly size: number | undefined
  readonly chunkGroupLog: number
  /** BLAKE3 root of the flat bytes, as the node claims. */
  readonly root: Uint8Array | undefined
  /** A guess for people and pages; at most 255 bytes, empty where there is none. */
  readonly contentType: string
  /** Empty where there is none. */
  readonly mappingProof: Uint8Array
}

const SIZE_OFFSET = 3
const GROUP_OFFSET = 11
const ROOT_OFFSET = 12
const TYPE_OFFSET = 44
const FIXED_BYTES = 47

const malformed = (message: string): ContentError => new ContentError('CONTENT_MALFORMED', `answer: ${message}`)
const isBare = (status: number): boolean => status >= 400 || status === 304

/** The only encoding of `answer`. @throws {ContentError} `CONTENT_MALFORMED` where a field does not fit. */
export function encodeAnswer(answer: ContentAnswer): Uint8Array {
  const { status, mode, size, chunkGroupLog, root, mappingProof } = answer
  const contentType = new TextEncoder().encode(answer.contentType)
  checkFields(status, mode, chunkGroupLog)
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) throw malformed(`size ${size} is no byte count`)
  if (root !== undefined && (root.length !== ROOT_BYTES || isZero(root)))
    throw malformed(`root must be ${ROOT_BYTES} bytes that are not all zero`)
  if (contentType.length > 255) throw malformed(`content type must be at most 255 bytes, got ${contentType.length}`)
  const length = FIXED_BYTES + contentType.length + mappingProof.length
  if (length > ANSWER_BYTES_MAX) throw malformed(`must be at most ${ANSWER_BYTES_MAX} bytes, got ${length}`)
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  view.setUint16(0, status, true)
  out[2] = mode === undefined ? 0 : modeBits([mode])
  view.setBigUint64(SIZE_OFFSET, size === undefined ? SIZE_UNKNOWN : BigInt(size), true)
  out[GROUP_OFFSET] = chunkGroupLog
  if (root !== undefined) out.set(root, ROOT_OFFSET)
  out[TYPE_OFFSET] = contentType.length
  out.set(contentType, TYPE_OFFSET + 1)
  view.setUint16(TYPE_OFFSET + 1 + contentType.length, mappingProof.length, true)
  out.set(mappingProof, FIXED_BYTES + contentType.length)
  return out
}

/** Accepts nothing but what `encodeAnswer` writes; the result owns its bytes. @throws {ContentError} `CONTENT_MALFORMED` */
export function decodeAnswer(bytes: Uint8Array): ContentAnswer {
  if (bytes.length < FIXED_BYTES) throw malformed(`must be at least ${FIXED_BYTES} bytes, got ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const typeEnd = TYPE_OFFSET + 1 + bytes[TYPE_OFFSET]!
  if (bytes.length < typeEnd + 2) throw malformed(`ends after ${bytes.length} bytes`)
  const end = typeEnd + 2 + view.getUint16(typeEnd, true)
  if (bytes.length !== end) throw malformed(`must be ${end} bytes by its own lengths, got ${bytes.length}`)
  const status = view.getUint16(0, true)
  const bits = bytes[2]!
  const modes = modesOf(bits)
  if (bits !== 0 && modes?.length !== 1) throw malformed(`mode ${bits} is not one mode`)
  const mode = modes?.[0]
  const chunkGroupLog = bytes[GROUP_OFFSET]!
  checkFields(status, mode, chunkGroupLog)
  const size = view.getBigUint64(SIZE_OFFSET, true)
  if (size !== SIZE_UNKNOWN && size > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`size ${size} is above 2^53-1`)
  const root = new Uint8Array(bytes.subarray(ROOT_OFFSET, TYPE_OFFSET)) // `slice` of a Buffer is a view
  return {
    status,
    mode,
    size: size === SIZE_UNKNOWN ? undefined : Number(size),
    chunkGroupLog,
    root: isZero(root) ? undefined : root,
    contentType: decodeText(bytes.subarray(TYPE_OFFSET + 1, typeEnd)),
    mappingProof: new Uint8Array(bytes.subarray(typeEnd + 2)),
  }
}

function checkFields(status: number, mode: ContentMode | undefined, chunkGroupLog: number): void {
  if (!(Number.isInteger(status) && status >= 100 && status <= 599)) throw malformed(`status ${status} is not one of HTTP's`)
  if (isBare(status) !== (mode === undefined)) throw malformed(`status ${status} does not go with mode ${mode ?? 'none'}`)
  if (!(chunkGroupLog >= 0 && chunkGroupLog <= CHUNK_GROUP_LOG_MAX)) {
    throw malformed(`chunkGroupLog must be 0..${CHUNK_GROUP_LOG_MAX}, got ${chunkGroupLog}`)
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('content type is not UTF-8')
  }
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
