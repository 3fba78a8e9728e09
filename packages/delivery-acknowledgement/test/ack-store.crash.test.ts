/** kill -9 in the middle of writing: whatever was said to be on disk is there. A thousand kills: test/support/soak.ts. */
import { expect, test } from 'vitest'
import { playKills } from './support/kills.ts'

const SEED = Number(process.env.SEED ?? 1)
const KILLS = Number(process.env.RUNS ?? 6)
const KILL_MS_MOST = 10_000

test(`after each of ${KILLS} kills every acknowledgement and tick is there that was on disk, and no lane nonce comes again, seed ${SEED}`, {
  timeout: 60_000 + KILLS * KILL_MS_MOST,
}, async () => {
  const { kills, puts, missing, repeated } = await playKills(KILLS, SEED)
  expect({ kills, missing, repeated }).toEqual({ kills: KILLS, missing: 0, repeated: 0 })
  expect(puts).toBeGreaterThan(0)
})
