// Goal: who signed a transaction is found out in threads, before it is in a batch and before its block runs, and the ledger is the same.
import { createApplication, createMemoryStore, type Application } from '@selvedge/application'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createWallet } from '../src/ledger-devnet/setup.ts'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createLedgerVerdicts } from '../src/ledger/verdicts.ts'
import { signed, TestNetwork } from './ledger-network.ts'

let folder: string

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'ledger-verdicts-'))
})

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

const unsigned = (bytes: Uint8Array): Uint8Array => bytes.with(-1, 0).with(-2, 0).with(-33, 0xff) // s is high, or another account's

test('threads say what execution would find out, and the block that follows is the same', async () => {
  const network = await TestNetwork.create(join(folder, 'one'), { pace: 1 })
  const open = (): Application => createApplication({ store: createMemoryStore(), evidenceRules }, { genesis: network.genesis })
  const [withThreads, without] = [open(), open()]
  let threads = 0
  const count = (): void => void threads++
  process.on('worker', count)
  onTestFinished(() => void process.off('worker', count))
  const verdicts = createLedgerVerdicts(withThreads)
  const to = createWallet().address
  const transactions = Array.from({ length: 150 }, (_, i) => signed(network.user, BigInt(i), to, 5n)).map((bytes, i) =>
    i % 50 === 49 ? unsigned(bytes) : bytes,
  )
  expect((await verdicts.verify(transactions.slice(0, 60), 'peer')).filter((isGood) => !isGood).length).toBeLessThanOrEqual(1)
  const { epoch, index, timestampMs } = withThreads.lastApplied()
  const items = [{ type: 'transactions', author: 0, transactions }] as const
  const block = { epoch, index: index + 1, digest: new Uint8Array(32).fill(3), timestampMs: timestampMs + 1_000, items }
  const outcome = withThreads.execute({ ...block, items: await verdicts.withVerdicts(items) })
  expect(outcome).toEqual(without.execute(block))
  expect(outcome.executed).toHaveLength(50) // the first 49 and the block's own: after a gap no nonce is the next
  expect(threads).toBeGreaterThan(0)
  expect(threads).toBeLessThanOrEqual(Math.max(1, availableParallelism() - 1))
  expect(verdicts.size).toBe(0)
  await verdicts.stop()
  await expect(verdicts.verify(transactions, 'client')).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
}, 60_000)

test('four nodes refuse what nobody signed, and agree on what was', async () => {
  const network = await TestNetwork.create(join(folder, 'four'), { pace: 1 })
  try {
    await network.startAll(() => ({}))
    await expect(network.submit(0, [unsigned(signed(network.user, 0n, network.user.address, 1n))])).rejects.toThrow('1 transactions')
    const to = createWallet().address
    const transfers = Array.from({ length: 60 }, (_, i) => signed(network.user, BigInt(i), to, 1n))
    await network.submit(1, transfers)
    const balances = (): bigint[] => network.nodes.map(({ index }) => network.application(index).account(to).native)
    await network.until(() => balances().every((native) => native === 60n))
    const reached = Math.min(...network.nodes.map(({ index }) => network.heightOf(index)))
    const recordOf = (index: number) => network.application(index).history.recordOf(reached)
    for (const { index } of network.nodes) expect(recordOf(index)).toMatchObject({ ...recordOf(0), checkpoint: expect.anything() })
    expect(network.nodes.flatMap(({ index }) => network.blocks.get(index)!).flatMap(({ outcome }) => [...outcome.refused])).toEqual([])
  } finally {
    await network.stopAll()
  }
}, 120_000)
