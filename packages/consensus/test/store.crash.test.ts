/**
 * Goal: what `sync` acknowledged survives `kill -9` at any moment, and a killed store opens. Method: a child appends records of drawn
 * sizes in groups of drawn length, tells each group before it is appended and after it is durable, and is killed after a drawn number of
 * lines, mostly in the middle of a write; then the store is opened here and compared. Several kills in one life of a store.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, test } from 'vitest'
import { createFileStore } from '../src/store.node.ts'
import { bodyOf } from './support/store-record.ts'

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 2)
const KILLS = 4
const CHILD = fileURLToPath(new URL('./support/store.child.ts', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-store-kill-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Works in a child until it is killed after `lines` lines. @returns the highest number that was durable. */
async function workUntilKilled(path: string, from: number, seed: number, lines: number): Promise<number> {
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, path, String(from), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let durable = from - 1
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    durable = Math.max(durable, Number(line))
    if (++count === lines) child.kill('SIGKILL')
  }
  return durable
}

test.concurrent.for(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  `what was acknowledged survives ${KILLS} kills, seed %i`,
  async (seed, { expect }) => {
    const path = join(folder, String(seed))
    let next = 1
    for (let kill = 0; kill < KILLS; kill++) {
      const durable = await workUntilKilled(path, next, seed, 3 + ((seed * 37 + kill * 11) % 40))
      expect(durable).toBeGreaterThanOrEqual(next)
      const store = createFileStore({ path, segmentBytesMax: 2 ** 20 })
      await store.start()
      const records = [...store.epoch(0).entries('batch')]
      expect(records.length).toBeGreaterThanOrEqual(durable)
      for (const [i, { key, bytes }] of records.entries()) {
        expect(key).toBe(String(i + 1)) // a prefix of what was appended: none is missing, none doubled
        expect(Buffer.compare(bytes, bodyOf(i + 1))).toBe(0)
      }
      next = records.length + 1
      await store.stop()
    }
  },
)
