/**
 * Row 20: whatever a client does, the node never has more out for it than its window and one unit, nor loses more of it in an epoch than the
 * bound; and a client that is honest gets everything, pays for every byte once and is never in default.
 *
 * Method: the real books against real payers over the links of `paid-link.ts`. The seed draws who the clients are, what they ask for, in
 * which order everything happens, and what the hostile ones do to their acknowledgements and ticks, which half of the clients say between them. What was
 * sent and taken is counted by the links.
 */
import { checkAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { type AckFrame, createTicks, type TickFrame, type Ticks } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { UNIT_BYTES_MAX } from '../src/constants.ts'
import { LOSS_BYTES_MAX, WINDOW_MIN_BYTES } from '../src/window.ts'
import { createWorld, Link, type LinkLane, MIB, nextEpoch, RefusedError, rulesAt, type World } from './support/paid-link.ts'
import { createRandom, EPOCH, seedOf } from './support/world.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 200)
/** Seeds that one test plays, so that a hundred thousand are no hundred thousand tests. */
const BATCH = 100
const batches = Array.from({ length: Math.ceil(COUNT / BATCH) }, (_, index) => FIRST + index * BATCH)
const seedsFrom = (first: number): number[] => Array.from({ length: Math.min(BATCH, FIRST + COUNT - first) }, (_, index) => first + index)

interface Dice {
  below(end: number): number
  chance(percent: number): boolean
  pick<T>(list: readonly T[]): T | undefined
}

function diceOf(seed: number): Dice {
  const random = createRandom(seed)
  const below = (end: number): number => random() % end
  return { below, chance: (percent) => below(100) < percent, pick: (list) => list[below(Math.max(1, list.length))] }
}

const UNITS = [100, 3_000, 16_448, 16_448, 16_448, 70_000, 262_144, MIB, UNIT_BYTES_MAX] as const
const unitsOf = (dice: Dice): number[] => Array.from({ length: 1 + dice.below(40) }, () => UNITS[dice.below(UNITS.length)] ?? 100)

/** What hostile clients do: each gets what its payer signed, and says what is sent. */
const TRICKS = {
  silent: () => () => [],
  /** Half of its acknowledgements never leave. */
  holes: (dice) => (frame) => (dice.chance(50) ? [frame] : []),
  /** Says everything twice. */
  twice: () => (frame) => [frame, frame],
  /** Says the last but one once more. */
  old: () => {
    let last: AckFrame | undefined
    return (frame) => {
      const before = last
      last = frame
      return before === undefined ? [frame] : [frame, before]
    }
  },
  /** Signs for more than was sent (`verifySome`). */
  beyond: () => (frame) => [frame],
  /** Takes what it gets for nothing, leaves, and comes again. */
  leaves: () => () => [],
  /** Says what another session signed. */
  foreign: (_dice, others) => (frame) => [others.at(0)?.acks.at(-1) ?? frame],
  /** A bit is wrong. */
  flipped: (dice) => (frame) => [{ ...frame, acknowledgement: flip(frame.acknowledgement, dice.below(236 * 8)) }],
  honest: () => (frame) => [frame],
} satisfies Record<string, (dice: Dice, others: readonly Link[]) => Link['distort']>

/** The same, of a tick. What is not named here says it as it is. */
const TICK_TRICKS: Partial<Record<keyof typeof TRICKS, (dice: Dice, others: readonly Link[]) => Link['distortTick']>> = {
  silent: () => () => [],
  holes: (dice) => (frame) => (dice.chance(50) ? [frame] : []),
  twice: () => (frame) => [frame, frame],
  old: () => {
    let last: TickFrame | undefined
    return (frame) => {
      const before = last
      last = frame
      return before === undefined ? [frame] : [frame, before]
    }
  },
  leaves: () => () => [],
  foreign: (_dice, others) => (frame) => [others.at(0)?.ticks.at(-1) ?? frame],
  flipped: (dice) => (frame) => {
    const bit = dice.below(34 * 8)
    return [bit < 16 ? { ...frame, index: frame.index ^ (1 << bit) } : { ...frame, preimage: flip(frame.preimage, bit - 16) }]
  },
}

/** Who ticks draws nothing from the dice: a seed is the same schedule with ticks and without. */
const doesTick = (seed: number): boolean => Math.floor(seed / Object.keys(TRICKS).length) % 2 === 1

/** Each chain of a seed has a secret of its own. */
function ticksOf(seed: number): Ticks | undefined {
  let made = 0
  return doesTick(seed) ? createTicks({ secret: () => seedOf(1_000_000 * (1 + made++) + seed), length: 300 }) : undefined
}

const createLink = (world: World, client: number, ticks: Ticks | undefined): Link => new Link(world, client, undefined, undefined, ticks)

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice()
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

/** Sent and neither acknowledged nor said by ticks, on sessions that live, of lanes that the node did not itself give up. */
const outOf = (links: readonly Link[]): number => links.reduce((sum, link) => sum + (link.isOver ? 0 : outOfLink(link)), 0)

/** Ticks may have meant lanes that were given up: so much less of them is counted. */
function outOfLink({ lanes, tickedBytes }: Link): number {
  let [out, givenUp] = [0, 0]
  for (const { sent, acked, isGivenUp } of lanes.values()) {
    if (isGivenUp) givenUp += sent - acked
    else out += sent - acked
  }
  return out - Math.max(0, tickedBytes - givenUp)
}

const unpaidOf = (links: readonly Link[]): number =>
  links.reduce((sum, { sentBytes, ackedBytes, tickedBytes }) => sum + sentBytes - ackedBytes - tickedBytes, 0)

function verifySome(link: Link, dice: Dice, percent: number, name: string): void {
  for (const { id, verifiable, acked } of link.lanes.values()) {
    if (!dice.chance(percent) || verifiable <= acked) continue
    const part = dice.chance(70) ? verifiable : acked + 1 + dice.below(verifiable - acked)
    link.payer.verified(id, BigInt(name === 'beyond' && dice.chance(30) ? part + 200_000 : part))
  }
}

interface Hostile {
  readonly name: string
  readonly ticks: Ticks | undefined
  readonly trick: Link['distort']
  readonly tickTrick: Link['distortTick']
}

/** One thing that happens to a hostile account. */
function act(world: World, links: Link[], dice: Dice, hostile: Hostile): void {
  const { name } = hostile
  const living = links.filter(({ isOver }) => !isOver)
  const link = dice.pick(living)
  const action = dice.below(12)
  if (link === undefined || (action === 0 && living.length < 3)) return arrive(world, links, dice, hostile)
  const lane = dice.pick([...link.lanes.values()].filter(({ isOver }) => !isOver))
  if (action === 1 && link.lanes.size < 24) link.open(link.lanes.size + 1, unitsOf(dice))
  else if (action <= 5 && lane !== undefined) for (let frames = 10 + dice.below(60); frames > 0 && link.pump(lane); frames--);
  else if (action === 6) link.deliver(link.toClient, dice.below(40))
  else if (action === 7) link.deliver(link.toNode, dice.below(10))
  else if (action === 8 || action === 9) {
    link.deliver(link.toClient)
    verifySome(link, dice, 60, name)
    if (dice.chance(50)) link.deliver(link.toNode)
  } else if (action === 10 && dice.chance(30)) wait(world, links, dice)
  else if (action === 11 && name === 'leaves') link.close(undefined)
  else if (action === 11 && lane !== undefined && dice.chance(25)) link.reset(lane)
  else if (action === 11 && lane !== undefined && dice.chance(10)) link.resetByNode(lane)
  else if (action === 11 && dice.chance(5)) link.close(undefined)
}

/** A session of the account, with some requests. */
function arrive(world: World, links: Link[], dice: Dice, { ticks, trick, tickTrick }: Hostile): void {
  try {
    const link = createLink(world, 1, ticks)
    link.distort = trick
    link.distortTick = tickTrick
    link.onBegin = () => expectAtMost(outOf(links) + 1, link.window, 'out, where a unit begins') // as the window is now, not as it was once
    links.push(link)
    for (let id = 1 + dice.below(3); id > 0; id--) link.open(id, unitsOf(dice))
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
  }
}

function wait(world: World, links: readonly Link[], dice: Dice): void {
  const deadline = Math.min(...links.map((link) => (link.isOver ? Number.POSITIVE_INFINITY : link.meter.deadlineMs)))
  world.nowMs = dice.chance(50) && Number.isFinite(deadline) ? Math.max(world.nowMs, deadline) : world.nowMs + dice.below(2_000)
  for (const link of links) if (!link.isOver) link.meter.due(world.nowMs)
}

/** Ten million times: the library is asked where it fails. */
function expectAtMost(value: number, most: number, words: string): void {
  if (!(value <= most)) expect({ [words]: value }).toEqual({ [words]: `at most ${most}` })
}

function checkHostile(seed: number): void {
  const dice = diceOf(seed)
  const world = createWorld()
  const links: Link[] = []
  const names = Object.keys(TRICKS) as (keyof typeof TRICKS)[]
  const ticks = ticksOf(seed)
  const stranger = createLink(world, 2, ticks)
  stranger.open(1, [16_448, 16_448])
  stranger.settle()
  const name = names[seed % names.length] ?? 'silent'
  const hostile = {
    name,
    ticks,
    trick: TRICKS[name](dice, [stranger]),
    tickTrick: TICK_TRICKS[name]?.(dice, [stranger]) ?? ((frame: TickFrame): TickFrame[] => [frame]),
  }
  for (let step = 20 + dice.below(name === 'leaves' ? 600 : 120); step > 0; step--) {
    const { defaults } = world.books.losses
    act(world, links, dice, hostile)
    if (world.books.losses.defaults > defaults) checkShrunk(world, links, seed)
    const window = Math.max(0, ...links.map(({ windowMost }) => windowMost))
    const unit = Math.max(0, ...links.map(({ unitMost }) => unitMost))
    expectAtMost(outOf(links), window + unit, `out, seed ${seed}`)
    for (const link of links) for (const { acked, sent } of link.lanes.values()) expectAtMost(acked, sent, `acknowledged, seed ${seed}`)
    expectAtMost(unpaidOf(links), LOSS_BYTES_MAX, `unpaid, seed ${seed}`)
  }
  checkKept(world)
}

/** Who did not acknowledge in time begins with the least window again: told to his other sessions, and to a new one, at once. */
function checkShrunk(world: World, links: readonly Link[], seed: number): void {
  for (const { window, isOver } of links) if (!isOver) expectAtMost(window, WINDOW_MIN_BYTES, `window after a default, seed ${seed}`)
  const next = refusedOr(() => new Link(world, 1))
  if (next !== undefined) expectAtMost(next.window, WINDOW_MIN_BYTES, `window after a default, of a new session, seed ${seed}`)
  next?.close(undefined)
}

function refusedOr<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof RefusedError) return undefined
    throw error
  }
}

