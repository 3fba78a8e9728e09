/**
 * Goal: `kill -9` at any moment leaves each item whole or absent, and what was acknowledged is there. Method: a child process works
 * on a real store; it kills itself at an operation on files drawn from the seed (in the middle of a write, before or after
 * anything else), or is killed from outside after so many lines; then the store is opened here and held against the lines.
 * Several kills in one life of a store.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, test } from 'vitest'
import { createBlockstore } from '../src/index.ts'
import { Random } from './support/random.ts'
import { type Action, checkModel, Model } from './support/workload.ts'

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 10)
const KILLS = 5
/** It starts 50 processes and says nothing of how long they take. */
const TIMEOUT_MS = 600_000
const CHILD = fileURLToPath(new URL('./support/crash-child.ts', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-kill-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Works in a child until it is dead. @param lines - after so many the parent kills; @param killsAt - the child kills itself. */
async function workUntilKilled(path: string, seed: number, model: Model, killsAt: number, lines: number): Promise<NodeJS.Signals | null> {
  const held = [...model.held].join(',')
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, path, String(seed), String(killsAt), held], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)))
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [state, action, item] = line.split(' ')
    if (state !== 'started') model.log(state as 'began' | 'acked', action as Action, Number(item))
    if (++count === lines) child.kill('SIGKILL')
  }
  return exited
}

// Side by side, because each spends its time waiting for the disk.
test.concurrent.for(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  `what was acknowledged survives ${KILLS} kills, seed %i`,
  { timeout: TIMEOUT_MS },
  async (seed, { expect }) => {
    const random = new Random(seed)
    const path = join(folder, String(seed))
    const model = new Model()
    for (let kill = 0; kill < KILLS; kill++) {
      const isOwn = random.next() < 0.7
      const killsAt = isOwn ? 1 + random.below(200) : 0
      const signal = await workUntilKilled(path, seed * 100 + kill, model, killsAt, isOwn ? 0 : 1 + random.below(300))
      expect(signal).toBe('SIGKILL')
      const store = createBlockstore({}, { path })
      await store.start()
      expect(await checkModel(store, model)).toEqual([])
      expect(await readdir(join(path, 'parts'))).toEqual([])
      await store.stop()
    }
  },
)
