/** The `FileSystem` port on `node:fs`. Descriptors and callbacks, not `FileHandle`: half the cost of a small read. */
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { BlockstoreError } from './errors.ts'
import type { FileSystem, OpenFile } from './ports.ts'

const close = promisify(fs.close)
const fdatasync = promisify(fs.fdatasync)
const ftruncate = promisify(fs.ftruncate)
const FLAGS = { read: 'r', create: 'wx+', append: 'r+' } as const

export function createNodeFileSystem(): FileSystem {
  return {
    async makeDirectory(path) {
      await attempt('mkdir', path, fs.promises.mkdir(path, { recursive: true }))
    },
    list: (path) => attempt('readdir', path, fs.promises.readdir(path)),
    async size(path) {
      try {
        return (await fs.promises.stat(path)).size
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw ioError('stat', path, error)
      }
    },
    async open(path, mode) {
      const fd = await attempt('open', path, promisify(fs.open)(path, FLAGS[mode], 0o644))
      return createOpenFile(fd, path)
    },
    rename: (source, target) => attempt('rename', target, fs.promises.rename(source, target)),
    remove: (path) => attempt('rm', path, fs.promises.rm(path, { force: true })),
    async syncDirectory(path) {
      if (process.platform === 'win32') return // a directory cannot be opened there; NTFS journals its names
      const fd = await attempt('open', path, promisify(fs.open)(path, 'r'))
      try {
        await attempt('fsync', path, promisify(fs.fsync)(fd))
      } finally {
        await close(fd)
      }
    },
  }
}

function createOpenFile(fd: number, path: string): OpenFile {
  return {
    read: (offset, length, target = unread(length)) => readFully(fd, path, offset, target),
    write: (offset, parts) => attempt('write', path, writeFully(fd, offset, parts)),
    datasync: () => attempt('fdatasync', path, fdatasync(fd)),
    truncate: (size) => attempt('ftruncate', path, ftruncate(fd, size)),
    close: () => attempt('close', path, close(fd)),
  }
}

/** Memory that is filled or thrown away: no byte of it is seen before it is read. */
function unread(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

function readFully(fd: number, path: string, offset: number, bytes: Uint8Array): Promise<Uint8Array> {
  const { length } = bytes
  return new Promise((resolve, reject) => {
    const more = (done: number): void => {
      fs.read(fd, bytes, done, length - done, offset + done, (error, count) => {
        if (error !== null) reject(ioError('read', path, error))
        else if (count === 0 || done + count === length) resolve(bytes.subarray(0, done + count))
        else more(done + count)
      })
    }
    if (length === 0) resolve(bytes)
    else more(0)
  })
}

/** A write may be short (a full disk, a signal): what is left goes again. */
async function writeFully(fd: number, offset: number, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0)
  let position = offset
  while (rest.length > 0) {
    const batch = rest.slice(0, 512) // below IOV_MAX
    let written = await writev(fd, batch, position)
    if (written === 0) throw new Error('the disk took no byte')
    position += written
    let whole = 0
    while (whole < batch.length && written >= (batch[whole] as Uint8Array).length) written -= (batch[whole++] as Uint8Array).length
    rest = rest.slice(whole)
    if (written > 0) rest[0] = (rest[0] as Uint8Array).subarray(written)
  }
}

function writev(fd: number, parts: Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, parts, position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}

async function attempt<T>(action: string, path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw ioError(action, path, error)
  }
}

function ioError(action: string, path: string, error: unknown): BlockstoreError {
  const cause = error as NodeJS.ErrnoException
  const details = { action, path, errno: cause.code ?? 'unknown' }
  return new BlockstoreError('BLOCKSTORE_IO', `${action} of ${path} failed: ${cause.message}`, details, { cause })
}
