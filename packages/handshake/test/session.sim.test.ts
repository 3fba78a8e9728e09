/**
 * Two session cores against each other under a seeded scheduler: bytes are split, merged and delayed, readers are slow or stop, lanes are
 * opened, ended and reset by both sides at any moment. No socket, no clock.
 *
 * Goal: what a lane delivers is exactly the prefix of what was written, all of it when nobody reset; no side ever breaks the protocol;
 * memory stays under the credit; in the end every lane has left both tables.
 */
import assert from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import type { CoreLane } from '../src/lane-core.ts'
import type { SessionCore } from '../src/session-core.ts'
import { createClientCore, createNodeCore } from './cores.ts'
import { createRandom, type Random } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 60)
const CONNECTION_BYTES = 16 * 2 ** 20
const LANES = 12
const MAX_LANES = 4

interface LaneEnd {
  readonly lane: CoreLane
  readonly name: string
  readonly windowBytes: number
  readonly toWrite: number
  written: number
  taken: number
  delivered: number
  heldBytes: number
  isEnded: boolean
  isReset: boolean
  isDone: boolean
  isPeerEnded: boolean
}

class Side {
  readonly core: SessionCore
  readonly name: string
  readonly ends = new Map<CoreLane, LaneEnd>()
  readonly #random: Random
  readonly #trace: Hash
  /** Bytes sent and not yet arrived at the other side. */
  wire: Uint8Array[] = []
  overs: Effect[] = []
  opened = 0

  constructor(core: SessionCore, name: string, random: Random, trace: Hash) {
    this.core = core
    this.name = name
    this.#random = random
    this.#trace = trace
  }

  addEnd(lane: CoreLane, windowBytes: number): LaneEnd {
    const toWrite = this.#random.chance(0.3) ? 0 : this.#random.below(this.#random.chance(0.3) ? 600_000 : 20_000)
    const end: LaneEnd = {
      lane,
      name: `${this.name}:${lane.id}:${this.opened++}`,
      windowBytes,
      toWrite,
      written: 0,
      taken: 0,
      delivered: 0,
      heldBytes: 0,
      isEnded: false,
      isReset: false,
      isDone: false,
      isPeerEnded: false,
    }
    this.ends.set(lane, end)
    return end
  }

  carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#trace.update(`${this.name} ${effect.type} ${'lane' in effect ? effect.lane.id : ''};`)
      switch (effect.type) {
        case 'request':
          this.#answer(effect.lane)
          break
        case 'data':
          this.#receive(this.ends.get(effect.lane)!, effect.bytes)
          break
        case 'end':
          this.ends.get(effect.lane)!.isPeerEnded = true
          break
        case 'reset':
          this.ends.get(effect.lane)!.isReset = true
          break
        case 'done':
          this.ends.get(effect.lane)!.isDone = true
          break
        case 'over':
          this.overs.push(effect)
      }
    }
  }

  #answer(lane: CoreLane): void {
    const windowBytes = windowOf(this.#random)
    const end = this.addEnd(lane, windowBytes)
    if (this.#random.chance(0.1)) this.reset(end)
    else this.core.accept(lane, new Uint8Array(), windowBytes)
  }

  #receive(end: LaneEnd, bytes: Uint8Array): void {
    const wrong = bytes.findIndex((byte, i) => byte !== byteAt(end.delivered + i, end.lane.id))
    assert.equal(wrong, -1, `${end.name} delivered a wrong byte`)
    end.delivered += bytes.length
    end.heldBytes += bytes.length
    assert(end.heldBytes <= end.windowBytes, `${end.name} holds ${end.heldBytes} of ${end.windowBytes} bytes`)
  }

  reset(end: LaneEnd): void {
    end.isReset = true
    const effects: Effect[] = []
    this.core.reset(end.lane, 25, 'enough', effects)
    this.carryOut(effects)
    end.heldBytes = 0
  }

  /** One thing that the application of this side does. */
  act(end: LaneEnd): void {
    const effects: Effect[] = []
    const choice = this.#random.next()
    if (choice < 0.02 && !end.isReset && !end.isDone) this.reset(end)
    else if (choice < 0.5 && end.written < end.toWrite && !end.isReset && end.lane.isAccepted) {
      const length = Math.min(end.toWrite - end.written, 1 + this.#random.below(70_000))
      const bytes = Uint8Array.from({ length }, (_, i) => byteAt(end.written + i, end.lane.id))
      const cut = this.#random.below(length + 1)
      if (this.core.write(end.lane, [bytes.subarray(0, cut), bytes.subarray(cut)], end)) end.written += length
    } else if (choice < 0.6 && end.written === end.toWrite && !end.isEnded && !end.isReset) {
      end.isEnded = true
      this.core.end(end.lane, effects)
    } else if (end.heldBytes > 0) {
      const bytes = Math.min(end.heldBytes, 1 + this.#random.below(this.#random.chance(0.5) ? 1_000 : 200_000))
      end.heldBytes -= bytes
      this.core.consume(end.lane, bytes)
    }
    this.carryOut(effects)
  }

  send(): void {
    const effects: Effect[] = []
    if (!this.core.hasOutput) return
    const { parts } = this.core.take(1 + this.#random.below(150_000), effects)
    this.wire.push(new Uint8Array(Buffer.concat(parts)))
    this.carryOut(effects)
  }

  /** Delivers some of what is on the wire to `other`, cut or joined anywhere. */
  deliver(other: Side): void {
    if (this.wire.length === 0) return
    let bytes = new Uint8Array(Buffer.concat(this.wire.splice(0, 1 + this.#random.below(3))))
    if (this.#random.chance(0.5)) {
      const cut = this.#random.below(bytes.length)
      this.wire.unshift(bytes.slice(cut))
      bytes = bytes.slice(0, cut)
    }
    const effects: Effect[] = []
    other.core.receive(bytes, 0, effects)
    other.carryOut(effects)
  }

  get heldBytes(): number {
    return [...this.ends.values()].reduce((bytes, end) => bytes + end.heldBytes, 0)
  }
}

const byteAt = (offset: number, lane: number): number => (offset * 7 + (offset >> 8) * 13 + lane * 31) & 0xff
const windowOf = (random: Random): number => random.pick([1, 100, 5_000, 70_000, 2 ** 21 + 2 ** 17])

interface Outcome {
  readonly trace: string
  readonly client: Side
  readonly node: Side
}

function simulate(seed: number): Outcome {
  const random = createRandom(seed)
  const trace = createHash('sha256')
  const client = new Side(createClientCore(), 'client', random, trace)
  const node = new Side(createNodeCore({ maxLanes: MAX_LANES }), 'node', random, trace)
  const sides = [client, node]
  const isBusy = (): boolean => {
    if (client.opened < LANES || sides.some((side) => side.wire.length > 0 || side.core.hasOutput)) return true
    return sides.some((side) => [...side.ends.values()].some((end) => !end.isDone || end.heldBytes > 0))
  }
  for (let step = 0; isBusy(); step++) {
    if (step > 200_000) throw new Error(`seed ${seed} does not come to an end`)
    const side = random.pick(sides)
    const choice = random.next()
    if (choice < 0.3) side.send()
    else if (choice < 0.6) side.deliver(side === client ? node : client)
    else if (choice < 0.65) tryOpen(client, random)
    else if (side.ends.size > 0) side.act(random.pick([...side.ends.values()].slice(-6)))
    if (step % 16 === 0) for (const each of sides.flatMap((s) => [...s.ends.values()].map((end) => [s, end] as const))) each[0].act(each[1])
    for (const each of sides) expect(each.heldBytes).toBeLessThanOrEqual(CONNECTION_BYTES)
  }
  return { trace: trace.digest('hex'), client, node }
}

function tryOpen(client: Side, random: Random): void {
  if (client.opened === LANES || client.core.openLanes >= client.core.maxLanes) return
  const windowBytes = windowOf(random)
  const lane = client.core.open(0, new Uint8Array(random.below(50)), windowBytes)
  if (lane !== undefined) client.addEnd(lane, windowBytes)
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('lanes deliver what was written under any schedule, seed %i', (seed) => {
  const { client, node } = simulate(seed)
  expect([client.overs, node.overs]).toEqual([[], []])
  expect([client.core.openLanes, node.core.openLanes]).toEqual([0, 0])
  for (const [sender, receiver] of [
    [client, node],
    [node, client],
  ] as const) {
    for (const end of sender.ends.values()) {
      const other = [...receiver.ends.values()].find((each) => each.lane.id === end.lane.id)
      expect(other?.delivered ?? 0).toBeLessThanOrEqual(end.written)
      if (end.isReset || other?.isReset === true) continue
      expect([end.name, other?.delivered, other?.isPeerEnded]).toEqual([end.name, end.toWrite, true])
    }
  }
})

test('equal seeds give equal runs, and different ones different', () => {
  expect(simulate(7).trace).toBe(simulate(7).trace)
  expect(simulate(8).trace).not.toBe(simulate(7).trace)
})
