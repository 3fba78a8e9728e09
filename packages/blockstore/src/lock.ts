/**
 * One process a store. The owner's name is a value in an LMDB of its own, read and written in one write transaction: LMDB lets one
 * process at a time into those, and lets the next one in when it dies there. (A lock file cannot be taken from a dead owner
 * without a moment in which two may take it: the test with many contenders found it.)
 *
 * The name is the process id and, where the system tells them, the boot and the process's start time, so that a number given to
 * another process after a crash or a reboot (a container's 1) is no owner. Not seen: an owner in another pid namespace, or on
 * another machine.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open } from 'lmdb'
import { BlockstoreError } from './errors.ts'

const KEY = 'owner'
/** Owners in this process. */
const held = new Set<string>()

/** @param path - a folder of its own. @returns the release. @throws {BlockstoreError} `BLOCKSTORE_LOCKED`, `BLOCKSTORE_IO`. */
export async function acquireLock(path: string): Promise<() => Promise<void>> {
  const own = `${process.pid} ${startOf(process.pid)} ${randomUUID()}`
  const database = openDatabase(path)
  const owner = database.transactionSync(() => {
    const current = database.get(KEY)
    if (current !== undefined && isAlive(current)) return current
    database.putSync(KEY, own)
    held.add(own)
    return own
  })
  if (owner !== own) {
    await database.close()
    const pid = owner.split(' ')[0] as string
    throw new BlockstoreError('BLOCKSTORE_LOCKED', `${path} is held by process ${pid}: one process a store`, { path, pid })
  }
  return async () => {
    database.transactionSync(() => {
      if (database.get(KEY) === own) database.removeSync(KEY)
    })
    held.delete(own)
    await database.close()
  }
}

function openDatabase(path: string): ReturnType<typeof open<string, string>> {
  try {
    return open<string, string>({ path, encoding: 'string' })
  } catch (error) {
    throw new BlockstoreError('BLOCKSTORE_IO', `${path} cannot be opened: ${(error as Error).message}`, { path }, { cause: error })
  }
}

function isAlive(owner: string): boolean {
  const [pid, start] = owner.split(' ')
  if (Number(pid) === process.pid && !held.has(owner)) return false // our number, but an earlier process's
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return startOf(Number(pid)) === start
}

/** Boot and start time of a process: what makes its number unique. `-` where the system has no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the command's name may hold spaces and brackets
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`
  } catch {
    return '-'
  }
}
