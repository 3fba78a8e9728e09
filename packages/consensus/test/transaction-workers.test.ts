import { afterEach, expect, test, vi } from 'vitest'
import { ThreadPool } from '../src/driver/thread-pool.ts'
import { createTransactionWorkers, type TransactionWorkers, type TransactionWorkersOptions } from '../src/transaction-workers.node.ts'

const module = new URL('./support/judge.ts', import.meta.url)
const living: TransactionWorkers[] = []

function start(options: Partial<TransactionWorkersOptions> = {}): TransactionWorkers {
  const workers = createTransactionWorkers({ module, threads: 1, ...options })
  living.push(workers)
  return workers
}

afterEach(async () => {
  await Promise.all(living.splice(0).map((workers) => workers.stop()))
})

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

test('what kills a worker is looked at by the next, then here, and nothing else is lost', async () => {
  const failures: unknown[] = []
  const workers = start({ onWorkerFailure: (error) => failures.push(error) })
  const transactions = numbered(300)
  transactions[150] = Uint8Array.of(255, 1)
  expect(await workers.judge(transactions, { urgency: 'peer' })).toEqual(answersTo(transactions))
  expect(failures.length).toBeGreaterThan(0)
  for (let i = 0; i < 5; i++) expect(await workers.judge([Uint8Array.of(255)], { urgency: 'block' })).toEqual(Uint8Array.of(255, 1, 0))
  expect(await workers.judge(numbered(10), { urgency: 'client' })).toEqual(answersTo(numbered(10)))
})

test('the error of the module, or that there is no module, reaches who asked, and nobody else', async () => {
  const workers = start()
  const good = workers.judge(numbered(100), { urgency: 'client' })
  await expect(workers.judge([Uint8Array.of(254)], { urgency: 'client' })).rejects.toThrow('no transaction')
  expect(await good).toEqual(answersTo(numbered(100)))
  await expect(start({ module: new URL('./none.ts', import.meta.url) }).judge(numbered(1), { urgency: 'block' })).rejects.toThrow('none')
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
})
