/** Members that say one thing to some and another to others, or nothing. */
import { dropping, equivocating } from '@selvedge/simulator'
import type { StoredRecord } from '../../src/core/contract.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { decodeCertificate } from '../../src/wire/certificate.ts'
import { bodyOf, frameTypeOf } from '../../src/wire/frames.ts'
import { decodeSignedHeader } from '../../src/wire/header.ts'
import type { Authority, Digest, Header, PayloadEntry } from '../../src/wire/types.ts'
import { alteredSlot, Conspiracy, forkOf, isOf, slotOf, twinForkOf } from './liars.ts'
import { ruleOf } from './order-watch.ts'
import { counted, expectTrue, offendersIn, type Scenario } from './play.ts'
import type { TimedWorld } from './timed-world.ts'

const all = (faultyMax: number): number => faultyMax
const one = (): number => 1

/** Only liars are found guilty, and none of them is left out where `isSure`. */
function expectGuilty(world: TimedWorld, isSure: boolean): void {
  const offenders = offendersIn(world)
  for (const offender of offenders) expectTrue(world.liars.includes(offender), `honest member ${offender} is found guilty`)
  if (isSure) for (const liar of world.liars) expectTrue(offenders.has(liar), `liar ${liar} goes unpunished`)
}

/** Equivocates with `copies` and, certified, gathers votes for each variant. */
function equivocate(world: TimedWorld, copies: number, isMeant?: (round: number) => boolean): Conspiracy {
  const { committee, liars } = world
  const conspiracy = new Conspiracy(committee, liars, (from, to, frame) => world.say(from, to, frame))
  for (const liar of liars) {
    const onVariant = (frame: Uint8Array): void => {
      if (frameTypeOf(frame) === 'header') conspiracy.spread(frame)
    }
    world.lie(liar, equivocating(forkOf(committee, liar, copies, isMeant, onVariant)))
    world.member(liar).hears = (from, frame) => conspiracy.hears(liar, from, frame)
  }
  return conspiracy
}

/** Headers of `liar` bring what is not theirs: by turns a batch of another member, and the first of its own once more. */
function proposeAmiss(world: TimedWorld, liar: Authority, conspiracy: Conspiracy): void {
  /** By round: every receiver is told the same. */
  const told = new Map<number, Uint8Array | undefined>()
  let first: PayloadEntry | undefined
  const foreign = (): PayloadEntry | undefined => {
    const batch = [...world.member(liar).records.entries('batch')].findLast(({ author }) => author !== undefined && author !== liar)
    return batch && { digest: Uint8Array.from(Buffer.from(batch.key, 'hex')), worker: 0, bytes: batch.bytes.length }
  }
  const tell = (frame: Uint8Array, { round, payload }: Header): Uint8Array | undefined => {
    const entry = round % 2 === 0 ? foreign() : first
    const [own] = payload
    first ??= own && { ...own, digest: own.digest.slice() }
    const message = entry && alteredSlot(world.committee, frame, (vertex) => ({ ...vertex, payload: [entry] }))
    if (message === undefined) return undefined
    if (round % 2 === 0) world.plan.count('batch of another')
    conspiracy.spread(message)
    return message
  }
  world.network.intercept(liar, (outgoing) => {
    if (frameTypeOf(outgoing.message) !== 'header') return [outgoing]
    const { header } = decodeSignedHeader(bodyOf(outgoing.message))
    if (!told.has(header.round)) told.set(header.round, tell(outgoing.message, header))
    const message = told.get(header.round)
    if (message !== undefined) world.referee.signatures.tryFrame(liar, message)
    return [message === undefined ? outgoing : { ...outgoing, message }]
  })
}

/** Sees what one honest member keeps: certificates of liars that bring a batch a second time. */
function countingRepeats(world: TimedWorld): (records: readonly StoredRecord[]) => void {
  const bringer = new Map<string, string>()
  return (records) => {
    for (const { kind, key, bytes } of records) {
      if (kind !== 'certificate') continue
      const { author, payload } = decodeCertificate(bytes, world.size).header
      for (const { digest } of world.liars.includes(author) ? payload : []) {
        const batch = toHex(digest)
        const before = bringer.get(batch) ?? key
        bringer.set(batch, before)
        if (before !== key) world.plan.count('certified again')
      }
    }
  }
}

const equivocation = (copies: number): Scenario => ({
  name: `liars say ${copies} different things at each slot, to disjoint sets`,
  faults: ['equivocating'],
  liars: all,
  fault: (world) => void equivocate(world, copies),
  // headers are not passed on: of three stories to disjoint sets nobody may ever see two, and then none is certified
  mustFollow: (world) => expectGuilty(world, world.options.mode === 'uncertified' || copies === 2),
  mustNot: (world) => expectTrue(world.referee.halts.length === 0, 'somebody halted'),
})