/** All that is kept is payable by the ledger's rules, and no chain stands there twice. */
function checkKept(world: World): void {
  for (let epoch = EPOCH; epoch <= world.epoch; epoch++) {
    const kept = world.store.all(epoch)
    for (const { evidence, amount } of kept) {
      expect(checkAcknowledgement(evidence, rulesAt(epoch))).toMatchObject({ isPayable: true, amount })
    }
    expect(new Set(kept.map(({ evidence }) => String(evidence.acknowledgement.sessionId))).size).toBe(kept.length)
  }
}

test.each(batches)('a hostile client has at most a window and a unit out, %i and on', (first) => {
  for (const seed of seedsFrom(first)) checkHostile(seed)
})

/** An honest client: it verifies what came and acknowledges it, in whatever order; time passes when it has done so. @returns how many ticks were said. */
function checkHonest(seed: number): number {
  const dice = diceOf(seed)
  const world = createWorld()
  const ticks = ticksOf(seed)
  const links = Array.from({ length: 1 + dice.below(3) }, () => createLink(world, 1, ticks))
  let epochs = dice.below(3)
  for (let step = 30 + dice.below(100); step > 0; step--) {
    const link = links[dice.below(links.length)]!
    const lane: LinkLane | undefined = dice.pick([...link.lanes.values()].filter(({ isOver }) => !isOver))
    const action = dice.below(10)
    if (action === 0 && link.lanes.size < 24) link.open(link.lanes.size + 1, unitsOf(dice))
    else if (action <= 4 && lane !== undefined) for (let frames = dice.below(60); frames > 0 && link.pump(lane); frames--);
    else if (action === 5) link.deliver(link.toClient, dice.below(40))
    else if (action === 6) link.deliver(link.toNode, dice.below(10))
    else if (action === 7) for (const { id, verifiable } of link.lanes.values()) link.payer.verified(id, BigInt(verifiable))
    else if (action === 8 && lane !== undefined && dice.chance(30)) link.reset(lane)
    else if (action === 9) {
      for (const each of links) answer(each)
      world.nowMs += dice.below(1_500)
      for (const each of links) each.meter.due(world.nowMs)
      if (epochs > 0 && dice.chance(20)) {
        epochs-- // some bytes are under way, and of the epoch before none
        for (const each of links) for (const open of each.lanes.values()) if (dice.chance(50)) each.pump(open)
        nextEpoch(world)
      }
    }
  }
  for (let round = 0; round < 50; round++) for (const link of links) link.settle()
  for (const link of links) link.payer.finish()
  for (const link of links) link.settle()
  const left = links.map((link) => link.left)
  const paid = links.map(({ payer }) => payer.cost.bytes)
  const isServed = links.every(({ lanes }) => [...lanes.values()].every(({ isOver }) => isOver))
  const sent = links.map(({ sentBytes }) => BigInt(sentBytes))
  expect({ seed, left, paid, isServed }).toEqual({ seed, left: links.map(() => undefined), paid: sent, isServed: true })
  for (const link of links) link.close(undefined)
  expect({ seed, ...world.books.losses }).toEqual({ seed, writtenOffBytes: 0n, defaults: 0 })
  checkKept(world)
  return links.reduce((sum, link) => sum + link.ticks.length, 0)
}

/** Everything that came is verified and acknowledged, and the node has it. */
function answer(link: Link): void {
  for (let isMoving = true; isMoving; ) {
    isMoving = link.deliver(link.toClient)
    for (const { id, verifiable } of link.lanes.values()) link.payer.verified(id, BigInt(verifiable))
    isMoving = link.deliver(link.toNode) || isMoving
  }
}

test.each(batches)('an honest client gets everything, pays for it once and is in no default, %i and on', (first) => {
  const seeds = seedsFrom(first)
  const ticks = seeds.reduce((sum, seed) => sum + checkHonest(seed), 0)
  if (seeds.length === BATCH) expect(ticks).toBeGreaterThan(0)
})
