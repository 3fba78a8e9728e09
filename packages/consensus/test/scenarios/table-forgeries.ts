/** What no honest member would send: each is dropped for its own reason, counted, and changes nothing. */
import { altering, replaying } from '@selvedge/simulator'
import { ByteWriter } from '../../src/wire/bytes.ts'
import { FRAME_BYTES_MAX } from '../../src/wire/limits.ts'
import { bodyOf, encodeFrame, frameTypeOf } from '../../src/wire/frames.ts'
import { decodeVote } from '../../src/wire/vote.ts'
import type { Authority, Block, Header } from '../../src/wire/types.ts'
import { alteredSlot, isOf, slotOf } from './liars.ts'
import { EPOCH } from './member.ts'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import type { TimedWorld } from './timed-world.ts'

type Vertex = Header | Block
type Change = (world: TimedWorld, liar: Authority, frame: Uint8Array) => Uint8Array | undefined

interface Forgery {
  readonly name: string
  readonly change: Change
  /** One of these must have been counted by somebody. */
  readonly counts: readonly string[]
  readonly rules?: Scenario['rules']
}

const OVERSIZE = new Uint8Array(FRAME_BYTES_MAX + 1)

const all = (faultyMax: number): number => faultyMax

function slotForgery(change: <T extends Vertex>(vertex: T, world: TimedWorld) => T | undefined): Change {
  return ({ committee, ...world }, liar, frame) =>
    slotOf(liar, frame) === undefined
      ? undefined
      : alteredSlot(committee, frame, (vertex) => change(vertex, { committee, ...world } as TimedWorld))
}

/** Parents of a header, ancestors of a block. */
function withParents<T extends Vertex>(vertex: T, change: <P>(parents: readonly P[]) => readonly P[]): T {
  return 'parents' in vertex ? { ...vertex, parents: change(vertex.parents) } : { ...vertex, ancestors: change(vertex.ancestors) }
}

/** The last byte of the encoding: of the signature. */
function broken(frame: Uint8Array): Uint8Array {
  const copy = frame.slice()
  copy[copy.length - 1]! ^= 1
  return copy
}

/** In the encoding, because no encoder writes it: the last parent stands twice. */
function doubled(frame: Uint8Array): Uint8Array {
  const out = new ByteWriter(frame.length + 8).raw(frame).raw(new Uint8Array(8))
  return out.finish()
}

