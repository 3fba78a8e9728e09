/** Schedules, checkpoints, and more liars than a committee bears. */
import { dropping, equivocating } from '@selvedge/simulator'
import type { Mode } from '../../src/dag/contract.ts'
import { bodyOf, encodeFrame, frameTypeOf } from '../../src/wire/frames.ts'
import { checkpointSigningBytes } from '../../src/wire/checkpoint.ts'
import { decodeBlockCertificate } from '../../src/wire/checkpoint.ts'
import type { Authority } from '../../src/wire/types.ts'
import { cheapSign } from '../support/cheap-signatures.ts'
import { Conspiracy, forkOf, isOf } from './liars.ts'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import { type Crossing, OrderWatch } from './order-watch.ts'
import type { TimedWorld } from './timed-world.ts'

const all = (faultyMax: number): number => faultyMax

/** Heights that every honest member has a certificate of. */
function certifiedHeights(world: TimedWorld): number[] {
  const [first, ...rest] = world.honest.map((at) => [...world.member(at).certified.keys()])
  return first!.filter((height) => rest.every((heights) => heights.includes(height)))
}

/** Certificates that hold are over the true root: one text a height. */
function expectOneTextAHeight(world: TimedWorld): void {
  const texts = new Map<number, string>()
  for (const at of world.honest) {
    for (const [height, bytes] of world.member(at).certified) {
      const text = Buffer.from(decodeBlockCertificate(bytes, world.size).bytes).toString('hex')
      expectTrue((texts.get(height) ?? text) === text, `two certificates of height ${height} say different things`)
      texts.set(height, text)
    }
  }
}

/** Rounds are longer than anything waits for a leader, so that who comes late is passed over. */
const ROUND_MS = 40
/** Behind the next proposals of the others, and before those after them. */
const HOLD_MS = ROUND_MS + 5
const CHAIN_CORE = { roundDelayMsMin: ROUND_MS, leaderTimeoutMsMin: 10, leaderTimeoutMsMax: 10, parameters: { scheduleCommits: 3 } }
const crossings = new WeakMap<TimedWorld, Crossing[]>()

/**
 * Of some leaders so little is heard in time that they cannot be committed by themselves, and so much that the next one reaches them.
 *
 * Certified: its certificate comes after all others have gone on; it alone names it, and is named itself a round later. Uncertified: as
 * many as may be hear its block too late to vote for it, and all hear its own next one, which is a vote, too late to certify it: its own
 * block of two rounds later is the only one that does.
 */
function loseLeaders(world: TimedWorld, { rule }: OrderWatch): void {
  const { sim, network, honest, size, faultyMax, options } = world
  for (const at of honest) {
    let heldTo = 0
    let round = 0
    const isLost = (each: number, period: number, place: number): boolean => each % period === place && rule.leaderOf(each) === at
    network.intercept(at, (outgoing) => {
      const own = ownRoundOf(outgoing.message, at, options.mode)
      const isNew = own !== undefined && own > round
      if (isNew) round = own
      if (options.mode === 'certified') {
        if (isNew && isLost(own, 4, 2)) heldTo = sim.now() + HOLD_MS
      } else {
        if (isNew && isLost(own - 1, 5, 1)) heldTo = sim.now() + HOLD_MS
        const isFar = (outgoing.to - at + size) % size <= faultyMax
        if (own !== undefined && isFar && isLost(own, 5, 1)) return [{ ...outgoing, delayMs: HOLD_MS }]
      }
      return [{ ...outgoing, delayMs: Math.max(0, heldTo - sim.now()) }]
    })
  }
}

/** Of a certificate or block by `self`. */
function ownRoundOf(frame: Uint8Array, self: Authority, mode: Mode): number | undefined {
  const type = frameTypeOf(frame)
  if (type !== (mode === 'certified' ? 'certificate' : 'block')) return undefined
  const view = new DataView(frame.buffer, frame.byteOffset)
  return view.getUint16(17, true) === self ? Number(view.getBigUint64(9, true)) : undefined
}

