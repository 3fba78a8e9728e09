import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open } from 'lmdb'
import { expect, test } from 'vitest'
import { acquireLock } from '../src/lock.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()
const CHILD = fileURLToPath(new URL('./support/crash-child.ts', import.meta.url))

test('a store that is open in this process is refused, and free after its stop', async () => {
  const first = await folder.open()
  await expect(folder.open()).rejects.toMatchObject({ code: 'BLOCKSTORE_LOCKED', details: { pid: String(process.pid) } })
  await first.stop()
  await folder.open()
})

test('a store that another process has open is refused with its number, and free once that is killed', async () => {
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, folder.path(), '1', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await expect(folder.open()).rejects.toMatchObject({ code: 'BLOCKSTORE_LOCKED', details: { pid: String(child.pid) } })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
  await folder.open()
})

test('a number that now belongs to another process, or to none, is no owner', async () => {
  const path = join(folder.path(), 'lock')
  for (const owner of [`${process.pid} an-earlier-boot:1 x`, `${process.ppid} an-earlier-boot:1 x`, '999999999 - x']) {
    const database = open<string, string>({ path, encoding: 'string' })
    await database.put('owner', owner)
    await database.close()
    const release = await acquireLock(path)
    await expect(acquireLock(path)).rejects.toMatchObject({ code: 'BLOCKSTORE_LOCKED' })
    await release()
  }
})

test('of many that find a dead owner one gets the lock', async () => {
  const path = join(folder.path(), 'lock')
  const database = open<string, string>({ path, encoding: 'string' })
  await database.put('owner', '999999999 - x')
  await database.close()
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path)))
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
  for (const result of results) if (result.status === 'fulfilled') await result.value()
  await (await acquireLock(path))()
})

test('of several processes that find a dead owner one gets the store', async () => {
  const dead = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, folder.path(), '1', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise((resolve) => dead.stdout.once('data', resolve))
  const exited = new Promise((resolve) => dead.once('exit', resolve))
  dead.kill('SIGKILL')
  await exited
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, folder.path(), '1', '0'], { stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  const outcomes = children.map(
    (child) =>
      new Promise<string>((resolve) => {
        child.stdout.once('data', () => resolve('started'))
        child.once('exit', () => resolve('refused'))
      }),
  )
  try {
    // The three that are refused exit; the one that works goes on until it is killed.
    expect((await Promise.all(outcomes)).sort()).toEqual(['refused', 'refused', 'refused', 'started'])
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
})
