// Goal: a transaction of a node without a seat gets to somebody who takes it, once, or its owner hears that nobody did; and strangers who bring
// transactions cost no more than their share.
// Method: real listeners on loopback, a real state machine that decides what is good; who takes and who does not is the test's.
import { createApplication, createMemoryStore, type Application } from '@selvedge/application'
import type { SyncSource } from '@selvedge/synchronizer'
import { dialSync, listenSync, type SyncListener } from '@selvedge/synchronizer/net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createRelay } from '../src/ledger/relay.ts'
import { TransactionIntake } from '../src/ledger/transaction-intake.ts'
import { createLedgerVerdicts, type LedgerVerdicts } from '../src/ledger/verdicts.ts'
import { signed, TestNetwork } from './ledger-network.ts'

const SIGNAL = new AbortController().signal

let folder: string
let network: TestNetwork
let application: Application
let verdicts: LedgerVerdicts
const listeners: SyncListener[] = []
/** What got through, in order. */
const taken: Uint8Array[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-relay-'))
  network = await TestNetwork.create(folder, { pace: 1, senders: 200 })
  application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis: network.genesis })
  verdicts = createLedgerVerdicts(application)
})

afterAll(async () => {
  await Promise.all(listeners.map((listener) => listener.stop()))
  await verdicts.stop()
  await rm(folder, { recursive: true })
})

beforeEach(() => void taken.splice(0))

async function serve(takeTransaction: SyncSource['takeTransaction']): Promise<SyncSource> {
  const nothing = { name: 'node', epochProof: async () => undefined, snapshotCertificate: async () => undefined }
  async function* none(): AsyncGenerator<Uint8Array, void, undefined> {}
  const source = { ...nothing, snapshotSlice: none, blocks: none, ...(takeTransaction === undefined ? {} : { takeTransaction }) }
  const listener = await listenSync(source)
  listeners.push(listener)
  return dialSync({ host: '127.0.0.1', port: listener.port })
}

function intakeOf(submit: (bytes: Uint8Array, hops: number) => Promise<void>, nowMs: () => number = () => 0): TransactionIntake {
  return new TransactionIntake({ application, judge: (bytes) => verdicts.judge(bytes), submit, nowMs })
}

const member = (): Promise<SyncSource> => {
  const intake = intakeOf(async (bytes) => void taken.push(bytes.slice()))
  return serve((bytes, hops) => intake.take(bytes, hops))
}
const transfer = (sender = 0, nonce = 0n): Uint8Array => signed(network.senders[sender]!, nonce, network.user.address, 1n)

test('past one that is gone, one that takes nothing and one that lies, a member gets it', async () => {
  const gone = await serve(undefined)
  await listeners.at(-1)!.stop()
  const relay = createRelay([gone, await serve(undefined), await serve(async () => false), await member()])
  await relay.submit(transfer(), { signal: SIGNAL })
  expect(taken).toEqual([transfer()])
  await expect(createRelay([gone]).submit(transfer(), { signal: SIGNAL })).rejects.toMatchObject({ code: 'NODE_BUSY' })
  await expect(createRelay([]).submit(transfer(), { signal: SIGNAL })).rejects.toMatchObject({ code: 'NODE_BUSY' })
})

test('it is passed on twice and no further', async () => {
  const last = await member()
  const chain: SyncSource[] = [last]
  const hopsSeen: number[] = []
  for (let i = 0; i < 3; i++) {
    const relay = createRelay([chain[0]!])
    const intake = intakeOf((bytes, hops) => {
      hopsSeen.push(hops)
      if (hops === 0) return Promise.reject(new Error('far enough'))
      return relay.submit(bytes, { signal: SIGNAL, hops: hops - 1 })
    })
    chain.unshift(await serve((bytes, hops) => intake.take(bytes, hops)))
  }
  await createRelay([chain[1]!]).submit(transfer(), { signal: SIGNAL }) // two on the way
  expect(taken).toEqual([transfer()])
  expect(hopsSeen).toEqual([2, 1])
  await expect(createRelay([chain[0]!]).submit(transfer(1), { signal: SIGNAL })).rejects.toMatchObject({ code: 'NODE_BUSY' })
  expect(hopsSeen).toEqual([2, 1, 2, 1, 0])
})

test('the same bytes are under way once, and brought again they are taken without work', async () => {
  const gate = Promise.withResolvers<void>()
  let [nowMs, submitted] = [0, 0]
  const intake = intakeOf(
    async () => {
      submitted++
      await gate.promise
    },
    () => nowMs,
  )
  const bytes = transfer()
  const all = [intake.take(bytes, 0), intake.take(bytes.slice(), 2), intake.take(bytes, 0)]
  gate.resolve()
  expect(await Promise.all(all)).toEqual([true, true, true])
  expect(await intake.take(bytes, 0)).toBe(true)
  expect(submitted).toBe(1)
  nowMs = 5_000 // its batch may have been lost: it counts as new
  expect(await intake.take(bytes, 0)).toBe(true)
  expect(submitted).toBe(2)
})

test('what would be refused, or is not the next of its account, is not taken', async () => {
  const intake = intakeOf(async (bytes) => void taken.push(bytes))
  const forged = transfer()
  forged[forged.length - 1]! ^= 1
  for (const bytes of [new Uint8Array(0), new Uint8Array(200).fill(2), forged, transfer(0, 1n)])
    expect(await intake.take(bytes, 0)).toBe(false)
  expect(taken).toEqual([])
  expect(await intake.take(transfer(), 0)).toBe(true)
})

test('so many are worked on at a time, and so many are looked at in a second', async () => {
  const gate = Promise.withResolvers<void>()
  let nowMs = 0
  const intake = intakeOf(
    () => gate.promise,
    () => nowMs,
  )
  const first = Array.from({ length: 70 }, (_, i) => intake.take(transfer(i), 0))
  gate.resolve()
  expect((await Promise.all(first)).filter(Boolean)).toHaveLength(64)
  const more: boolean[] = []
  for (let i = 70; i < 170; i++) more.push(await intake.take(transfer(i), 0))
  expect(more.filter(Boolean)).toHaveLength(100 - 64)
  nowMs = 500
  expect(await Promise.all(Array.from({ length: 30 }, (_, i) => intake.take(transfer(170 + i), 0)))).toEqual(Array(30).fill(true))
})
