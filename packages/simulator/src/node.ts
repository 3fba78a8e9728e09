/**
 * One machine: it crashes, restarts, is slow, and its clocks are wrong.
 *
 * Everything that a node does goes through `run`, which waits for its processor; a timer that comes due while the processor is busy runs
 * late, as it would. A crash ends all that was planned: what belongs to an earlier boot never runs.
 *
 * There are two clocks. `nowMs` is monotonic, begins at 0 with each boot and runs at its own rate. `unixMs` is the wall's: whole
 * milliseconds, with a skew, and it jumps when it is told to, also back.
 */
import type { Disk, Loss } from './disk.ts'
import type { TimerId } from './engine.ts'
import { check, SimulatorError } from './errors.ts'
import type { Random } from './random.ts'

export interface NodeWorld {
  now(): number
  at(timeMs: number, fn: () => void): TimerId
  cancel(timer: TimerId): boolean
  stream(...path: readonly (number | string)[]): Random
}

/** What crashes and restarts with the node. */
export interface NodeComponents {
  readonly network?: { setUp(node: number, isUp: boolean): void }
  readonly disk?: Pick<Disk, 'crash'>
}

export interface NodeOptions {
  /** Wall time minus true time. @default 0 */
  readonly skewMs?: number
  /** How much too fast both clocks run, in parts of a million. @default 0 */
  readonly driftPpm?: number
  /** Processor time of each `run` that names none. @default 0 */
  readonly cpuMs?: number
  /** True wall time at the beginning of the simulation. @default 1_800_000_000_000 */
  readonly unixMsStart?: number
}

export interface SimulatedNode {
  readonly index: number
  readonly isUp: boolean
  /** Times it was started; 1 after creation. */
  readonly boots: number
  /** Chance of this boot. */
  readonly random: Random
  nowMs(): number
  unixMs(): number
  /** Does `fn` when the processor has spent `cpuMs` on it, after all that waits before it. @throws {SimulatorError} `SIMULATOR_DOWN` */
  run(fn: () => void, cpuMs?: number): void
  /** Does `fn` when `delayMs` have passed on its monotonic clock, and the processor is free. Returns what cancels it. */
  after(delayMs: number, fn: () => void): () => void
  /** The processor does nothing for a while: a collector, a suspended machine. */
  pause(forMs: number): void
  /** Moves the wall clock: forth, or back with a negative number. */
  jumpWall(byMs: number): void
  /** Moves the monotonic clock forth, as a resumed machine's may be. Timers keep their true time. */
  jumpMonotonic(byMs: number): void
  setDrift(ppm: number): void
  /** Ends this boot; the disk loses what `loss` says. A node that is down stays down. @default loss 'all' */
  crash(loss?: Loss): void
  /** Begins the next boot with the function that the node was made with. A node that is up stays up. */
  restart(): void
}

const MILLION = 1_000_000

class Machine implements SimulatedNode {
  readonly index: number
  readonly #world: NodeWorld
  readonly #components: NodeComponents
  readonly #boot: (node: SimulatedNode) => void
  readonly #cpuMs: number
  readonly #unixMsStart: number
  #boots = 0
  #isUp = false
  #random: Random
  #busyUntilMs = 0
  #rate: number
  /** Where both clocks stood when the rate last changed, or the node was started. */
  #sinceMs = 0
  #monotonicMs = 0
  #wallMs: number

