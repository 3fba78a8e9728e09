/** What no honest member would send: each is dropped for its own reason, counted, and changes nothing. */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { altering, replaying } from '@selvedge/simulator'
import { ConsensusError } from '../../src/errors.ts'
import { blockDigest, decodeSignedBlock } from '../../src/wire/block.ts'
import { ByteWriter, toHex } from '../../src/wire/bytes.ts'
import { certificateDigest } from '../../src/wire/certificate.ts'
import { createCommittee } from '../../src/wire/committee.ts'
import { hashTagged, slotDigest } from '../../src/wire/digest.ts'
import { FRAME_BYTES_MAX } from '../../src/wire/limits.ts'
import { bodyOf, encodeFrame, frameOf, frameTypeOf } from '../../src/wire/frames.ts'
import { decodeSignedHeader, headerDigest, headerSigningBytes } from '../../src/wire/header.ts'
import { decodeVote } from '../../src/wire/vote.ts'
import type { Authority, Block, Header, Parent } from '../../src/wire/types.ts'
import { altered, alteredSlot, isOf, slotOf } from './liars.ts'
import { CHAIN_ID, EPOCH } from './member.ts'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import type { TimedWorld } from './timed-world.ts'

type Vertex = Header | Block
type Change = (world: TimedWorld, liar: Authority, frame: Uint8Array) => Uint8Array | undefined