export const lies: readonly Scenario[] = [
  equivocation(2),
  equivocation(3),
  {
    name: 'a liar says two things exactly where it leads',
    faults: ['equivocating'],
    liars: one,
    runMs: 400,
    options: () => ({ core: { parameters: { scheduleCommits: 1_000 } } }), // so that who leads is known beforehand
    fault: (world) => {
      const rule = ruleOf(world)
      equivocate(world, 2, (round) => rule.leaderOf(round) === world.liars[0])
    },
    mustFollow: (world) => expectTrue(world.referee.log.length > 2, 'nothing was committed'),
    mustNot: (world) => expectTrue(world.referee.halts.length === 0, 'somebody halted'),
  },
  {
    name: 'liars vote for every header they hear, and for both of a pair',
    rules: ['certified'],
    faults: ['vote for both'],
    liars: all,
    fault: (world) => {
      const conspiracy = equivocate(world, 2)
      const stop = world.sim.every(10, () => {
        if (conspiracy.double === 0 || conspiracy.certificates === 0) return
        world.plan.count('vote for both')
        stop()
      })
    },
    mustFollow: (world) => expectGuilty(world, true),
    mustNot: (world) => expectTrue(world.referee.halts.length === 0, 'somebody halted'),
  },
  {
    name: 'liars tell two stories, and so vote for both blocks of each pair of theirs',
    rules: ['uncertified'],
    faults: ['equivocating', 'vote for both'],
    liars: all,
    fault: (world) => {
      const twins = new Map<string, Digest>()
      const onPair = (): void => world.plan.count('vote for both')
      for (const liar of world.liars) world.lie(liar, equivocating(twinForkOf(world.committee, liar, twins, onPair)))
    },
    mustFollow: (world) => expectGuilty(world, true),
    mustNot: (world) => expectTrue(world.referee.halts.length === 0, 'somebody halted'),
  },
  {
    name: 'liars give their votes to nobody',
    rules: ['certified'],
    faults: ['dropping'],
    liars: all,
    fault: (world) => world.liars.forEach((liar) => world.lie(liar, dropping({ isMeant: isOf('vote') }))),
    mustFollow: (world) => expectTrue(world.referee.log.length > 2, 'nothing was committed'),
    mustNot: (world) => expectGuilty(world, false),
  },
  {
    name: 'liars give certificates or blocks to one member only',
    faults: ['dropping'],
    liars: all,
    fault: (world) => {
      const to = world.honest.slice(1)
      for (const liar of world.liars) world.lie(liar, dropping({ to, isMeant: isOf('certificate', 'block') }))
    },
    mustFollow: (world) => expectTrue(world.referee.log.length > 2, 'nothing was committed'),
    mustNot: (world) => expectGuilty(world, false),
  },
  {
    name: 'liars give their batches to a bare quorum, and to the others nothing, not even asked',
    rules: ['certified'],
    faults: ['dropping'],
    liars: all,
    fault: (world) => {
      world.feed(world.liars, 15, 250)
      const to = world.honest.slice(0, world.faultyMax)
      for (const liar of world.liars) world.lie(liar, dropping({ to, isMeant: isOf('batch', 'batchResponse') }))
    },
    mustFollow: (world) => {
      const cheated = world.honest[0]!
      const foreign = [...world.member(cheated).records.entries('batch')].filter(({ author }) => world.liars.includes(author!))
      expectTrue(foreign.length > 0, 'what was withheld was not fetched from others')
    },
    mustNot: (world) => expectGuilty(world, false),
  },
  {
    name: 'liars name their batches at a worker that does not hold them',
    rules: ['certified'],
    faults: ['wrong worker'],
    liars: all,
    options: () => ({ core: { parameters: { workers: 2 } } }),
    fault: (world) => {
      world.feed(world.liars, 15, 250)
      for (const liar of world.liars) {
        world.network.intercept(liar, (outgoing) => {
          if (slotOf(liar, outgoing.message) === undefined) return [outgoing]
          const message = alteredSlot(world.committee, outgoing.message, (vertex) => {
            if (!('payload' in vertex) || vertex.payload.length === 0) return undefined
            return { ...vertex, payload: vertex.payload.map((entry) => ({ ...entry, worker: 1 - entry.worker })) }
          })
          if (message === undefined) return [outgoing]
          world.plan.count('wrong worker')
          return [{ ...outgoing, message }]
        })
      }
    },
    mustFollow: (world) => expectTrue(counted(world, 'headerBatchMismatch') > 0, 'nobody noticed the worker'),
    mustNot: (world) => {
      expectGuilty(world, false)
    },
  },
  {
    name: 'liars propose the batches of others, and their own twice',
    rules: ['certified'],
    faults: ['batch of another', 'certified again'],
    liars: all,
    fault: (world) => {
      world.feed(world.liars, 15, 250)
      const conspiracy = new Conspiracy(world.committee, world.liars, (from, to, frame) => world.say(from, to, frame))
      for (const liar of world.liars) {
        proposeAmiss(world, liar, conspiracy)
        // of all that it hears the conspiracy takes votes alone: they make certificates of what no core of a liar knows
        world.member(liar).hears = (from, frame) => frameTypeOf(frame) !== 'vote' || conspiracy.hears(liar, from, frame)
      }
      world.member(world.honest[0]!).kept = countingRepeats(world)
    },
    mustFollow: (world) => expectTrue(counted(world, 'headerBatchMismatch') > 0, 'nobody noticed whose batches they are'),
    mustNot: (world) => {
      expectGuilty(world, false)
      expectTrue(world.referee.duplicates === 0, 'a batch was executed twice')
    },
  },
]
