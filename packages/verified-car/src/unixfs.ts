/**
 * The UnixFS message inside a dag-pb node.
 *
 * Hand-written because what decides here is what the `ipfs-unixfs` class does not give back: the *declared* `filesize`
 * (it recomputes it) and where the data lies (so that a leaf is handed on as a view). Scalars may stand once only; unknown
 * fields are skipped; nothing is allocated that the bytes do not hold. Source: https://specs.ipfs.tech/unixfs/.
 */
import { CarError } from './errors.ts'

export const UNIXFS_RAW = 0
export const UNIXFS_DIRECTORY = 1
export const UNIXFS_FILE = 2
export const UNIXFS_SYMLINK = 4
export const UNIXFS_SHARD = 5

export interface UnixFs {
  readonly type: number
  /** Own data inside the message. */
  readonly dataStart: number
  readonly dataEnd: number
  readonly fileSize: number | undefined
  readonly blockSizes: readonly number[]
  readonly hashType: number | undefined
  readonly fanout: number | undefined
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

class Reader {
  readonly #bytes: Uint8Array
  position = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  get isAtEnd(): boolean {
    return this.position === this.#bytes.length
  }
  byte(): number {
    const byte = this.#bytes[this.position]
    if (byte === undefined) throw malformed('ends inside a number')
    this.position++
    return byte
  }
  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
    }
    throw malformed('holds a number above 2^53-1')
  }
  skip(bytes: number): void {
    if (bytes > this.#bytes.length - this.position) throw malformed('ends inside a field')
    this.position += bytes
  }
}

function malformed(what: string): CarError {
  return new CarError('CAR_BAD_UNIXFS', `the UnixFS message ${what}`)
}

/** @throws {CarError} `CAR_BAD_UNIXFS` */
export function decodeUnixFs(bytes: Uint8Array): UnixFs {
  const reader = new Reader(bytes)
  const scalars = new Map<number, number>()
  const blockSizes: number[] = []
  let dataStart = -1
  let dataEnd = -1
  while (!reader.isAtEnd) {
    const key = reader.varint()
    const field = Math.floor(key / 8)
    const wireType = key % 8
    if (field === 2 && wireType === BYTES) {
      if (dataStart !== -1) throw malformed('has two data fields')
      const length = reader.varint()
      dataStart = reader.position
      reader.skip(length)
      dataEnd = reader.position
    } else if (field === 4 && wireType === VARINT) {
      blockSizes.push(reader.varint())
    } else if (field === 4 && wireType === BYTES) {
      const length = reader.varint()
      const end = reader.position + length // packed form, which every protobuf reader accepts
      while (reader.position < end) blockSizes.push(reader.varint())
      if (reader.position !== end) throw malformed('has packed block sizes that do not end at their length')
    } else if ((field === 1 || field === 3 || field === 5 || field === 6) && wireType === VARINT) {
      if (scalars.has(field)) throw malformed(`has field ${field} twice`)
      scalars.set(field, reader.varint())
    } else if (field >= 1 && field <= 6) {
      throw malformed(`has field ${field} in wire type ${wireType}`)
    } else {
      skipField(reader, wireType)
    }
  }
  const type = scalars.get(1)
  if (type === undefined) throw malformed('has no type')
  return {
    type,
    dataStart: Math.max(dataStart, 0),
    dataEnd: Math.max(dataEnd, 0),
    fileSize: scalars.get(3),
    blockSizes,
    hashType: scalars.get(5),
    fanout: scalars.get(6),
  }
}

/** Mode, time and whatever later versions add. */
function skipField(reader: Reader, wireType: number): void {
  if (wireType === BYTES) reader.skip(reader.varint())
  else if (wireType === FIXED64) reader.skip(8)
  else if (wireType === FIXED32) reader.skip(4)
  else if (wireType === VARINT) skipVarint(reader)
  else throw malformed(`has a field of wire type ${wireType}`)
}

/** A skipped number may be a negative one, ten bytes long: its value does not matter. */
function skipVarint(reader: Reader): void {
  for (let count = 0; count < 10; count++) if (reader.byte() < 0x80) return
  throw malformed('holds a number of more than ten bytes')
}
