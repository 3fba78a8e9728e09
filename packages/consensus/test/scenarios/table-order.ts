/** Schedules, checkpoints, and more liars than a committee bears. */
import { dropping, equivocating } from '@selvedge/simulator'
import { bodyOf, encodeFrame, frameTypeOf } from '../../src/wire/frames.ts'
import { checkpointSigningBytes } from '../../src/wire/checkpoint.ts'
import { decodeBlockCertificate } from '../../src/wire/checkpoint.ts'
import { cheapSign } from '../support/cheap-signatures.ts'
import { Conspiracy, forkOf, isOf } from './liars.ts'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
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

export const ordering: readonly Scenario[] = [
  {
    name: 'schedules change in the middle of chains of leaders that are committed late',
    faults: ['late chain across a schedule'],
    runMs: 700,
    resumes: false,
    options: () => ({ core: { parameters: { scheduleCommits: 2 } } }),
    fault: (world) => {
      // who leads is often not heard in time by most: leaders are found good only by a later one
      for (const at of world.honest) {
        const to = world.honest.filter((other) => (other + at) % 2 === 1)
        for (const other of to) world.network.setLink(at, other, { extraDelayMs: 12 + 6 * ((at + other) % 4) })
      }
      world.sim.at(690, () => {
        const { log } = world.referee
        const isChange = log.some(({ version }, at) => at > 0 && version !== log[at - 1]!.version)
        if (isChange) world.plan.count('late chain across a schedule')
      })
    },
    mustFollow: (world) => expectTrue(world.referee.log.at(-1)!.version >= 1, 'the schedule hardly changed'),
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
    name: 'one liar more than a committee bears: logs part only where members are proven guilty, or all stand still',
    faults: ['equivocating'],
    liars: (faultyMax) => faultyMax + 1,
    runMs: 250,
    fault: (world) => {
      const { committee, liars } = world
      const conspiracy = new Conspiracy(committee, liars, (from, to, frame) => world.say(from, to, frame))
      for (const liar of liars) {
        const onVariant = (frame: Uint8Array): void => {
          if (frameTypeOf(frame) === 'header') conspiracy.spread(frame)
        }
        world.lie(liar, equivocating(forkOf(committee, liar, 2, () => true, onVariant)), [
          dropping({ isMeant: isOf('evidence') }),
          { share: 0.5 },
        ])
        world.member(liar).hears = (from, frame) => conspiracy.hears(liar, from, frame)
      }
    },
    mustFollow: (world) => {
      const { hasParted, halts, evidenceAgainst } = world.referee
      expectTrue(!hasParted || halts.length > 0 || evidenceAgainst.size > 0, 'I11: logs parted, and nobody halted or holds evidence')
      expectTrue(evidenceAgainst.size > 0 || halts.length > 0, 'nobody noticed')
    },
    mustNot: (world) => {
      for (const offender of offendersIn(world)) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
    },
  },
]
