// Goal: the state of a final block can be streamed until its root was given, whatever blocks followed and however often the process died.
// Method: random epochs with everything in them; a node that is opened anew for every block streams old final blocks, beside the streams
// that were taken when those blocks were the last; on LMDB a child is killed with -9 and the stream is made by another life.
import { createApplication, createMemoryStore, SPACES, type Application, type KeyValueStore } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { decodeCheckpoint, type Genesis } from '@selvedge/ledger-types'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Claim } from './support/delivery.ts'
import { Economy } from './support/economy.ts'
import { testEvidenceRules } from './support/evidence.ts'
import { blockAfter, createGenesis, seedOf } from './support/network.ts'
import { createRandom } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Math.ceil(Number(process.env.RUNS ?? 6) / 3)
const EPOCHS = 6

const opened = (store: KeyValueStore, genesis: Genesis, keepsSnapshots = true, isArchive = false): Application =>
  createApplication({ store, evidenceRules: testEvidenceRules }, { genesis, keepsSnapshots, isArchive })

function streamOf(app: Application, height?: number): Uint8Array {
  const snapshot = app.openSnapshot(height)
  try {
    return Buffer.concat([...snapshot.pieces()])
  } finally {
    snapshot.close()
  }
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('old final blocks are streamed as they were, seed %i', (seed) => {
  const economy = new Economy(seed)
  const random = createRandom(1_000 + seed)
  const { network } = economy
  const original = network.app
  const store = createMemoryStore()
  const streams = new Map([[0, streamOf(original)]])
  let waiting = [0]
  const [ages, gaveUp]: [number[], number[]] = [[], []]
  network.app = {
    ...original,
    execute(block) {
      const outcome = original.execute(block)
      const { height } = outcome
      const app = opened(store, network.genesis) // a life for each block
      app.execute(block)
      if (outcome.final !== undefined) {
        streams.set(height, streamOf(original))
        waiting.push(height)
      }
      const held = app.heldSnapshots()
      gaveUp.push(...waiting.filter((each) => !held.includes(each)))
      waiting = waiting.filter((each) => held.includes(each))
      expect(held).toEqual(waiting)
      expect(gaveUp.every((each) => held.length > 0 && each < held[0]!)).toBe(true)
      for (const each of held) expect(Buffer.compare(streamOf(app, each), streams.get(each)!)).toBe(0)
      ages.push(...held.map((each) => height - each))
      if (held.length > 0 && random.below(12) === 0) {
        const done = held[random.below(held.length)]!
        app.provideSnapshotRoot(done, seedOf('any'))
        expect(() => app.openSnapshot(done === height ? done - 1 : done)).toThrow(expect.objectContaining({ code: 'APPLICATION_PRUNED' }))
        waiting = waiting.filter((each) => each !== done)
      }
      return outcome
    },
  }
  let [served, earlier]: [Claim[], Claim[]] = [[], []]
  for (let epoch = 0; epoch < EPOCHS; epoch++) [served, earlier] = [economy.epoch(served, earlier), served]
  expect(Math.max(...ages)).toBeGreaterThan(0)
})

test('old rows are kept once, no longer than a root is waited for, and of so many final blocks', () => {
  const { genesis, wallets } = createGenesis({ wallets: 8 })
  const store = createMemoryStore()
  const app = opened(store, genesis, true, true) // an archive: it retains no ends of epochs, for which the same rows are kept
  const run = (blocks: number): void => {
    for (let i = 0; i < blocks; i++) app.execute(blockAfter(app, wallets))
  }
  const kept = (): number => [...store.range(SPACES.rowsBefore, new Uint8Array(0))].length
  const rows = (): number => Array.from({ length: 26 }, (_, i) => [...store.range(i + 1, new Uint8Array(0))].length).reduce((a, b) => a + b)
  run(19)
  const before = kept()
  expect(before).toBeGreaterThan(8)
  expect(before).toBeLessThan(rows())
  run(100)
  expect(app.heldSnapshots()).toEqual([40, 60, 80, 100])
  expect(kept()).toBeLessThan(4 * rows())
  for (const height of app.heldSnapshots()) app.provideSnapshotRoot(height, seedOf('root'))
  expect(app.heldSnapshots()).toEqual([])
  run(1)
  expect(app.heldSnapshots()).toEqual([120])
  expect(kept()).toBe(0)
  app.provideSnapshotRoot(120, seedOf('root'))
  run(5)
  expect(kept()).toBe(0)
})

test('who keeps no snapshots has no old rows, and what an earlier life kept is not believed after a gap', () => {
  const { genesis, wallets } = createGenesis({ wallets: 8 })
  const store = createMemoryStore()
  const app = opened(store, genesis)
  app.execute(blockAfter(app, wallets))
  expect(app.heldSnapshots()).toEqual([0])
  const careless = opened(store, genesis, false)
  careless.execute(blockAfter(careless, wallets))
  const again = opened(store, genesis)
  again.execute(blockAfter(again, wallets))
  expect(again.heldSnapshots()).toEqual([])
  expect([...store.range(SPACES.rowsBefore, new Uint8Array(0))]).toEqual([])
})

test('a member that is killed while it hashes makes the same root in its next life, and its checkpoint with it', async () => {
  const path = mkdtempSync(join(tmpdir(), 'selvedge-held-'))
  const { genesis, wallets } = createGenesis({ wallets: 8 })
  await new Promise<void>((resolve, reject) => {
    const child = fork(new URL('./kill-child.ts', import.meta.url), [path], { execArgv: ['--conditions=@selvedge/source'] })
    child.on('error', reject)
    child.on('message', (message: { readonly height?: number }) => void ((message.height ?? 0) >= 47 && child.kill('SIGKILL')))
    child.on('exit', () => resolve())
  })
  const store = createLmdbStore(path)
  const app = opened(store, genesis)
  const [height, next] = app.heldSnapshots().slice(-2) as [number, number] // a slow machine lets it run on: which they are is open
  const reference = createApplication({ store: createMemoryStore(), evidenceRules: testEvidenceRules }, { genesis })
  while (reference.lastApplied().height < height) reference.execute(blockAfter(reference, wallets))
  expect(Buffer.compare(streamOf(app, height), streamOf(reference))).toBe(0)
  const [completed] = app.provideSnapshotRoot(height, seedOf('root'))
  expect(decodeCheckpoint(completed!.bytes)).toMatchObject({ height: next, isFinal: true, snapshotRoot: seedOf('root') })
  while (reference.lastApplied().height < next) reference.execute(blockAfter(reference, wallets))
  expect(Buffer.compare(streamOf(app, next), streamOf(reference))).toBe(0)
  await store.close()
  rmSync(path, { recursive: true })
})
