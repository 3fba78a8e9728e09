/** Reading at an offset: bytes, a Blob or File, a file handle, or whatever a caller brings. */
import { VerifyError } from './errors.ts'
import { checkSize } from './tree.ts'

/** A port: whoever has content to read from fits it. */
export interface ReadAt {
  readonly size: number
  /** Exactly `length` bytes from `offset`, or it throws. They are only read until the next call. */
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  /** Descriptor of the same bytes in this process, from which hashing workers read by themselves. */
  readonly fd?: number | undefined
}

/** Where content can be read from at any offset. */
export type RandomAccess = Uint8Array | Blob | ReadAt

/** What `fromFileHandle` needs of a `FileHandle` of `node:fs/promises` (Deno and Bun have it too). */
export interface FileHandleLike {
  readonly fd?: number | undefined
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  stat(): Promise<{ readonly size: number }>
}

/**
 * Reads a file at offsets. The handle stays the caller's, who closes it. Without `size` the file is asked for it.
 *
 * @throws {VerifyError} `VERIFY_READ_FAILED` from `readAt` when the file has become shorter.
 * @example const source = await fromFileHandle(await open('video.mp4'))
 */
export function fromFileHandle(handle: FileHandleLike, size: number): ReadAt
export function fromFileHandle(handle: FileHandleLike): Promise<ReadAt>
export function fromFileHandle(handle: FileHandleLike, size?: number): ReadAt | Promise<ReadAt> {
  if (size === undefined) return handle.stat().then((stat) => fromFileHandle(handle, stat.size))
  return {
    size: checkSize(size),
    fd: handle.fd,
    async readAt(offset, length) {
      const bytes = new Uint8Array(length)
      let held = 0
      while (held < length) {
        const { bytesRead } = await handle.read(bytes, held, length - held, offset + held)
        if (bytesRead === 0)
          throw new VerifyError('VERIFY_READ_FAILED', `the file ends at ${offset + held}, not at ${size}`, { offset: offset + held })
        held += bytesRead
      }
      return bytes
    },
  }
}

export function isRandomAccess(source: unknown): source is RandomAccess {
  return source instanceof Uint8Array || isBlob(source) || isReadAt(source)
}

function isBlob(source: unknown): source is Blob {
  return typeof Blob === 'function' && source instanceof Blob
}

function isReadAt(source: unknown): source is ReadAt {
  return typeof source === 'object' && source !== null && 'readAt' in source && typeof source.readAt === 'function'
}

/** One shape for all of them. @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for anything else. */
export function asReadAt(source: RandomAccess): ReadAt {
  if (source instanceof Uint8Array) return readAtOfBytes(source)
  if (isBlob(source)) return readAtOfBlob(source)
  if (isReadAt(source)) return source
  throw new VerifyError('VERIFY_BAD_ARGUMENT', 'expected bytes, a Blob or an object with `size` and `readAt`')
}

function readAtOfBytes(bytes: Uint8Array): ReadAt {
  return {
    size: bytes.length,
    readAt(offset, length) {
      if (offset + length > bytes.length)
        throw new VerifyError('VERIFY_READ_FAILED', `read of ${length} bytes at ${offset}, of ${bytes.length}`)
      return bytes.subarray(offset, offset + length)
    },
  }
}

function readAtOfBlob(blob: Blob): ReadAt {
  return {
    size: blob.size,
    async readAt(offset, length) {
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
      if (bytes.length !== length) throw new VerifyError('VERIFY_READ_FAILED', `read of ${length} bytes at ${offset} gave ${bytes.length}`)
      return bytes
    },
  }
}