const forgeries: readonly Forgery[] = [
  {
    name: 'signatures that are none',
    change: (_, __, frame) => (isOf('header', 'vote', 'block')(frame) ? broken(frame) : undefined),
    counts: ['headerBadSignature', 'voteBadSignature', 'blockUnsigned', 'voteUnknown'],
  },
  {
    name: 'signatures made for another purpose',
    change: ({ committee }, liar, frame) => {
      if (slotOf(liar, frame) === undefined) return undefined
      const copy = frame.slice()
      copy.set(committee.cryptos[liar]!.sign(bodyOf(frame)), copy.length - 64)
      return copy
    },
    counts: ['headerBadSignature', 'blockUnsigned'],
  },
  {
    name: 'slots of another epoch',
    change: slotForgery((vertex) => ({ ...vertex, epoch: EPOCH + 1 })),
    counts: ['headerBad', 'blockFault:epoch', 'foreignEpoch', 'frameOfAnotherEpoch'],
  },
  {
    name: 'slots of the epoch before, as an old recording would hold them',
    change: slotForgery((vertex) => ({ ...vertex, epoch: EPOCH - 1 })),
    counts: ['headerBad', 'blockFault:epoch', 'foreignEpoch', 'frameOfAnotherEpoch'],
  },
  {
    name: 'slots of another member, over their own connection',
    change: slotForgery((vertex) => ({ ...vertex, author: 0 })),
    counts: ['headerOfAnother', 'foreignAuthor'],
  },
  {
    name: 'slots of members that do not exist',
    change: ({ committee }, liar, frame) => {
      if (slotOf(liar, frame) === undefined) return undefined
      const copy = frame.slice()
      new DataView(copy.buffer).setUint16(17, committee.members.length + 9, true)
      return copy
    },
    counts: ['headerOfAnother', 'foreignAuthor'],
  },
  {
    name: 'too few parents',
    change: slotForgery((vertex) => withParents(vertex, (parents) => parents.slice(0, 1))),
    counts: ['headerBad', 'blockFault:stake'],
  },
  {
    name: 'parents that nobody made',
    change: slotForgery((vertex) => {
      if ('parents' in vertex)
        return { ...vertex, parents: vertex.parents.map((each) => ({ ...each, digest: each.digest.map((byte) => byte ^ 1) })) }
      const [own, ...rest] = vertex.ancestors
      return own === undefined
        ? undefined
        : { ...vertex, ancestors: [own, ...rest.map((each) => ({ ...each, digest: each.digest.map((byte) => byte ^ 1) }))] }
    }),
    counts: [],
  },
  {
    name: 'ancestors of the round to come',
    rules: ['uncertified'],
    change: slotForgery((vertex) => {
      if (!('ancestors' in vertex)) return undefined
      return { ...vertex, ancestors: vertex.ancestors.map((each, at) => (at === 0 ? each : { ...each, round: vertex.round })) }
    }),
    counts: ['blockFault:ancestorRound', 'blockFault:round', 'blockFault:ancestors', 'blockFault:stake', 'malformed', 'frameMalformed'],
  },
  {
    name: 'slots ten thousand rounds ahead',
    change: slotForgery((vertex) => (vertex.round > 1 ? { ...vertex, round: vertex.round + 10_000 } : undefined)),
    counts: ['headerBad', 'blockAhead', 'blockFault:stake', 'blockFault:ancestors'],
  },
  {
    name: 'slots from tomorrow',
    change: slotForgery((vertex) => ({ ...vertex, createdAtMs: vertex.createdAtMs + 86_400_000 })),
    counts: ['headerTooEarly', 'blockFromTheFuture'],
  },
  {
    name: 'slots from yesterday, before their parents',
    change: slotForgery((vertex) => ({ ...vertex, createdAtMs: vertex.createdAtMs - 86_400_000 })),
    counts: ['headerBeforeParents', 'blockBeforeAncestor', 'headerBad', 'blockFault:time'],
  },
  {
    name: 'frames that are longer than any may be',
    change: (_, liar, frame) => ((slotOf(liar, frame)?.round ?? 1) % 4 > 0 ? undefined : OVERSIZE),
    counts: ['malformed', 'frameMalformed'],
  },
  {
    name: 'parents in doubled or other than the one encoding',
    change: (_, liar, frame) => (slotOf(liar, frame) === undefined ? undefined : doubled(frame)),
    counts: ['malformed', 'frameMalformed'],
  },
  {
    name: 'frames cut short',
    change: (_, __, frame) => frame.slice(0, Math.floor(frame.length / 2)),
    counts: ['malformed', 'frameMalformed'],
  },
  {
    name: 'votes in the name of others',
    rules: ['certified'],
    change: ({ size }, _, frame) => {
      if (frameTypeOf(frame) !== 'vote') return undefined
      return encodeFrame({ type: 'vote', vote: { ...decodeVote(bodyOf(frame)), voter: 0 } }, size)
    },
    counts: ['voteUnknown', 'voteOfAnother'],
  },
]

/** The lie lasts while it reigns and after: its member counts for nothing, and the others need not notice more than one of its kinds. */
const scenarioOf = ({ name, change, counts, rules }: Forgery): Scenario => ({
  name: `liars send ${name}`,
  ...(rules === undefined ? {} : { rules }),
  faults: ['altering'],
  liars: all,
  fault: (world) => {
    for (const liar of world.liars)
      world.lie(
        liar,
        altering((frame) => change(world, liar, frame)),
      )
  },
  mustFollow: (world) => {
    expectTrue(world.referee.log.length > 2, 'nothing was committed')
    const seen = [...new Set(world.honest.flatMap((at) => [...world.member(at).counts.keys()]))].join(' ')
    expectTrue(counts.length === 0 || counted(world, ...counts) > 0, `nobody noticed: ${seen}`)
  },
  mustNot: (world) => {
    for (const offender of offendersIn(world)) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
    expectTrue(world.referee.halts.length === 0, 'somebody halted')
  },
})

export const forging: readonly Scenario[] = [
  ...forgeries.map(scenarioOf),
  {
    name: 'liars say old things again, to anyone',
    faults: ['replaying'],
    liars: all,
    fault: (world) => world.liars.forEach((liar) => world.lie(liar, [replaying({ toAnyone: true }), { share: 0.5 }])),
    mustFollow: (world) => expectTrue(world.referee.log.length > 2, 'nothing was committed'),
    mustNot: (world) => expectTrue(offendersIn(world).size === 0, 'somebody was found guilty of repeating'),
  },
]
