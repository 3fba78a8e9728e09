// Threads that end, stall or are ended, and callers that give up: nobody is told `true` for it, and what follows is answered.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createVerifyPool, type VerifyPool, type VerifyPoolOptions } from '../src/verify-pool.node.ts'
import { accountOf, manySigned, signed, signedByAccount } from './verify-pool-items.ts'

const workers: Worker[] = []
const pools: VerifyPool[] = []
const remember = (worker: Worker): unknown => workers.push(worker)
/** Takes a thread so long that whoever asks acts before it answers. */
const long = signed(0, new Uint8Array(2 ** 24))

function poolOf(options: VerifyPoolOptions = {}): VerifyPool {
  const pool = createVerifyPool(options)
  pools.push(pool)
  return pool
}

/** With both of its threads started. */
async function warmPool(): Promise<VerifyPool> {
  const pool = poolOf({ threads: 2 })
  await Promise.all([pool.verifyEd25519([signed(1)]), pool.verifyEd25519([signed(2)])])
  expect(workers).toHaveLength(2)
  return pool
}

beforeEach(() => void process.on('worker', remember))

afterEach(async () => {
  process.off('worker', remember)
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
  workers.splice(0)
})

test('a thread that is killed in the middle answers nothing it had; the other goes on, and a new one takes its place', async () => {
  const pool = await warmPool()
  const lost = { name: 'VerifyPoolError', code: 'VERIFY_POOL_THREAD_LOST' }
  const [first, second, behind] = [pool.judgeEd25519([long]), pool.judgeEd25519([signed(3)]), pool.recoverAddresses([signedByAccount(4)])]
  const heard = Promise.all([first, behind].map((each) => expect(each).rejects.toMatchObject(lost)))
  void workers[0]!.terminate()
  await heard
  expect(await second).toEqual([true])
  expect(await Promise.all([pool.judgeEd25519([long]), pool.judgeEd25519([signed(3)])])).toEqual([[true], [true]])
  expect(workers).toHaveLength(3)
})

test('who has shares at several threads is told once, of the first that is lost; nothing of the rest is held', async () => {
  const pool = poolOf({ threads: 2, queueItemsMax: 2_000 })
  const asked = pool.judgeEd25519([long, ...manySigned(1_999)])
  await new Promise((resolve) => setImmediate(resolve)) // they are named a turn after they were made
  void workers[0]!.terminate()
  await expect(asked).rejects.toMatchObject({ code: 'VERIFY_POOL_THREAD_LOST' })
  const all = manySigned(2_000)
  const whenFree = async (): Promise<boolean[]> => {
    try {
      return await pool.judgeEd25519(all)
    } catch (error) {
      expect(error).toMatchObject({ code: 'VERIFY_POOL_FULL' }) // until the other thread gave back what it had
      await pool.verifyEd25519([signed(1)])
      return whenFree()
    }
  }
  expect(await whenFree()).toEqual(all.map(() => true))
})

test('a thread that dies with nothing to do is replaced when there is something', async () => {
  const pool = await warmPool()
  await Promise.all(workers.map((worker) => worker.terminate()))
  expect(await pool.judgeEd25519([signed(1)])).toEqual([true])
  expect(workers).toHaveLength(3)
})

test('a thread that owes an answer for too long is taken for dead', async () => {
  const pool = poolOf({ threads: 1, silenceMsMax: 1 }) // none starts as fast
  const [first, second] = [pool.judgeEd25519([signed(1)]), pool.judgeEd25519([signed(2)])]
  const lost = { code: 'VERIFY_POOL_THREAD_LOST', message: expect.stringContaining('1 ms') as string }
  await Promise.all([expect(first).rejects.toMatchObject(lost), expect(second).rejects.toMatchObject(lost)])
  await pool.close()
  expect(workers.map(({ threadId }) => threadId)).toEqual([-1]) // one had both, and has ended
})

test('a caller that was busy for too long itself loses no answer that came meanwhile', async () => {
  const pool = poolOf({ threads: 1, silenceMsMax: 2_000 })
  const started = async (): Promise<void> => pool.verifyEd25519([signed(1)]).catch(started) // a machine may be slow to start one
  await started()
  await new Promise((resolve) => setImmediate(resolve)) // timers come next, before answers are read
  const asked = pool.judgeEd25519([signed(2)])
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500)
  expect(await asked).toEqual([true])
})

test('who gives up hears its own reason at once; what went to no thread makes room, what did comes back first', async () => {
  const pool = poolOf({ threads: 1, queueItemsMax: 200 })
  const controller = new AbortController()
  const given = pool.judgeEd25519(manySigned(200), { signal: controller.signal }) // two messages of 64 went
  const early = pool.judgeEd25519([signed(1)])
  controller.abort(new Error('enough'))
  const other = pool.judgeEd25519(manySigned(72))
  const late = pool.judgeEd25519([signed(1)])
  const full = { reason: { code: 'VERIFY_POOL_FULL' } }
  const [said, ...refused] = await Promise.allSettled([given, early, late])
  expect(said).toMatchObject({ reason: { message: 'enough' } })
  expect(refused).toMatchObject([full, full])
  expect(await other).toEqual(manySigned(72).map(() => true))
  expect(await pool.judgeEd25519(manySigned(200))).toHaveLength(200)
})

test('who has given up before asks nothing; a signal that aborts afterwards changes nothing', async () => {
  const pool = poolOf({ queueItemsMax: 1 })
  const controller = new AbortController()
  const asked = pool.recoverAddresses([signedByAccount(1)], { signal: controller.signal })
  expect(await asked).toEqual([accountOf(signedByAccount(1))])
  controller.abort(new Error('enough'))
  await expect(pool.judgeEd25519([signed(1)], { signal: controller.signal })).rejects.toThrow('enough')
  expect(await pool.judgeEd25519([signed(1)])).toEqual([true])
})

test('close ends what runs and what waits, twice, and nothing begins afterwards', async () => {
  const pool = await warmPool()
  const asked = [
    pool.judgeEd25519([long]),
    pool.judgeEd25519([long]),
    pool.verifyEd25519(manySigned(500)),
    pool.recoverAddresses([signedByAccount(1)]),
  ]
  const closed = { name: 'VerifyPoolError', code: 'VERIFY_POOL_CLOSED' }
  const heard = Promise.all(asked.map((each) => expect(each).rejects.toMatchObject(closed)))
  await Promise.all([pool.close(), pool.close()])
  await heard
  expect(workers.map(({ threadId }) => threadId)).toEqual([-1, -1]) // they have ended
  await expect(pool.judgeEd25519([signed(1)])).rejects.toMatchObject(closed)
  await expect(pool.recoverAddresses([])).rejects.toMatchObject(closed)
  expect(workers).toHaveLength(2)
})

test.each([
  ['no thread keeps a process alive that waits for nothing, though nobody closed the pool', [], { answers: [true, false, true] }],
  [
    'where a process may start no threads, that is an error and no answer',
    ['--permission', '--allow-fs-read=*'],
    { code: 'VERIFY_POOL_THREAD_LOST', cause: 'ERR_ACCESS_DENIED' },
  ],
])('%s', async (_, flags, said) => {
  const script = join(import.meta.dirname, 'verify-pool.child.mjs')
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', ...flags, script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  expect({ code, said: JSON.parse(output) as unknown }).toEqual({ code: 0, said })
})
