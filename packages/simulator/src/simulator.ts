/**
 * One seeded world: virtual time, chance, a trace, and messages over links. What a protocol's test holds in its hand.
 *
 * Nothing here reads a clock or waits: `run` calls functions one after the other, in the order of virtual time. Equal seeds and equal calls
 * give equal runs.
 */
import { createEngine, type Engine, type TimerId } from './engine.ts'
import { check, isShare } from './errors.ts'
import { createRandom, type Random } from './random.ts'
import { createTrace, type Hash, type Trace } from './trace.ts'

/** A way from one place to another. */
export interface Link {
  /** One-way delay, drawn evenly between the two. @default 0 */
  readonly delayMsMin?: number
  /** @default delayMsMin */
  readonly delayMsMax?: number
  /** Share of messages that are lost. @default 0 */
  readonly lossShare?: number
  /** Share of messages that come twice, each with its own delay. @default 0 */
  readonly duplicateShare?: number
  /** Whether what was sent first comes first. The link object itself is what is remembered. @default false */
  readonly isOrdered?: boolean
}

export interface SimulatorOptions {
  /** Events that may run in all; the next one throws `SIMULATOR_BUDGET`. @default 1_000_000_000 */
  readonly eventsMax?: number
  /** Hash function of the trace, as `() => createHash('sha256')` of node:crypto. @default none */
  readonly createHash?: () => Hash
}

export interface Simulator {
  readonly seed: number
  readonly engine: Engine
  readonly trace: Trace
  /** Milliseconds since the beginning, fractions included. */
  now(): number
  /** 0 <= x < 1. For the test itself; what belongs to a node or a purpose takes a `stream`. */
  random(): number
  /** Chance for one purpose: `stream('node', 3, 'retry')`. The same path gives the same stream, from its start. */
  stream(...path: readonly (number | string)[]): Random
  /** Calls `fn` at a time, or after a while. */
  at(timeMs: number, fn: () => void): TimerId
  after(delayMs: number, fn: () => void): TimerId
  cancel(timer: TimerId): boolean
  /** Calls `fn` each `periodMs`, first after one period; returns what stops it. */
  every(periodMs: number, fn: () => void): () => void
  /** Carries one message: calls `fn` when it arrives, never, or twice. `bytes` stands in the trace. */
  send(link: Link, fn: () => void, bytes?: number): void
  /** Runs the next event; `false` where there is none. */
  step(): boolean
  /** Runs every event up to and at `untilMs` since the beginning. */
  run(untilMs: number): void
}

function checkLink({ delayMsMin = 0, delayMsMax = delayMsMin, lossShare = 0, duplicateShare = 0 }: Link): void {
  const isDelay = delayMsMin >= 0 && delayMsMax >= delayMsMin
  if (!isDelay) check(false, `a delay must be 0 or more and delayMsMax not below, got ${delayMsMin} to ${delayMsMax}`)
  if (!isShare(lossShare)) check(false, `a share must be 0 to 1, got ${lossShare}`)
  if (!isShare(duplicateShare)) check(false, `a share must be 0 to 1, got ${duplicateShare}`)
}

/**
 * A world at time 0.
 *
 * @param seed - any safe integer: it decides everything that chance decides.
 * @throws {SimulatorError} `SIMULATOR_BUDGET` out of `run` and `step`, once `eventsMax` events ran.
 * @example
 * const sim = createSimulator(42)
 * sim.send({ delayMsMin: 5, delayMsMax: 80, lossShare: 0.1 }, () => console.log('arrived at', sim.now()))
 * sim.run(1_000)
 */
export function createSimulator(seed: number, { eventsMax, createHash }: SimulatorOptions = {}): Simulator {
  const engine = createEngine(eventsMax === undefined ? {} : { eventsMax })
  const trace = createTrace({ createHash })
  const root = createRandom(seed)
  const own = root.stream('test')
  const chance = root.stream('links')
  const lastArrivals = new WeakMap<Link, number>()
  const call = engine.kind<() => void>('call', (_a, _b, fn) => fn())
  const arrival = engine.kind<() => void>('arrival', (bytes, _b, fn) => {
    trace.record(engine.now(), -1, 'arrival', bytes)
    fn()
  })
  const at = (timeMs: number, fn: () => void): TimerId => engine.schedule(timeMs, call, 0, 0, fn)
  const carry = (link: Link, fn: () => void, bytes: number): void => {
    const { delayMsMin = 0, delayMsMax = delayMsMin, isOrdered = false } = link
    let atMs = engine.now() + delayMsMin + chance.next() * (delayMsMax - delayMsMin)
    if (isOrdered) {
      atMs = Math.max(atMs, lastArrivals.get(link) ?? 0)
      lastArrivals.set(link, atMs)
    }
    engine.schedule(atMs, arrival, bytes, 0, fn)
  }
  return {
    seed,
    engine,
    trace,
    now: () => engine.now(),
    random: () => own.next(),
    stream: (...path) => root.stream('stream', ...path),
    at,
    after: (delayMs, fn) => at(engine.now() + delayMs, fn),
    cancel: (timer) => engine.cancel(timer),
    every(periodMs, fn) {
      check(periodMs > 0, `a period must be above 0 ms, got ${periodMs}`)
      const tick = (): void => {
        timer = at(engine.now() + periodMs, tick) // before the call, which may stop it
        fn()
      }
      let timer = at(engine.now() + periodMs, tick)
      return () => void engine.cancel(timer)
    },
    send(link, fn, bytes = 0) {
      checkLink(link)
      if (chance.chance(link.lossShare ?? 0)) return
      carry(link, fn, bytes)
      if (chance.chance(link.duplicateShare ?? 0)) carry(link, fn, bytes)
    },
    step: () => engine.step(),
    run: (untilMs) => engine.run(untilMs),
  }
}
