import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { ThreadPool } from '../src/driver/thread-pool.ts'
import { createTransactionWorkers, type TransactionWorkers, type TransactionWorkersOptions } from '../src/transaction-workers.node.ts'

const module = new URL('./support/judge.ts', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'transaction-workers-'))
const living: TransactionWorkers[] = []

function start(options: Partial<TransactionWorkersOptions> = {}): TransactionWorkers {
  const workers = createTransactionWorkers({ module, threads: 1, ...options })
  living.push(workers)
  return workers
}

afterEach(async () => {
  await Promise.all(living.splice(0).map((workers) => workers.stop()))
})

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

/** Ends so many threads, and is answered by the next. */
const deadly = (deaths: number, name: string): Uint8Array => Uint8Array.of(253, deaths, ...new TextEncoder().encode(join(folder, name)))
const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => new Uint8Array(1 + (i % 7)).fill(i % 200))
const answersTo = (transactions: readonly Uint8Array[], hintOf: (i: number) => number = () => 0): Uint8Array =>
  Uint8Array.from(transactions.flatMap((transaction, i) => [transaction[0]!, transaction.length, hintOf(i)]))

test.each([1, 2])('answers stand in the order of the transactions, with their hints, %i threads', async (threads) => {
  const transactions = numbered(1_000)
  const hints = transactions.map((_, i) => Uint8Array.of(i % 100, 1))
  const answers = await start({ threads }).judge(transactions, { urgency: 'peer', hints })
  expect(answers).toEqual(answersTo(transactions, (i) => (i % 100) + 1))
})

test('nothing is asked, nothing is answered', async () => {
  expect(await start().judge([], { urgency: 'block' })).toEqual(new Uint8Array(0))
})

test('a block does not wait behind a flood', async () => {
  const workers = start()
  const settled: string[] = []
  const ask = (name: string, count: number, urgency: 'block' | 'peer' | 'client'): Promise<unknown> =>
    workers.judge(numbered(count), { urgency }).then(() => settled.push(name))
  await Promise.all([ask('flood', 2_000, 'client'), ask('batch', 500, 'peer'), ask('block', 500, 'block')])
  expect(settled).toEqual(['block', 'batch', 'flood'])
})

test('small jobs that wait go to a thread together, each with its own answers', async () => {
  using run = vi.spyOn(ThreadPool.prototype, 'run')
  const workers = start()
  const jobs = Array.from({ length: 100 }, (_, i) => [Uint8Array.of(i), Uint8Array.of(i, i)])
  const answers = await Promise.all(jobs.map((job) => workers.judge(job, { urgency: 'client' })))
  expect(answers).toEqual(jobs.map((job) => answersTo(job)))
  expect(run).toHaveBeenCalledTimes(2 + Math.ceil((2 * 98) / 64)) // the first two found a free place
})

test('what was with two workers that died is answered by a third, a transaction at a time, and nothing else is lost', async () => {
  using run = vi.spyOn(ThreadPool.prototype, 'run')
  const failures: unknown[] = []
  const workers = start({ onWorkerFailure: (error) => failures.push(error) })
  const transactions = numbered(64)
  transactions[40] = deadly(2, 'twice')
  const asked = [workers.judge(transactions, { urgency: 'peer' }), workers.judge(numbered(300), { urgency: 'client' })]
  expect(await Promise.all(asked)).toEqual([answersTo(transactions), answersTo(numbered(300))])
  expect(failures).toHaveLength(2)
  expect(run.mock.calls.length).toBeGreaterThanOrEqual(2 + 64) // six messages, tried twice, would be 12
  expect(await workers.judge(numbered(10), { urgency: 'client' })).toEqual(answersTo(numbered(10)))
})