  constructor(world: NodeWorld, index: number, boot: (node: SimulatedNode) => void, components: NodeComponents, options: NodeOptions) {
    const { skewMs = 0, driftPpm = 0, cpuMs = 0, unixMsStart = 1_800_000_000_000 } = options
    check(Math.abs(driftPpm) < MILLION, `driftPpm must be within a million, got ${driftPpm}`)
    check(cpuMs >= 0, `cpuMs must be 0 or more, got ${cpuMs}`)
    this.index = index
    this.#world = world
    this.#components = components
    this.#boot = boot
    this.#cpuMs = cpuMs
    this.#unixMsStart = unixMsStart
    this.#rate = 1 + driftPpm / MILLION
    this.#wallMs = skewMs + world.now()
    this.#sinceMs = world.now()
    this.#random = world.stream('node', index, 0)
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get boots(): number {
    return this.#boots
  }

  get random(): Random {
    return this.#random
  }

  nowMs(): number {
    return this.#monotonicMs + this.#elapsed()
  }

  unixMs(): number {
    return Math.floor(this.#unixMsStart + this.#wallMs + this.#elapsed())
  }

  run(fn: () => void, cpuMs: number = this.#cpuMs): void {
    if (!this.#isUp) throw new SimulatorError('SIMULATOR_DOWN', `node ${this.index} is down`, { node: this.index })
    const nowMs = this.#world.now()
    if (cpuMs === 0 && this.#busyUntilMs <= nowMs) return fn()
    this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + cpuMs
    this.#atTrueTime(this.#busyUntilMs, fn)
  }

  after(delayMs: number, fn: () => void): () => void {
    if (!(delayMs >= 0)) check(false, `a delay must be 0 or more, got ${delayMs}`)
    const timer = this.#atTrueTime(this.#world.now() + delayMs / this.#rate, () => this.run(fn))
    return () => void this.#world.cancel(timer)
  }

  pause(forMs: number): void {
    check(forMs >= 0, `a pause must be 0 ms or more, got ${forMs}`)
    this.#busyUntilMs = Math.max(this.#world.now(), this.#busyUntilMs) + forMs
  }

  jumpWall(byMs: number): void {
    this.#wallMs += byMs
  }

  jumpMonotonic(byMs: number): void {
    check(byMs >= 0, `a monotonic clock never falls, got ${byMs}`)
    this.#monotonicMs += byMs
  }

  setDrift(ppm: number): void {
    check(Math.abs(ppm) < MILLION, `driftPpm must be within a million, got ${ppm}`)
    this.#settle()
    this.#rate = 1 + ppm / MILLION
  }

  crash(loss: Loss = 'all'): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#components.network?.setUp(this.index, false)
    this.#components.disk?.crash(loss)
  }

  restart(): void {
    if (this.#isUp) return
    this.#settle()
    this.#monotonicMs = 0
    this.#busyUntilMs = this.#world.now()
    this.#boots += 1
    this.#random = this.#world.stream('node', this.index, this.#boots)
    this.#isUp = true
    this.#components.network?.setUp(this.index, true)
    this.#boot(this)
  }

  #elapsed(): number {
    return (this.#world.now() - this.#sinceMs) * this.#rate
  }

  /** Writes the clocks down at this moment, so that what changes now counts from now. */
  #settle(): void {
    const elapsed = this.#elapsed()
    this.#monotonicMs += elapsed
    this.#wallMs += elapsed
    this.#sinceMs = this.#world.now()
  }

  #atTrueTime(timeMs: number, fn: () => void): TimerId {
    const boots = this.#boots
    return this.#world.at(timeMs, () => {
      if (this.#isUp && this.#boots === boots) fn()
    })
  }
}

/**
 * A node that is up; `boot` has been called once for it, and is called again at each restart.
 *
 * @param index - its number in the network.
 * @param boot - starts the protocol: reads the disk, sets timers. The node of the last boot has nothing left that runs.
 * @example const node = createNode(sim, 3, (self) => self.after(100, () => start(self)), { network, disk }, { skewMs: -40, cpuMs: 0.05 })
 */
export function createNode(
  world: NodeWorld,
  index: number,
  boot: (node: SimulatedNode) => void,
  components: NodeComponents = {},
  options: NodeOptions = {},
): SimulatedNode {
  const node = new Machine(world, index, boot, components, options)
  node.restart()
  return node
}
