/** Machines that die, disks that forget, clocks that lie, executors that lag. */
import type { Loss } from '@selvedge/simulator'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import { GC_DEPTH, type TimedWorld } from './timed-world.ts'
import type { Boundary } from './member.ts'

const VICTIM = 1
const MINUTE_MS = 60_000

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

export const machines: readonly Scenario[] = [
  {
    name: 'a member dies before every persist, send and emission in turn, and comes back each time',
    faults: ['died at a boundary'],
    resumes: false,
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
    resumes: false,
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
    resumes: false,
    fault: (world) => crashOften(world, ['all', 'prefix', 'none']),
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'members die in the middle of a write: the tail of the log is torn',
    faults: ['crash', 'torn'],
    resumes: false,
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
    resumes: false,
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
    name: 'the clock of a member is ten minutes ahead, of another ten behind',
    faults: ['skew'],
    options: (size) => ({ nodes: (at) => ({ skewMs: at === size - 1 ? 10 * MINUTE_MS : 0 }) }),
    liars: () => 1, // who is so far ahead is not heard: it counts among the faulty
    fault: (world) => world.plan.count('skew'),
    mustFollow: goesOn,
    mustNot: (world) => {
      nobodyIsGuilty(world)
      expectTrue(counted(world, 'headerTooEarly', 'blockFromTheFuture') > 0, 'nobody noticed the clock')
    },
  },
  {
    name: 'the clocks of as many as may be are ten minutes behind',
    faults: ['skew'],
    options: (size) => ({ nodes: (at) => ({ skewMs: at < Math.floor((size - 1) / 3) ? -10 * MINUTE_MS : 0 }) }),
    liars: (faultyMax) => faultyMax, // what they hear is ahead of them
    resumes: false,
    fault: (world) => world.plan.count('skew'),
    mustFollow: goesOn,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'the clock of a member jumps back by ten minutes, and later forth again',
    faults: ['jump'],
    runMs: 250,
    resumes: false,
    fault: (world) => {
      world.sim.at(60, () => {
        world.node(VICTIM).jumpWall(-10 * MINUTE_MS)
        world.plan.count('jump')
      })
      world.sim.at(160, () => world.node(VICTIM).jumpWall(10 * MINUTE_MS))
    },
    mustFollow: isBack,
    mustNot: nobodyIsGuilty,
  },
  {
    name: 'a member falls behind by exactly the depth of collection, a round more and a round less, and comes back',
    faults: ['at the edge'],
    runMs: (size) => (size > 4 ? 500 : 900),
    resumes: false,
    fault: (world) => {
      const off = world.honest[0]!
      let edge = -1
      let heldRound = 0
      const cut = (): void => {
        heldRound = world.member(off).core!.gauges.round
        world.network.partition([[off]])
      }
      world.sim.at(100, cut)
      world.sim.every(1, () => {
        if (edge > 1 || heldRound === 0) return
        const { gcRound } = world.member(world.honest[1]!).core?.gauges ?? { gcRound: 0 }
        if (gcRound < heldRound + edge) return
        world.plan.count('at the edge')
        edge++
        heldRound = 0
        world.network.heal()
        world.sim.after(120, () => edge <= 1 && cut())
      })
    },
    mustFollow: (world) => {
      expectTrue(world.plan.counts.get('at the edge')! >= 1, 'the edge was met too seldom')
      expectTrue(world.referee.round > 2 * GC_DEPTH, 'too few rounds')
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