test.each([
  ['by itself', Uint8Array.of(255, 1)],
  ['by throwing', Uint8Array.of(254)],
])('what ends three workers %s gets no answer, and nothing does from then on', async (_, transaction) => {
  const failures: unknown[] = []
  const workers = start({ onWorkerFailure: (error) => failures.push(error) })
  const transactions = numbered(300).with(150, transaction)
  const details = { bytes: transaction.length, sha256: createHash('sha256').update(transaction).digest('hex') }
  const failed = { code: 'CONSENSUS_WORKER_FAILED', details }
  const [other, deadly] = await Promise.allSettled([
    workers.judge(numbered(2_000), { urgency: 'client' }),
    workers.judge(transactions, { urgency: 'block' }),
  ])
  expect(deadly).toMatchObject({ status: 'rejected', reason: failed })
  if (other.status === 'rejected') expect(other.reason).toMatchObject(failed)
  else expect(other.value).toEqual(answersTo(numbered(2_000))) // it was through before the third death
  expect(failures).toHaveLength(3)
  await expect(workers.judge(numbered(1), { urgency: 'block' })).rejects.toMatchObject(failed)
  await expect(workers.start()).rejects.toMatchObject(failed)
  expect(failures).toHaveLength(3)
})

test('what never comes to an end holds no thread for ever: a worker that owes an answer for too long has died', async () => {
  const endless = Uint8Array.of(252, 7)
  const details = { bytes: 2, sha256: createHash('sha256').update(endless).digest('hex') }
  const failures: unknown[] = []
  const workers = start({ silenceMsMax: 1_000, onWorkerFailure: (error) => failures.push(error) })
  await expect(workers.judge([endless], { urgency: 'peer' })).rejects.toMatchObject({ code: 'CONSENSUS_WORKER_FAILED', details })
  expect(failures).toHaveLength(3)
})

test('a third worker is the last, though a fourth would have lived', async () => {
  await expect(start().judge([deadly(3, 'thrice')], { urgency: 'client' })).rejects.toMatchObject({ code: 'CONSENSUS_WORKER_FAILED' })
  expect(readFileSync(join(folder, 'thrice'), 'utf8')).toBe('...')
})

test('where no worker starts, that is known at the start, or with the first job', async () => {
  await start().start()
  const none = new URL('./none.ts', import.meta.url)
  const failed = { code: 'CONSENSUS_WORKER_FAILED', message: expect.stringContaining('none.ts') as string }
  const workers = start({ module: none })
  await expect(workers.start()).rejects.toMatchObject(failed)
  await expect(workers.judge(numbered(1), { urgency: 'block' })).rejects.toMatchObject(failed)
  await expect(start({ module: none }).judge(numbered(1), { urgency: 'block' })).rejects.toMatchObject(failed)
})

test('who gives up hears its own reason, and the others go on', async () => {
  const workers = start()
  const controller = new AbortController()
  const given = workers.judge(numbered(1_000), { urgency: 'client', signal: controller.signal })
  const other = workers.judge(numbered(100), { urgency: 'client' })
  controller.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  expect(await other).toEqual(answersTo(numbered(100)))
  await expect(workers.judge(numbered(1), { urgency: 'client', signal: controller.signal })).rejects.toThrow('enough')
})

test('stop ends what runs and what waits, twice, and nothing begins afterwards', async () => {
  const workers = start()
  const asked = [workers.judge(numbered(1_000), { urgency: 'block' }), workers.judge(numbered(1_000), { urgency: 'client' })]
  const ended = Promise.all(asked.map((job) => expect(job).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })))
  await Promise.all([workers.stop(), workers.stop()])
  await ended
  await expect(workers.judge(numbered(1), { urgency: 'block' })).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
  await expect(workers.start()).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
})

test.each([2, 3])('stop at death %i ends what is looked at alone, or is about to be', async (last) => {
  let deaths = 0
  const workers = start({
    onWorkerFailure: () => {
      if (++deaths === last) void workers.stop()
    },
  })
  await expect(workers.judge([Uint8Array.of(255)], { urgency: 'block' })).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
})

test('whoever stops them as it hears of a death is obeyed: no worker starts after that', async () => {
  using run = vi.spyOn(ThreadPool.prototype, 'run')
  const workers = start({ onWorkerFailure: () => void workers.stop() })
  const judged = workers.judge([deadly(1, 'stopped'), ...numbered(3)], { urgency: 'block' })
  await expect(judged).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
  expect(run).toHaveBeenCalledTimes(1)
})