export const ordering: readonly Scenario[] = [
  {
    name: 'the schedule changes in the middle of a chain of leaders: one that is committed late ends it, on the way to a later one',
    faults: ['schedule within a chain'],
    runMs: 6_000,
    isOver: (world) => world.plan.counts.has('schedule within a chain'),
    options: () => ({ core: CHAIN_CORE }),
    fault: (world) => {
      const watch = new OrderWatch(world, world.honest[0]!, ({ round, version }) => {
        world.plan.count('schedule within a chain')
        crossings.set(world, [...(crossings.get(world) ?? []), { round, version }])
      })
      loseLeaders(world, watch)
    },
    mustFollow: (world) => {
      const { log } = world.referee
      for (const { round, version } of crossings.get(world)!) {
        const at = log.findIndex(({ leaderRound }) => leaderRound === round)
        expectTrue(log[at]!.version === version, `the order names version ${log[at]!.version} for round ${round}, not ${version}`)
        expectTrue(log[at + 1]?.version === version + 1, 'who follows in the chain was not elected anew')
      }
    },
    mustNot: (world) => expectTrue(world.referee.halts.length === 0, 'somebody halted'),
  },
  {
    name: 'liars sign another state root than they have',
    faults: ['wrong root'],
    liars: all,
    options: () => ({ makesCheckpoints: true }),
    fault: (world) => {
      for (const liar of world.liars) {
        world.member(liar).rootOf = (_, root) => {
          world.plan.count('wrong root')
          return root.map((byte) => byte ^ 1)
        }
      }
    },
    mustFollow: (world) => {
      expectTrue(certifiedHeights(world).length > 3, 'no certificates')
      expectTrue(counted(world, 'checkpointDissent') > 0, 'nobody noticed the dissent')
    },
    mustNot: expectOneTextAHeight,
  },
  {
    name: 'liars sign two state roots of one height',
    faults: ['two roots'],
    liars: all,
    options: () => ({ makesCheckpoints: true }),
    fault: (world) => {
      for (const liar of world.liars) {
        world.network.intercept(liar, (outgoing) => {
          const { message } = outgoing
          if (frameTypeOf(message) !== 'checkpointSignature') return [outgoing]
          const forged = message.slice()
          const bytes = forged.subarray(13, forged.length - 98)
          bytes[30]! ^= 1
          forged.set(cheapSign(checkpointSigningBytes(bytes), world.committee.members[liar]!.blsKey, 96), forged.length - 96)
          world.plan.count('two roots')
          return [outgoing, { ...outgoing, message: forged }]
        })
      }
    },
    mustFollow: (world) => {
      expectTrue(certifiedHeights(world).length > 3, 'no certificates')
      const offenders = offendersIn(world)
      for (const liar of world.liars) expectTrue(offenders.has(liar), `liar ${liar} goes unpunished`)
    },
    mustNot: (world) => {
      expectOneTextAHeight(world)
      for (const offender of offendersIn(world)) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
    },
  },
  {
    name: 'liars hand out block certificates that nobody signed',
    faults: ['forged certificate'],
    liars: all,
    options: () => ({ makesCheckpoints: true }),
    fault: (world) => {
      for (const liar of world.liars) {
        world.network.intercept(liar, (outgoing) => {
          const { message } = outgoing
          if (frameTypeOf(message) !== 'checkpointSignature') return [outgoing]
          const bytes = bodyOf(message).slice(12, message.length - 1 - 98)
          bytes[30]! ^= 1
          const signers = Array.from({ length: world.size }, (_, at) => at)
          world.plan.count('forged certificate')
          const aggregate = new Uint8Array(96).fill(1)
          const forged = encodeFrame({ type: 'blockCertificate', certificate: { bytes, signers, aggregate } }, world.size)
          return [{ ...outgoing, message: forged, bytes: forged.length }, outgoing]
        })
      }
    },
    mustFollow: (world) => {
      expectTrue(certifiedHeights(world).length > 3, 'no certificates')
      expectTrue(counted(world, 'blockCertificateBad') > 0, 'nobody noticed')
    },
    mustNot: expectOneTextAHeight,
  },
  {
    name: 'one liar more than a committee bears: somebody halts, or holds the proof of it',
    faults: ['over budget'],
    liars: (faultyMax) => faultyMax + 1,
    runMs: 250,
    fault: (world) => {
      const { committee, liars, plan } = world
      const forkers = new Set<Authority>()
      const conspiracy = new Conspiracy(committee, liars, (from, to, frame) => world.say(from, to, frame))
      for (const liar of liars) {
        const onVariant = (frame: Uint8Array): void => {
          forkers.add(liar)
          if (forkers.size === liars.length) plan.count('over budget')
          if (frameTypeOf(frame) === 'header') conspiracy.spread(frame)
        }
        world.lie(liar, equivocating(forkOf(committee, liar, 2, () => true, onVariant)), [
          dropping({ isMeant: isOf('evidence') }),
          { share: 0.5 },
        ])
        world.member(liar).hears = (from, frame) => conspiracy.hears(liar, from, frame)
      }
    },
    // I11, whether or not logs have parted
    mustFollow: ({ referee }) => expectTrue(referee.evidenceAgainst.size > 0 || referee.halts.length > 0, 'nobody noticed'),
    mustNot: (world) => {
      for (const offender of offendersIn(world)) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
    },
  },
]