interface Forgery {
  readonly name: string
  readonly change: Change
  /** One of these must have been counted by somebody. */
  readonly counts: readonly string[]
  /** Some honest member must have asked for what it names. */
  readonly isAskedFor?: boolean
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

/** Other bytes for the same value: eight more stand behind it. */
function trailed(frame: Uint8Array): Uint8Array {
  const out = new ByteWriter(frame.length + 8).raw(frame).raw(new Uint8Array(8))
  return out.finish()
}

/**
 * A slot of round 2 or later that names one parent of the round before twice, well signed. `distinct` is how many such parents it names
 * beside: a quorum, so that the second naming is all that is wrong, or one less, so that it would make the quorum.
 */
const parentTwice =
  (distinct: (quorum: number) => number): Change =>
  ({ committee }, liar, frame) => {
    if ((slotOf(liar, frame)?.round ?? 1) < 2) return undefined
    const count = distinct(createCommittee(committee.members).quorum)
    if (frameTypeOf(frame) === 'header') return headerOver(committee, frame, (parents) => [...parents.slice(0, count), parents[count - 1]!])
    return altered(committee, frame, ({ block }) => {
      const [own, ...others] = block!.ancestors
      const before = others.filter(({ round }) => round === block!.round - 1).slice(0, count - 1)
      return before.length < count - 1 ? undefined : { block: { ...block!, ancestors: [own!, ...before, before.at(-1)!] } }
    })
  }

/** Signed over bytes that no encoder of ours writes, since it takes parents in ascending order only. */
function headerOver(
  { cryptos }: TimedWorld['committee'],
  frame: Uint8Array,
  change: (parents: readonly Parent[]) => readonly Parent[],
): Uint8Array {
  const body = bodyOf(frame)
  const { header } = decodeSignedHeader(body)
  const parents = change(header.parents)
  const start = 18 + 8 + 4 + 38 * header.payload.length // behind the slot, the time and the payload
  const out = new ByteWriter(body.length + 34).raw(body.subarray(0, start)).u32(parents.length)
  for (const { author, digest } of parents) out.u16(author).digest(digest)
  out.raw(body.subarray(start + 4 + 34 * header.parents.length, body.length - 64))
  const rest = hashTagged(LEDGER_TAGS.headerRest, undefined, out.finish().subarray(18))
  const digest = slotDigest(LEDGER_TAGS.header, CHAIN_ID, header, rest)
  return frameOf('header', out.raw(cryptos[header.author]!.sign(headerSigningBytes(digest))).finish())
}

const forgeries: readonly Forgery[] = [
  {
    name: 'signatures that are none',
    change: (_, __, frame) => (isOf('header', 'vote', 'block')(frame) ? broken(frame) : undefined),
    counts: ['headerBadSignature', 'voteBadSignature', 'blockUnsigned'],
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
    counts: ['headerBad', 'blockFault:epoch', 'foreignEpoch'],
  },
  {
    name: 'slots of the epoch before, as an old recording would hold them',
    change: slotForgery((vertex) => ({ ...vertex, epoch: EPOCH - 1 })),
    counts: ['headerBad', 'blockFault:epoch', 'foreignEpoch'],
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
    isAskedFor: true,
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
    name: 'slots in other than the one encoding',
    change: (_, liar, frame) => (slotOf(liar, frame) === undefined ? undefined : trailed(frame)),
    counts: ['malformed', 'frameMalformed'],
  },
  {
    name: 'a parent twice, beside enough others',
    change: parentTwice((quorum) => quorum),
    counts: ['malformed', 'frameMalformed', 'blockFault:ancestors'],
  },
  {
    name: 'a parent twice, to make up a quorum',
    change: parentTwice((quorum) => quorum - 1),
    counts: ['malformed', 'frameMalformed', 'blockFault:ancestors'],
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
    counts: ['voteUnknown'],
  },
]

/** What a forged slot would be ordered as; `undefined` where it is none, or says what the true one says. */
function forgedKey(frame: Uint8Array, forged: Uint8Array): string | undefined {
  const [before, after] = [keyOf(frame), keyOf(forged)]
  return after === before ? undefined : after
}

function keyOf(frame: Uint8Array): string | undefined {
  try {
    const type = frameTypeOf(frame)
    if (type === 'header') return toHex(certificateDigest(CHAIN_ID, headerDigest(CHAIN_ID, decodeSignedHeader(bodyOf(frame)).header)))
    return type === 'block' ? toHex(blockDigest(CHAIN_ID, decodeSignedBlock(bodyOf(frame)).block)) : undefined
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}

function onRequest(world: TimedWorld, from: Authority, then: () => void): void {
  world.network.intercept(from, (outgoing) => {
    if (['certificateRequest', 'blockRequest'].includes(frameTypeOf(outgoing.message))) then()
    return [outgoing]
  })
}

/** The lie lasts while it reigns and after: its member counts for nothing, and the others need not notice more than one of its kinds. */
function scenarioOf({ name, change, counts, isAskedFor = false, rules }: Forgery): Scenario {
  const forgedIn = new WeakMap<TimedWorld, Set<string>>()
  const asked = new WeakSet<TimedWorld>()
  return {
    name: `liars send ${name}`,
    ...(rules === undefined ? {} : { rules }),
    faults: ['altering'],
    liars: all,
    fault: (world) => {
      const forged = new Set<string>()
      forgedIn.set(world, forged)
      for (const honest of isAskedFor ? world.honest : []) onRequest(world, honest, () => asked.add(world))
      const forge = (liar: Authority, frame: Uint8Array): Uint8Array | undefined => {
        const sent = change(world, liar, frame)
        const key = sent === undefined ? undefined : forgedKey(frame, sent)
        if (key !== undefined) forged.add(key)
        return sent
      }
      for (const liar of world.liars)
        world.lie(
          liar,
          altering((frame) => forge(liar, frame)),
        )
    },
    mustFollow: (world) => {
      expectTrue(world.referee.log.length > 2, 'nothing was committed')
      const seen = [...new Set(world.honest.flatMap((at) => [...world.member(at).counts.keys()]))].join(' ')
      expectTrue(counts.length === 0 || counted(world, ...counts) > 0, `nobody noticed: ${seen}`)
      expectTrue(!isAskedFor || asked.has(world), 'nobody asked for what was named')
    },
    mustNot: (world) => {
      const { ordered } = world.referee
      const isForged = (key: string): boolean => world.liars.includes(ordered.get(key)?.author ?? -1) // another's may say the very same
      expectTrue(![...forgedIn.get(world)!].some(isForged), 'what a liar forged was ordered')
      for (const offender of offendersIn(world)) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
      expectTrue(world.referee.halts.length === 0, 'somebody halted')
    },
  }
}

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
