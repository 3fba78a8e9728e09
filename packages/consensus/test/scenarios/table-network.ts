/** Silence, slowness, cuts, and what an honest network does to order. */
import { delaying, evenLatency } from '@selvedge/simulator'
import { expectTrue, offendersIn, type Scenario } from './play.ts'
import { CORE_OPTIONS, LATENCY_MS_MAX, SCHEDULE_COMMITS, type TimedWorld } from './timed-world.ts'

const goesOn = (world: TimedWorld): void => expectTrue(world.referee.log.length > 2, `only ${world.referee.log.length} commits`)
const nobodyIsGuilty = (world: TimedWorld): void => {
  expectTrue(offendersIn(world).size === 0, 'somebody was found guilty')
  expectTrue(world.referee.halts.length === 0, 'somebody halted')
}
const halvesOf = (world: TimedWorld): number[] => Array.from({ length: Math.floor(world.size / 2) }, (_, at) => at)

const CUT_AT_MS = 80

/** Counts `name` once, as soon as it has `happened`. */
function countOnce(world: TimedWorld, name: string, happened: () => boolean): void {
  const stop = world.sim.every(5, () => {
    if (!happened()) return
    world.plan.count(name)
    stop()
  })
}

/** What is said to the silent reaches nobody, and the order goes on without a word of theirs. */
function countSilence(world: TimedWorld, silent: number): void {
  const { network, referee, size } = world
  const isHeard = (author: number): boolean => [...referee.ordered.values()].some((vertex) => vertex.author === author)
  const speakers = Array.from({ length: size - silent }, (_, at) => at)
  countOnce(world, 'silence', () => network.counts.down > 0 && speakers.every(isHeard))
}

const silentAreNotHeard =
  (silent: (faultyMax: number) => number) =>
  (world: TimedWorld): void => {
    const speakers = world.size - silent(world.faultyMax)
    expectTrue(![...world.referee.ordered.values()].some(({ author }) => author >= speakers), 'who never spoke was heard')
    nobodyIsGuilty(world)
  }

/** Counts what is sent into a cut, by the name that `nameOf` gives the link. */
function countLost(
  world: TimedWorld,
  nameOf: (from: number, to: number) => string | undefined,
  beforeSend: (from: number, to: number) => void = () => {},
): void {
  for (const from of world.honest) {
    world.network.intercept(from, (outgoing) => {
      beforeSend(from, outgoing.to)
      const name = world.network.isCut(from, outgoing.to) ? nameOf(from, outgoing.to) : undefined
      if (name !== undefined) world.plan.count(name)
      return [outgoing]
    })
  }
}

/**
 * Cuts `group` from the others as it says its first word to them from `CUT_AT_MS` on, which is lost: who waits for a quorum may say no other
 * until the cut heals. Counts what either side loses.
 */
function cutOff(world: TimedWorld, group: readonly number[], onCut: () => void): void {
  const { network, sim } = world
  let isOff = false
  countLost(
    world,
    (from, to) => {
      if (group.includes(from) === group.includes(to)) return undefined
      return group.includes(from) ? 'lost on the way out' : 'lost on the way in'
    },
    (from, to) => {
      if (isOff || sim.now() < CUT_AT_MS || !group.includes(from) || group.includes(to)) return
      isOff = true
      network.partition([group])
      onCut()
    },
  )
}

/** Counts what `to` hears from `from` later than any other link takes: the link is in order and loses nothing. */
function countLate(world: TimedWorld, from: number, to: number): void {
  const sentMs: number[] = []
  world.network.intercept(from, (outgoing) => {
    if (outgoing.to === to) sentMs.push(world.sim.now())
    return [outgoing]
  })
  world.member(to).hears = (sender) => {
    if (sender === from && world.sim.now() - sentMs.shift()! > LATENCY_MS_MAX) world.plan.count('late')
    return true
  }
}

