/**
 * One process a folder of acknowledgements: two would give out the same lane nonces and claim one epoch twice. The owner listens on a socket whose
 * name is made from the folder's device and inode; the system frees the name in the moment the process ends, however it ends, so no lock is ever stale.
 * On Linux the name is abstract (in no file system), on Windows a pipe's; elsewhere a socket file in the folder, which is taken over when nobody
 * answers there. Not seen: an owner in another network namespace or on another machine.
 */
import { stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { DeliveryAcknowledgementError } from './errors.ts'

/** @returns the release. @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_LOCKED` */
export async function acquireLock(folder: string): Promise<() => Promise<void>> {
  const { dev, ino } = await stat(folder, { bigint: true })
  const name = `selvedge-acks-${dev}-${ino}`
  const { platform } = process
  const isFile = platform !== 'linux' && platform !== 'win32'
  const path = isFile ? join(folder, 'lock') : platform === 'linux' ? `\0${name}` : String.raw`\\.\pipe\${name}`
  let server = await listen(path)
  if (server === undefined && isFile && !(await isAnswered(path))) {
    await unlink(path)
    server = await listen(path)
  }
  if (server === undefined) {
    const message = `${folder} is held by a process that runs: one node a folder`
    throw new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_LOCKED', message, { path: folder })
  }
  const held = server.unref()
  return () => new Promise((resolve) => held.close(() => resolve()))
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen({ path, exclusive: true }, () => resolve(server))
  })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}
