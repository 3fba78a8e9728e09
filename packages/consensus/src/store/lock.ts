/**
 * One process a store: two with one key would sign two things for one slot. The owner listens on a socket whose name is made from the
 * folder's device and inode; the system frees the name in the moment the process ends, however it ends, so there is no stale lock.
 * On Linux the name is abstract (in no file system), on Windows a pipe's; elsewhere a socket file beside the store, which is taken over
 * when nobody answers there. Not seen: an owner in another network namespace or on another machine.
 */
import { statSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ConsensusError } from '../errors.ts'

/** @returns the release. @throws {ConsensusError} `CONSENSUS_STORE_LOCKED` */
export async function acquireLock(folder: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(folder, { bigint: true })
  const name = `selvedge-consensus-${dev}-${ino}`
  const path =
    process.platform === 'linux' ? `\0${name}` : process.platform === 'win32' ? String.raw`\\.\pipe\${name}` : join(folder, 'lock')
  let server = await listen(path)
  if (server === undefined && process.platform !== 'linux' && process.platform !== 'win32' && !(await isAnswered(path))) {
    unlinkSync(path)
    server = await listen(path)
  }
  if (server === undefined) throw new ConsensusError('CONSENSUS_STORE_LOCKED', `${folder} is held by another process`, { path: folder })
  const held = server
  held.unref()
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
