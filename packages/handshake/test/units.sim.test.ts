/**
 * A paying client and its node under a seeded scheduler: lanes with units of all sizes, readers that pause, a meter that says no and wakes later.
 *
 * Goal: every byte that is sent lies in a unit that the meter allowed and the lane's credit covered when it began; a begun unit is finished
 * without any further credit; in the end everything that was written has arrived, and both ends know the same offsets.
 */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { drain } from './cores.ts'
import { type Paid, paid } from './paying.ts'
import { createRandom, type Random } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 200)
const UNIT_BYTES_MAX = 2 ** 21 + 2 ** 17

interface Track {
  readonly atClient: CoreLane
  readonly atNode: CoreLane
  /** Where the unit that was allowed last ends, or will at the latest. */
  allowed: number
  sent: number
  toWrite: number
  written: number
  unread: number
  isEnded: boolean
}

class Run {
  readonly session: Paid
  readonly random: Random
  readonly tracks = new Map<number, Track>()
  /** Share of questions that the meter answers with no. */
  readonly #refusals: number
  isGenerous = false
  #waiting = false

  constructor(seed: number) {
    this.random = createRandom(seed)
    this.session = paid()
    this.#refusals = this.random.pick([0, 0.1, 0.7])
    this.session.meter.allows = (lane, bytes, isBegun) => this.#allow(this.tracks.get(lane)!, bytes, isBegun)
  }

  #allow(track: Track, bytes: number, isBegun: boolean): boolean {
    const { meter } = this.session
    const told = meter.told.splice(0).filter(({ name }) => name === 'sent')
    for (const { args } of told) this.tracks.get(args[0] as number)!.sent = Number(args[1])
    assert(bytes > 0 && bytes <= UNIT_BYTES_MAX)
    if (isBegun) {
      assert(track.sent < track.allowed && bytes <= track.allowed - track.sent, 'more is asked for than was allowed')
      return true
    }
    assert(track.atNode.sendLimit - track.sent >= bytes, 'a unit was begun that the credit of its lane does not cover')
    if (!this.isGenerous && this.random.chance(this.#refusals)) {
      this.#waiting = true
      return false
    }
    track.allowed = track.sent + bytes
    return true
  }

  open(): void {
    const toWrite = this.random.below(this.random.chance(0.1) ? 5_000_000 : 150_000)
    const { client, node } = this.session
    const atClient = client.open(0, new Uint8Array(), 2 ** 21 + 2 ** 18)!
    const effects: Effect[] = []
    node.receive(drain(client), 0, effects)
    const request = effects.find((effect): effect is Extract<Effect, { type: 'request' }> => effect.type === 'request')!
    const atNode = request.lane
    node.accept(atNode, new Uint8Array(), 0)
    this.tracks.set(atNode.id, { atClient, atNode, allowed: 0, sent: 0, toWrite, written: 0, unread: 0, isEnded: false })
    this.deliver()
  }

  write(track: Track): void {
    const left = track.toWrite - track.written
    if (left === 0) {
      if (track.isEnded) return
      track.isEnded = true
      this.session.node.end(track.atNode, [])
      this.session.client.end(track.atClient, [])
      return
    }
    const bytes = Math.min(left, 1 + this.random.below(this.random.pick([1_000, 70_000, 1_500_000])))
    const ends: number[] = []
    for (let end = 0; ends.length < 20; ) {
      end += 1 + this.random.below(this.random.pick([500, 20_000, 2_000_000]))
      if (end > bytes) break
      ends.push(end)
    }
    this.session.node.write(track.atNode, [new Uint8Array(bytes)], 'token', ends)
    track.written += bytes
  }

  /** Everything that the node has to send, to the client, which reads none of it yet. */
  deliver(): void {
    const { node, client, meter } = this.session
    const effects: Effect[] = []
    client.receive(drain(node), 0, effects)
    for (const effect of effects) if (effect.type === 'data') this.tracks.get(effect.lane.id)!.unread += effect.bytes.length
    assert(!effects.some(({ type }) => type === 'over'))
    for (const { name, args } of meter.told) if (name === 'sent') this.tracks.get(args[0] as number)!.sent = Number(args[1])
    for (const track of this.tracks.values()) {
      assert(track.atNode.sent <= track.allowed, 'a byte was sent that no unit allows')
      assert.equal(track.sent, track.atNode.sent, 'the meter knows another offset')
      const isCut = track.atNode.sent < track.atNode.unitEnd && track.atNode.queuedBytes > 0
      assert(!isCut, 'a unit that was begun is not finished though its bytes are there')
    }
  }

  read(track: Track): void {
    const bytes = Math.min(track.unread, 1 + this.random.below(1_000_000))
    track.unread -= bytes
    this.session.client.consume(track.atClient, bytes)
  }

  wake(): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.session.meter.link.wake()
  }

  step(): void {
    const { client, node } = this.session
    const choice = this.random.next()
    const tracks = [...this.tracks.values()]
    if (choice < 0.1 && tracks.length < 8) return this.open()
    if (tracks.length === 0) return
    if (choice < 0.5) this.write(this.random.pick(tracks))
    else if (choice < 0.7) this.deliver()
    else if (choice < 0.8) this.wake()
    else if (choice < 0.9) this.read(this.random.pick(tracks))
    else node.receive(drain(client), 0, [])
  }

  get isDone(): boolean {
    return [...this.tracks.values()].every((track) => track.isEnded && track.unread === 0 && track.atClient.received === track.toWrite)
  }

  finish(): void {
    this.isGenerous = true
    for (let round = 0; !this.isDone && round < 1_000; round++) {
      this.wake()
      this.deliver()
      for (const track of this.tracks.values()) {
        this.write(track)
        this.read(track)
      }
      this.session.node.receive(drain(this.session.client), 0, [])
    }
  }
}

test('what is sent is what was allowed and covered, and in the end all of it is there', () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const run = new Run(seed)
    for (let i = 0; i < 60; i++) run.step()
    run.finish()
    expect({ seed, isDone: run.isDone }).toEqual({ seed, isDone: true })
  }
})
