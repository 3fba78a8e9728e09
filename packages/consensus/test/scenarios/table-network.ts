/** Silence, slowness, cuts, and what an honest network does to order. */
import { delaying, evenLatency } from '@selvedge/simulator'
import { expectTrue, offendersIn, type Scenario } from './play.ts'
import { CORE_OPTIONS, SCHEDULE_COMMITS, type TimedWorld } from './timed-world.ts'

const goesOn = (world: TimedWorld): void => expectTrue(world.referee.log.length > 2, `only ${world.referee.log.length} commits`)
const nobodyIsGuilty = (world: TimedWorld): void => {
  expectTrue(offendersIn(world).size === 0, 'somebody was found guilty')
  expectTrue(world.referee.halts.length === 0, 'somebody halted')
}
const halvesOf = (world: TimedWorld): number[] => Array.from({ length: Math.floor(world.size / 2) }, (_, at) => at)

/** Leader slots that were passed over between the commits from `from` on. */
function skippedFrom({ options, referee }: TimedWorld, from: number): number {
  const step = options.mode === 'certified' ? 2 : 1
  const { log } = referee
  return log.slice(from + 1).reduce((sum, { leaderRound }, at) => sum + (leaderRound - log[from + at]!.leaderRound) / step - 1, 0)
}

export const networks: readonly Scenario[] = [
  {
    name: 'one member never says a word',
    faults: ['silence'],
    silent: () => 1,
    fault: (world) => world.plan.count('silence'),
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'as many as may be are dead from the start, and after one schedule hardly a leader is waited for',
    faults: ['silence'],
    silent: (faultyMax) => faultyMax,
    runMs: (size) => (size > 4 ? 600 : 1_000),
    fault: (world) => world.plan.count('silence'),
    mustFollow: (world) => {
      // version 1 is drawn from the first K commits: from then on, one time-out in K commits may be left
      const from = 2 * SCHEDULE_COMMITS
      const commits = world.referee.log.length - from
      expectTrue(commits >= SCHEDULE_COMMITS, `only ${world.referee.log.length} commits`)
      const allowed = Math.ceil(commits / SCHEDULE_COMMITS)
      expectTrue(skippedFrom(world, from) <= allowed, `I9: ${skippedFrom(world, from)} leaders passed over in ${commits} commits`)
    },
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'a leader comes a little later than the time-out, again and again',
    faults: ['delaying'],
    fault: (world) =>
      world.lie(world.size - 1, [delaying(CORE_OPTIONS.leaderTimeoutMsMax! + 2, 2 * CORE_OPTIONS.leaderTimeoutMsMax!), { untilMs: 300 }]),
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'half is cut from half, and healed',
    faults: ['partition'],
    runMs: 250,
    fault: (world) => {
      world.sim.at(80, () => {
        world.network.partition([halvesOf(world)])
        world.plan.count('partition')
        const before = world.referee.round
        world.sim.at(245, () => expectTrue(world.referee.round <= before + 3, 'a half without a quorum went on'))
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'as many as may be are cut off, and healed',
    faults: ['partition'],
    runMs: 250,
    fault: (world) => {
      const off = Array.from({ length: world.faultyMax }, (_, at) => at)
      world.sim.at(80, () => {
        world.network.partition([off])
        world.plan.count('partition')
        const before = world.referee.log.length
        world.sim.at(245, () => expectTrue(world.referee.log.length > before, 'the quorum stood still'))
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'one member hears everybody and is heard by nobody, then the other way round',
    faults: ['asymmetric'],
    runMs: 250,
    fault: (world) => {
      const others = world.honest.slice(1)
      world.sim.at(60, () => {
        for (const to of others) world.network.cut(0, to)
        world.plan.count('asymmetric')
      })
      world.sim.at(150, () => {
        world.network.heal()
        for (const from of others) world.network.cut(from, 0)
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'one link is twenty times slower than the others',
    faults: ['slow link'],
    fault: (world) => {
      world.network.setLink(0, 1, { latency: evenLatency(60, 100) })
      world.plan.count('slow link')
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'messages come twice, are overtaken and are lost',
    faults: ['chaos'],
    options: () => ({ network: { isOrdered: false, duplicateShare: 0.1, reorderShare: 0.2, reorderMs: 40, lossShare: 0.02 } }),
    runMs: 300,
    fault: (world) => {
      world.sim.at(290, () => {
        const { duplicated, reordered, lost } = world.network.counts
        if (duplicated > 0 && reordered > 0 && lost > 0) world.plan.count('chaos')
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'uplinks carry a tenth of what is offered',
    faults: ['slow uplink'],
    fault: (world) => {
      for (const at of world.honest) world.network.setUplink(at, 30_000 * world.size)
      const stop = world.sim.every(5, () => {
        if (!world.honest.some((at) => world.network.uplinkDelayMs(at) > 1)) return
        world.plan.count('slow uplink')
        stop()
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
]
