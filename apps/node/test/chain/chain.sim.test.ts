// Goal: the shipped state machine under the asynchronous adversarial scheduler: short epochs, committees that the ledger draws, members that
// die between a block and what they say of it, a liar that wants epochs to end early and signs two things of their last blocks. In a large
// run it takes the small machine's place in one of twenty schedules (consensus, test/chain-schedule; soak.ts).
import { evidences, nodes, NODE_STATES } from '@selvedge/application'
import type { Mode } from '@selvedge/consensus'
import { expect, test } from 'vitest'
import { type ChainOutcome, drawChainPlan, playChain } from '../../../../packages/consensus/test/chain-schedule/schedule.ts'
import { type ApplicationLedger, createApplicationLedger } from './chain-ledger.ts'
import { APPLICATION_NODES, APPLICATION_ONE_OF, PICKS, playSeed } from './play-seed.ts'

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 3)
const SEEDS = Array.from({ length: RUNS }, (_, at) => FIRST + at).filter(
  (seed) => RUNS < APPLICATION_ONE_OF || seed % APPLICATION_ONE_OF === 0,
)

function play(
  mode: Mode,
  seed: number,
  calm: Partial<ReturnType<typeof drawChainPlan>> = {},
): ChainOutcome & { ledger: ApplicationLedger } {
  const ledger = createApplicationLedger(mode, APPLICATION_NODES)
  const outcome = playChain({ ...drawChainPlan(mode, seed, APPLICATION_NODES, PICKS), ...calm }, ledger)
  if (outcome.broken !== undefined) throw outcome.broken
  return { ...outcome, ledger }
}

test.each<Mode>(['certified', 'uncertified'])(`no invariant breaks, %s chain, seeds from ${FIRST}`, (mode) => {
  let epochs = 0
  for (const seed of SEEDS) epochs += play(mode, seed).epochs
  expect(epochs).toBeGreaterThan(0)
})

/** 940: what a node said again before it was executed is two promises. 2840: what is told of waits for its sync, what is given back does not. */
test.each([940, 2840])('seed %i broke an invariant once, by the fault of the schedule', (seed) => {
  expect(play('uncertified', seed).epochs).toBeGreaterThan(1)
})

test('who signs two things of an epoch’s last block is slashed in the next, though its order has ended, and loses its seat', () => {
  const liar = 1
  const quiet = { crashShare: 0, deathShare: 0, forgetShare: 0, duplicateShare: 0, jumpShare: 0.4, feedShare: 0.01 }
  const { ledger, counts } = play('uncertified', 1, { ...quiet, liar, picks: 14_000 })
  expect(counts['second checkpoints']).toBeGreaterThan(0)
  const { state } = ledger.applicationOf(0)
  const rows = state.rows(evidences)
  expect(rows.length).toBeGreaterThan(0)
  for (const [key] of rows) expect(key.nodeIndex).toBe(liar)
  expect(state.get(nodes, liar)).toMatchObject({ state: NODE_STATES.jailed, stake: 0n })
})

test('a long run plays the small machine, and the shipped one each twentieth time', () => {
  const small = playSeed('certified', 19)
  const large = playSeed('certified', 20)
  expect([small.broken, large.broken]).toEqual([undefined, undefined])
  expect([small.executors.length, large.executors.length]).toEqual([5, APPLICATION_NODES])
  expect(large.roots).toBe(play('certified', 20).roots)
})
