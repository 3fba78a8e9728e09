/**
 * One process a store. The lock is a file that names its owner: process id, and where the system tells them, the boot and the
 * process's start time, so that a number given to another process after a crash or a reboot (a container's 1) is no owner.
 * It is made by `link`, so it is never seen half written. Two processes that find the same dead owner at the same moment are told
 * apart by what they renamed away. Not seen: an owner in another pid namespace or on another machine.
 */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { BlockstoreError } from './errors.ts'

const ATTEMPTS = 4
/** Owners in this process, by their text. */
const held = new Set<string>()

/** @returns the release. @throws {BlockstoreError} `BLOCKSTORE_LOCKED`, `BLOCKSTORE_IO`. */
export async function acquireLock(path: string): Promise<() => Promise<void>> {
  const text = `${process.pid} ${await startOf(process.pid)} ${randomUUID()}\n`
  const own = `${path}.${randomUUID()}`
  try {
    await writeFile(own, text, { flag: 'wx' })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await tryLink(own, path)) {
        held.add(text)
        return async () => {
          held.delete(text)
          await rm(path, { force: true })
        }
      }
      const owner = await readText(path)
      if (owner !== undefined && (await isAlive(owner))) throw locked(path, owner)
      if (owner !== undefined) await removeDead(path, owner)
    }
    throw locked(path, 'changing owners')
  } catch (error) {
    if (error instanceof BlockstoreError) throw error
    throw new BlockstoreError('BLOCKSTORE_IO', `${path} cannot be made: ${(error as Error).message}`, { path }, { cause: error })
  } finally {
    await rm(own, { force: true })
  }
}

async function tryLink(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function removeDead(path: string, owner: string): Promise<void> {
  const stale = `${path}.${randomUUID()}`
  try {
    await rename(path, stale)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // somebody else was faster
    throw error
  }
  const taken = await readText(stale)
  if (taken !== owner) await tryLink(stale, path) // it was a living one's: give it back
  await rm(stale, { force: true })
}

async function isAlive(owner: string): Promise<boolean> {
  const [pid, start] = owner.split(' ')
  if (Number(pid) === process.pid && !held.has(owner)) return false // our number, but an earlier process's
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return (await startOf(Number(pid))) === start
}

/** Boot and start time of a process: what makes its number unique. `-` where the system has no /proc. */
async function startOf(pid: number): Promise<string> {
  const [boot, stat] = await Promise.all([readText('/proc/sys/kernel/random/boot_id'), readText(`/proc/${pid}/stat`)])
  if (boot === undefined || stat === undefined) return '-'
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the command's name may hold spaces and brackets
  return `${boot.trim()}:${fields[19]}`
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function locked(path: string, owner: string): BlockstoreError {
  const pid = owner.split(' ')[0] as string
  return new BlockstoreError('BLOCKSTORE_LOCKED', `${path} is held by process ${pid}: one process a store`, { path, pid })
}