/** Leader slots that were passed over between the commits from `from` on. */
function skippedFrom({ options, referee }: TimedWorld, from: number): number {
  const step = options.mode === 'certified' ? 2 : 1
  const { log } = referee
  return log.slice(from + 1).reduce((sum, { leaderRound }, at) => sum + (leaderRound - log[from + at]!.leaderRound) / step - 1, 0)
}

/** The first leader may be the one, before any commit. */
function isAnySkipped(world: TimedWorld): boolean {
  const first = world.options.mode === 'certified' ? 2 : 1
  return world.referee.log[0]!.leaderRound > first || skippedFrom(world, 0) > 0
}

export const networks: readonly Scenario[] = [
  {
    name: 'one member never says a word',
    faults: ['silence'],
    silent: () => 1,
    fault: (world) => countSilence(world, 1),
    mustFollow: goesOn,
    mustNot: silentAreNotHeard(() => 1),
  },
  {
    name: 'as many as may be are dead from the start, and after one schedule hardly a leader is waited for',
    faults: ['silence'],
    silent: (faultyMax) => faultyMax,
    runMs: (size) => (size > 4 ? 600 : 1_000),
    fault: (world) => countSilence(world, world.faultyMax),
    mustFollow: (world) => {
      // version 1 is drawn from the first K commits: from then on, one time-out in K commits may be left
      const from = 2 * SCHEDULE_COMMITS
      const commits = world.referee.log.length - from
      expectTrue(commits >= SCHEDULE_COMMITS, `only ${world.referee.log.length} commits`)
      const allowed = Math.ceil(commits / SCHEDULE_COMMITS)
      expectTrue(skippedFrom(world, from) <= allowed, `I9: ${skippedFrom(world, from)} leaders passed over in ${commits} commits`)
    },
    mustNot: silentAreNotHeard((faultyMax) => faultyMax),
  },
  {
    name: 'as many as may be come a little later than the time-out when they lead, again and again',
    faults: ['delaying'],
    runMs: 250,
    fault: (world) => {
      const late = delaying<Uint8Array>(CORE_OPTIONS.leaderTimeoutMsMax! + 2, 2 * CORE_OPTIONS.leaderTimeoutMsMax!)
      for (let at = world.size - world.faultyMax; at < world.size; at++) world.lie(at, [late, { untilMs: 300 }])
    },
    mustFollow: (world) => {
      goesOn(world)
      expectTrue(isAnySkipped(world), 'each leader was waited for, however late')
    },
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'half is cut from half, and healed',
    faults: ['lost on the way out', 'lost on the way in'],
    runMs: 250,
    fault: (world) => {
      cutOff(world, halvesOf(world), () => {
        const before = world.referee.round
        world.sim.at(245, () => expectTrue(world.referee.round <= before + 3, 'a half without a quorum went on'))
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'as many as may be are cut off, and healed',
    faults: ['lost on the way out', 'lost on the way in'],
    runMs: 250,
    fault: (world) => {
      const off = Array.from({ length: world.faultyMax }, (_, at) => at)
      cutOff(world, off, () => {
        const before = world.referee.log.length
        world.sim.at(245, () => expectTrue(world.referee.log.length > before, 'the quorum stood still'))
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'one member hears everybody and is heard by nobody, then the other way round',
    faults: ['unheard', 'deaf'],
    runMs: 250,
    fault: (world) => {
      const others = world.honest.slice(1)
      countLost(world, (from, to) => (from === 0 ? 'unheard' : to === 0 ? 'deaf' : undefined))
      world.sim.at(60, () => {
        for (const to of others) world.network.cut(0, to)
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
    faults: ['late'],
    fault: (world) => {
      world.network.setLink(0, 1, { latency: evenLatency(60, 100) })
      countLate(world, 0, 1)
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
      countOnce(world, 'slow uplink', () => world.honest.some((at) => world.network.uplinkDelayMs(at) > 1))
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
]
