/** Machines that die, disks that forget, clocks that lie, executors that lag. */
import type { Loss } from '@selvedge/simulator'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import type { TimedWorld } from './timed-world.ts'
import type { Boundary } from './member.ts'

const VICTIM = 1
const MINUTE_MS = 60_000
/** Even, as the rounds of leaders are, and small, so that it is soon reached. */
const EDGE_GC_DEPTH = 4
/** By how much the others have collected beyond the round of who comes back. */
const EDGES = [
  { name: 'a round above', offset: -1 },
  { name: 'exactly there', offset: 0 },
  { name: 'a round below', offset: 1 },
]

const goesOn = (world: TimedWorld): void => expectTrue(world.referee.log.length > 2, 'nothing was committed')
const nobodyIsGuilty = (world: TimedWorld): void => {
  expectTrue(offendersIn(world).size === 0, 'somebody was found guilty')
  expectTrue(world.referee.halts.length === 0, 'somebody halted')
}
/** The victim took part again: it has executed what the others have. */
const isBack = (world: TimedWorld): void => {
  goesOn(world)
  expectTrue(world.referee.emittedBy(VICTIM) > 5, 'the victim never came back')
}

/** In life i the victim dies at its i-th boundary, and comes back a little later. */
function dieAtEach(world: TimedWorld, boundaries: readonly Boundary[]): void {
  const member = world.member(VICTIM)
  let met = 0
  let life = 1
  const { die } = member
  member.die = () => {
    die()
    met = 0
    life++
    world.plan.count('died at a boundary')
    world.sim.after(10, () => world.restart(VICTIM))
  }
  member.diesAt = (boundary) => boundaries.includes(boundary) && ++met >= life
}

function crashOften(world: TimedWorld, losses: readonly Loss[]): void {
  let crash = 0
  for (const [place, at] of world.honest.slice(0, world.faultyMax).entries()) {
    for (let atMs = 40 + 20 * place; atMs < 150; atMs += 60) world.crashFor(at, atMs, 30, losses[crash++ % losses.length])
  }
}

/** Counts a fault once, when it is found to be there. */
function countOnce(world: TimedWorld, name: string, isThere: () => boolean): void {
  const stop = world.sim.every(5, () => {
    if (!isThere()) return
    world.plan.count(name)
    stop()
  })
}

/** Whether the wall clock of `at` differs by so much from the median one. */
function isOff(world: TimedWorld, at: number, minutes: number): boolean {
  const clocks = world.members.map((_, each) => world.node(each).unixMs()).sort((a, b) => a - b)
  const offMs = world.node(at).unixMs() - clocks[Math.floor(clocks.length / 2)]!
  return minutes < 0 ? offMs <= minutes * MINUTE_MS : offMs >= minutes * MINUTE_MS
}

function countSkew(world: TimedWorld): void {
  countOnce(world, 'ahead', () => isOff(world, world.size - 1, 10))
  countOnce(world, 'behind', () => isOff(world, VICTIM, -10))
}

const roundsOrderedOf = ({ referee }: TimedWorld, author: number): number[] =>
  [...referee.ordered.values()].filter((vertex) => vertex.author === author).map(({ round }) => round)

/**
 * The member is cut off at some round, and let back at the instant when all others have collected up to the round that an edge names, seen
 * from its own. What is there between two commits cannot be chosen, so it is cut off anew until each edge was met.
 */
function comeBackAtEachEdge(world: TimedWorld): void {
  const { plan, network, referee, honest } = world
  const open = new Map(EDGES.map(({ name, offset }) => [offset, name]))
  const others = honest.filter((at) => at !== VICTIM)
  const roundOf = (at: number): number => world.member(at).core?.gauges.round ?? 0
  let isAway = false
  const leave = (): void => {
    // leaders of the certified rule stand in even rounds, and so do floors: an edge a round off is met from odd ones only
    const isReachable = world.options.mode === 'uncertified' || open.has(0) === (roundOf(VICTIM) % 2 === 0)
    if (!isReachable || roundOf(VICTIM) === 0 || referee.emittedBy(VICTIM) < referee.log.length) return
    isAway = true
    network.partition([[VICTIM]])
  }
  const look = (): void => {
    if (open.size === 0) return
    if (!isAway) return leave()
    const [gcRound, ...rest] = others.map((at) => world.member(at).core?.gauges.gcRound ?? 0)
    if (gcRound === 0 || rest.some((each) => each !== gcRound)) return
    const offset = gcRound! - roundOf(VICTIM)
    const name = open.get(offset)
    if (name === undefined && offset <= 1) return
    if (name !== undefined) plan.count(name)
    open.delete(offset)
    isAway = false
    world.heal()
  }
  world.sim.every(1, look)
}

