import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accounts, createApplication, createMemoryStore, EPOCH_ENDS_KEPT } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { verifyState } from '@selvedge/ledger-types/light-client'
import { expect, test } from 'vitest'
import { testEvidenceRules } from './support/evidence.ts'
import { blockAfter, createGenesis } from './support/network.ts'
import { createRandom } from './support/random-actions.ts'

const ROUNDS = Number(process.env.RUNS ?? 4)
/** As `blockAfter` ends them. */
const BLOCKS_AN_EPOCH = 20

/** Runs a node on `path` until it has said `blocks` commits, kills it, and gives what it said. */
function runAndKill(path: string, blocks: number): Promise<readonly { readonly height: number; readonly stateRoot: string }[]> {
  return new Promise((resolve, reject) => {
    const said: { height: number; stateRoot: string }[] = []
    const child = fork(new URL('./kill-child.ts', import.meta.url), [path], { execArgv: ['--conditions=@selvedge/source'] })
    child.on('error', reject)
    child.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'height' in message) said.push(message as (typeof said)[0])
      if (said.length === blocks) child.kill('SIGKILL') // while the next block is being executed or committed
    })
    child.on('exit', () => resolve(said))
  })
}

// Goal: a killed node comes back exactly where its last commit was: nothing that it said is lost, nothing is half there, and the ends of the last
// epochs are proven as before.
// Method: a child is killed with -9 at a random block, reopened, compared with a ledger in memory that executes the same blocks.
test('a node that is killed with -9 comes back with whole blocks only', async () => {
  const random = createRandom(7)
  const path = mkdtempSync(join(tmpdir(), 'selvedge-kill-'))
  const { genesis, wallets } = createGenesis({ wallets: 8 })
  const reference = createApplication({ store: createMemoryStore(), evidenceRules: testEvidenceRules }, { genesis })
  const roots = new Map([[0, Buffer.from(reference.lastApplied().stateRoot).toString('hex')]])
  const catchUp = (height: number): void => {
    while (reference.lastApplied().height < height) {
      const { height: at, stateRoot } = reference.execute(blockAfter(reference, wallets))
      roots.set(at, Buffer.from(stateRoot).toString('hex'))
    }
  }
  let proven = 0
  for (let round = 0; round < ROUNDS; round++) {
    const said = await runAndKill(path, 3 + random.below(25))
    const store = createLmdbStore(path)
    const app = createApplication({ store, evidenceRules: testEvidenceRules }, { genesis })
    const { height, stateRoot } = app.lastApplied()
    catchUp(height)
    const { epochEnds } = app.statesHeld()
    const ended = Array.from({ length: Math.floor(height / BLOCKS_AN_EPOCH) }, (_, i) => (i + 1) * BLOCKS_AN_EPOCH)
    const kept = ended.length === 0 ? [0] : ended.slice(-EPOCH_ENDS_KEPT)
    expect(epochEnds).toEqual(kept.filter((end) => end < height))
    proven += epochEnds.length
    for (const end of epochEnds) {
      const state = app.stateAt(end)!
      const root = state.stateRoot()
      expect(Buffer.from(root).toString('hex')).toBe(roots.get(end))
      for (const { address } of wallets) {
        const claim = { table: accounts.id, key: address, value: state.read(accounts.id, address) }
        verifyState({ stateRoot: root }, claim, state.prove(accounts.id, address))
      }
    }
    await store.close()
    expect(height).toBeGreaterThanOrEqual(said.at(-1)!.height)
    expect(said.map((each) => each.stateRoot)).toEqual(said.map((each) => roots.get(each.height)))
    expect(Buffer.from(stateRoot).toString('hex')).toBe(roots.get(height))
  }
  expect(proven).toBeGreaterThan(0)
  rmSync(path, { recursive: true })
})
