/** kill -9 before each call to the file system, and in the middle of each write, while a store is made or brought to the present version: all that was kept is there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Kept, keptIn, makeOldFiles, OLD_KEPT, writeOldFiles } from './support/old-store.ts'

/** Far above what an opening takes. */
const STEPS_MOST = 100
const CHILD = join(import.meta.dirname, 'ack-store-format.child.ts')
const NOTHING: Kept = { seqs: new Map(), past: 0, standings: [], nonce: 0n }

test.each([
  ['of version 0 is whole', OLD_KEPT, 15],
  ['that is new is there', NOTHING, 8],
] as const)('a store %s, wherever its opening is killed', { timeout: 180_000 }, async (_, expected, stepsLeast) => {
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  try {
    const old = await makeOldFiles(join(folder, 'made'))
    let step = 0
    for (let isKilled = true; isKilled; step++) {
      expect(step).toBeLessThan(STEPS_MOST)
      const path = join(folder, String(step))
      await mkdir(path)
      if (expected === OLD_KEPT) await writeOldFiles(path, old)
      const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, path, String(step)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
      isKilled = signal === 'SIGKILL'
      expect([code, signal]).toEqual(isKilled ? [null, 'SIGKILL'] : [0, null])
      expect(await keptIn(path)).toEqual(expected)
    }
    expect(step).toBeGreaterThan(stepsLeast)
  } finally {
    await rm(folder, { recursive: true })
  }
})
