/** Reading at an offset: bytes, a Blob or File, a file handle, or whatever a caller brings. */
import { errorOf, refuse, VerifyError } from './errors.ts'
import { after, type Later } from './later.ts'
import { checkSize, isBytes } from './tree.ts'

/** A port: whoever has content to read from fits it. */
export interface ReadAt {
  readonly size: number
  /** Exactly `length` bytes from `offset`, or it throws. They are only read until the next call. */
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  /** Fills all of `target` from `offset` on, or throws. Where it is there, an encoder reads much content into the same memory again and again. */
  readonly readInto?: ((offset: number, target: Uint8Array) => void | Promise<void>) | undefined
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
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    let held = 0
    while (held < target.length) {
      const { bytesRead } = await handle.read(target, held, target.length - held, offset + held)
      if (bytesRead === 0)
        throw new VerifyError('VERIFY_READ_FAILED', `the file ends at ${offset + held}, not at ${size}`, { offset: offset + held })
      held += bytesRead
    }
  }
  return {
    size: checkSize(size),
    fd: handle.fd,
    readInto,
    async readAt(offset, length) {
      const bytes = new Uint8Array(length)
      await readInto(offset, bytes)
      return bytes
    },
  }
}

/** What it is to be read with, and `undefined` for what cannot be read at an offset. */
export function readAtOf(source: unknown): ReadAt | undefined {
  if (isBytes(source)) return readExactly(source.length, (start, end) => source.subarray(start, end))
  if (typeof Blob === 'function' && source instanceof Blob)
    return readExactly(source.size, async (start, end) => new Uint8Array(await source.slice(start, end).arrayBuffer()))
  if (typeof (source as Partial<ReadAt> | null | undefined)?.readAt !== 'function') return undefined
  const port = source as ReadAt
  const { fd } = port
  return { ...readExactly(port.size, (start, end) => port.readAt(start, end - start)), fd, readInto: port.readInto?.bind(port) }
}

/** One shape for all of them. @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for anything else. */
export function asReadAt(source: RandomAccess): ReadAt {
  return readAtOf(source) ?? refuse('bytes, a Blob or a ReadAt', source)
}

/** What gives fewer bytes than were asked for, or more, is not hashed or sent as if it were what stands there. */
function readExactly(size: number, read: (start: number, end: number) => Later<Uint8Array>): ReadAt {
  return {
    size: checkSize(size),
    readAt: (offset, length) =>
      after(read(offset, offset + length), (bytes) => {
        if (isBytes(bytes) && bytes.length === length) return bytes
        throw errorOf('VERIFY_READ_FAILED', { offset, expected: length, got: String(bytes?.length) })
      }),
  }
}