export const machines: readonly Scenario[] = [
  {
    name: 'a member dies before every persist, send and emission in turn, and comes back each time',
    faults: ['died at a boundary'],
    runMs: (size) => (size > 4 ? 250 : 600),
    options: () => ({ asksForFloor: false }),
    fault: (world) => dieAtEach(world, ['beforePersist', 'beforeSend', 'beforeEmit']),
    mustFollow: (world) => {
      expectTrue(world.plan.counts.get('died at a boundary')! > 4, 'it died too seldom')
      isBack(world)
    },
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'a member dies after every persist, send and emission in turn, and comes back each time',
    faults: ['died at a boundary'],
    runMs: (size) => (size > 4 ? 250 : 600),
    options: () => ({ asksForFloor: false }),
    fault: (world) => dieAtEach(world, ['afterPersist', 'afterSend', 'afterEmit']),
    mustFollow: (world) => {
      expectTrue(world.plan.counts.get('died at a boundary')! > 4, 'it died too seldom')
      isBack(world)
    },
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'members die and lose all that was not synced, or only the end of it',
    faults: ['crash'],
    fault: (world) => crashOften(world, ['all', 'prefix', 'none']),
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'members die in the middle of a write: the tail of the log is torn',
    faults: ['crash', 'torn'],
    runMs: (size) => (size > 4 ? 250 : 500),
    fault: (world) => {
      for (const at of world.honest.slice(0, world.faultyMax)) {
        const member = world.member(at)
        let writes = 0
        member.die = () => {
          const before = world.disk(at).counts.torn
          world.crash(at, 'torn')
          world.plan.count('crash')
          if (world.disk(at).counts.torn > before) world.plan.count('torn')
          world.sim.after(15, () => world.restart(at))
        }
        member.diesAt = (boundary) => boundary === 'beforePersist' && ++writes % 7 === 0
      }
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'a member loses its disk: it asks for its floor, and signs nothing below it',
    faults: ['amnesia', 'amnesiac back'],
    runMs: 350,
    fault: (world) => {
      world.sim.at(120, () => {
        world.crash(VICTIM)
        world.member(VICTIM).forget()
        world.referee.release(VICTIM)
        world.referee.signatures.excuse(VICTIM, 2) // what it signed at rounds 1 and 2 nobody can show where no certificate stands above
        world.plan.count('amnesia')
      })
      world.sim.at(135, () => world.restart(VICTIM))
      world.sim.at(340, () => {
        if (world.member(VICTIM).countOf('floorFound') >= 2) world.plan.count('amnesiac back')
      })
    },
    mustFollow: isBack,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'at once, the clock of one member is ten minutes ahead and that of another ten behind',
    faults: ['ahead', 'behind'],
    runMs: 250,
    options: (size) => ({ nodes: (at) => ({ skewMs: at === size - 1 ? 10 * MINUTE_MS : at === VICTIM ? -10 * MINUTE_MS : 0 }) }),
    liars: () => 1, // who is so far ahead is not heard, and counts among the faulty; who is behind must do its part beside it
    fault: (world) => countSkew(world),
    mustFollow: (world) => {
      goesOn(world)
      expectTrue(roundsOrderedOf(world, VICTIM).length > 3, 'who is behind took no part')
      expectTrue(counted(world, 'headerTooEarly', 'blockFromTheFuture') > 0, 'nobody noticed the clock')
    },
    mustNot: (world) => {
      nobodyIsGuilty(world)
      const latestMs = Math.max(...[...world.referee.ordered.values()].map(({ createdAtMs }) => createdAtMs))
      expectTrue(latestMs <= world.node(0).unixMs(), 'what was made ten minutes ahead was ordered')
    },
  },
  {
    name: 'the clocks of as many as may be are ten minutes behind',
    faults: ['behind'],
    runMs: 250,
    options: (size) => ({ nodes: (at) => ({ skewMs: at < Math.floor((size - 1) / 3) ? -10 * MINUTE_MS : 0 }) }),
    fault: (world) => {
      const behind = Array.from({ length: world.faultyMax }, (_, at) => at)
      countOnce(world, 'behind', () => behind.every((at) => isOff(world, at, -10) && roundsOrderedOf(world, at).length > 0))
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'the clock of a member jumps back by ten minutes in mid-run, and later forth again, while that of another is ten ahead',
    faults: ['ahead', 'jump back', 'jump forth'],
    runMs: 2_000,
    isOver: ({ plan }) => plan.counts.has('jump forth'),
    options: (size) => ({ nodes: (at) => ({ skewMs: at === size - 1 ? 10 * MINUTE_MS : 0 }) }),
    liars: () => 1,
    fault: (world) => {
      countOnce(world, 'ahead', () => isOff(world, world.size - 1, 10))
      world.sim.at(60, () => {
        const before = world.referee.emittedBy(VICTIM)
        const { round } = world.member(VICTIM).core!.gauges
        world.node(VICTIM).jumpWall(-10 * MINUTE_MS)
        const isAtWork = (): boolean => roundsOrderedOf(world, VICTIM).some((each) => each > round + 1)
        const stop = world.sim.every(5, () => {
          if (!isAtWork() || !isOff(world, VICTIM, -10) || world.referee.emittedBy(VICTIM) === before) return
          stop()
          world.plan.count('jump back') // it went on meanwhile, and what it made was ordered
          world.node(VICTIM).jumpWall(10 * MINUTE_MS)
          world.sim.after(20, () => world.plan.count('jump forth'))
        })
      })
    },
    mustFollow: isBack,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'a member comes back a round above what the others have collected, exactly there, and a round below',
    faults: EDGES.map(({ name }) => name),
    runMs: 6_000,
    isOver: (world) => EDGES.every(({ name }) => world.plan.counts.has(name)),
    options: () => ({ core: { parameters: { gcDepth: EDGE_GC_DEPTH } } }),
    fault: comeBackAtEachEdge,
    mustFollow: (world) => {
      isBack(world)
      expectTrue(world.member(VICTIM).core!.gauges.gcRound > EDGE_GC_DEPTH, 'too few rounds')
    },
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'the executor of a member takes longer for a block than the order does',
    faults: ['slow executor'],
    runMs: 300,
    fault: (world) => {
      const member = world.member(VICTIM)
      member.executeMs = 60
      world.sim.at(290, () => {
        if (world.referee.log.length > member.applied + 3) world.plan.count('slow executor')
        world.sim.at(400, () => void (member.executeMs = 1))
      })
    },
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
]
