/**
 * One download at a time into one path: two of them would write into the same `.part`, each over what the other has proven. The lock is a
 * file beside it with the process id of its owner; one whose owner is gone (`kill -9`) is taken over.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { NodeError } from '../errors.ts'

const lockOf = (path: string): string => `${path}.part.lock`

/** Runs `work` while nobody else downloads into `path`. @throws {NodeError} `NODE_OUTPUT` where somebody does, or the lock cannot be written. */
export async function withOutputLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await take(path)
  try {
    return await work()
  } finally {
    await rm(lockOf(path), { force: true })
  }
}

async function take(path: string): Promise<void> {
  const lock = lockOf(path)
  for (let tries = 0; ; tries++) {
    try {
      return await writeFile(lock, `${process.pid}\n`, { flag: 'wx' })
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code !== 'EEXIST') throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${message}`, {}, { cause })
      const owner = Number(await readFile(lock, 'utf8').catch(() => '')) // gone or not written yet: nobody's
      if (isAlive(owner) || tries > 0) {
        throw new NodeError('NODE_OUTPUT', `cannot write ${path}: process ${owner} is downloading into it (if not, delete ${lock})`, {
          owner,
        })
      }
      await rm(lock, { force: true })
    }
  }
}

function isAlive(pid: number): boolean {
  if (!(Number.isInteger(pid) && pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it is somebody else's
  }
}
