/**
 * n members in virtual time: links with latency, loss, cuts; machines with clocks that are wrong; disks that lose what was not synced.
 * Everything is drawn from the seed. The referee sees every frame, record, emission and execution.
 */
import {
  byzantine,
  type ByzantineFault,
  createDisk,
  createFaultPlan,
  createNetwork,
  createNode,
  createSimulator,
  type Disk,
  evenLatency,
  type FaultPlan,
  type FaultTiming,
  type Hash,
  type Loss,
  type Network,
  type NetworkOptions,
  type NodeOptions,
  type Random,
  type SimulatedNode,
  type Simulator,
} from '@selvedge/simulator'
import type { CoreOptions, Time } from '../../src/core/contract.ts'
import type { Mode } from '../../src/dag/contract.ts'
import { encodeFrame, type Frame } from '../../src/wire/frames.ts'
import type { Authority } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'
import { createScenarioCommittee } from './cheap-committee.ts'
import { encodeTransfer } from './executor.ts'
import { type CoreMaker, Member } from './member.ts'
import { Referee } from './referee.ts'

export interface WorldOptions {
  readonly mode: Mode
  readonly size: number
  readonly seed: number
  readonly createCore: (authority: Authority) => CoreMaker
  readonly liars?: readonly Authority[]
  readonly committee?: TestCommittee
  readonly core?: CoreOptions
  readonly network?: Partial<NetworkOptions>
  readonly nodes?: (authority: Authority) => NodeOptions
  readonly makesCheckpoints?: boolean
  /** Whether members ask for their floor at first, which at n = 4 takes all of them. @default where nobody lies or is silent */
  readonly asksForFloor?: boolean
  readonly createHash?: () => Hash
}

/** Of the simulator's machines, where nothing else is said. */
const UNIX_MS_START = 1_800_000_000_000
/** Between two looks at whether something has come true. */
const LOOK_MS = 2

/** Of a link that nothing slows down. */
export const LATENCY_MS_MAX = 5
export const GC_DEPTH = 6
export const SCHEDULE_COMMITS = 4
export const CORE_OPTIONS: CoreOptions = {
  batchDelayMsMax: 5,
  idleDelayMsMax: 25,
  roundDelayMsMin: 10,
  leaderTimeoutMsMin: 40,
  leaderTimeoutMsMax: 80,
  parameters: { gcDepth: GC_DEPTH, scheduleCommits: SCHEDULE_COMMITS },
}

interface Machine {
  readonly member: Member
  readonly node: SimulatedNode
  readonly disk: Disk
}

export class TimedWorld {
  readonly options: WorldOptions
  readonly sim: Simulator
  readonly network: Network<Uint8Array>
  readonly plan: FaultPlan
  readonly referee: Referee
  readonly committee: TestCommittee
  readonly random: Random
  readonly liars: readonly Authority[]
  readonly honest: readonly Authority[]
  readonly #machines: Machine[] = []
  #nextTransfer = 1
  #isSated = false
  #isStill = false

  constructor(options: WorldOptions) {
    const { size, seed, mode, liars = [], createHash } = options
    this.options = options
    this.liars = liars
    this.honest = Array.from({ length: size }, (_, authority) => authority).filter((authority) => !liars.includes(authority))
    this.committee = options.committee ?? createScenarioCommittee(size)
    this.sim = createSimulator(seed, { eventsMax: 5_000_000, ...(createHash === undefined ? {} : { createHash }) })
    this.plan = createFaultPlan(seed)
    this.random = this.sim.stream('scenario')
    const gcDepth = options.core?.parameters?.gcDepth ?? GC_DEPTH
    this.referee = new Referee({ mode, committee: this.committee, gcDepth, liars: new Set(liars) })
    const deliver = (to: number, from: number, frame: Uint8Array): void => {
      const { member, node } = this.#machines[to]!
      if (node.isUp) node.run(() => member.receive(from, frame.slice()))
    }
    const network: NetworkOptions = { nodes: size, latency: evenLatency(1, LATENCY_MS_MAX), isOrdered: true, ...options.network }
    this.network = createNetwork<Uint8Array>(this.sim, deliver, network)
  }

  get size(): number {
    return this.options.size
  }

  /** As many as may be faulty. */
  get faultyMax(): number {
    return Math.floor((this.size - 1) / 3)
  }

  get members(): readonly Member[] {
    return this.#machines.map(({ member }) => member)
  }

  member(authority: Authority): Member {
    return this.#machines[authority]!.member
  }

  node(authority: Authority): SimulatedNode {
    return this.#machines[authority]!.node
  }

  disk(authority: Authority): Disk {
    return this.#machines[authority]!.disk
  }

  /** Makes all machines; those of `silent` are down. */
  start(silent: readonly Authority[] = []): void {
    for (let authority = 0; authority < this.size; authority++) this.#create(authority)
    for (const authority of silent) this.crash(authority)
  }

  crash(authority: Authority, loss: Loss = 'all'): void {
    const { member, node } = this.#machines[authority]!
    if (!node.isUp) return
    node.crash(loss)
    member.crash()
  }

  /** Whoever is up is connected with it anew, as transports tell both ends. */
  restart(authority: Authority): void {
    const { node } = this.#machines[authority]!
    if (node.isUp) return
    node.restart()
    for (const peer of this.#machines.keys()) if (peer !== authority && !this.network.isCut(authority, peer)) this.#connect(authority, peer)
  }

  /** All cuts end, and who was cut off is connected anew, as transports tell both ends. */
  heal(): void {
    const { network } = this
    const all = [...this.#machines.keys()]
    const pairs = all.flatMap((one) => all.slice(one + 1).map((other) => [one, other] as const))
    const cut = pairs.filter(([one, other]) => network.isCut(one, other) || network.isCut(other, one))
    network.heal()
    for (const [one, other] of cut) this.#connect(one, other)
  }

  /** All wall clocks show the true time. */
  rightClocks(): void {
    for (const { node } of this.#machines) node.jumpWall(UNIX_MS_START + Math.floor(this.sim.now()) - node.unixMs())
  }

  #connect(one: Authority, other: Authority): void {
    if (!this.node(one).isUp || !this.node(other).isUp) return
    this.node(one).run(() => this.member(one).step({ type: 'connected', peer: other }))
    this.node(other).run(() => this.member(other).step({ type: 'connected', peer: one }))
  }

  crashFor(authority: Authority, atMs: number, forMs: number, loss: Loss = 'all'): void {
    this.sim.at(atMs, () => {
      if (this.node(authority).isUp) this.plan.count('crash')
      this.crash(authority, loss)
    })
    this.sim.at(atMs + forMs, () => this.restart(authority))
  }

  /** Clients of these members, one transfer each every so often. */
  feed(members: readonly Authority[], everyMs: number, forMs: number): void {
    const clients = this.sim.stream('clients')
    for (let atMs = 1; atMs < forMs; atMs += everyMs) {
      this.sim.at(atMs, () => {
        if (this.#isSated) return
        for (const authority of members) {
          const transfer = encodeTransfer(this.#nextTransfer++, clients.below(16), clients.below(16), clients.below(40))
          this.member(authority).submit([transfer])
        }
      })
    }
  }

  /** Clients bring nothing more. */
  endFeeding(): void {
    this.#isSated = true
  }

  /** What a liar says over its own connection. */
  say(from: Authority, to: Authority, frame: Frame | Uint8Array): void {
    const bytes = frame instanceof Uint8Array ? frame : encodeFrame(frame, this.size)
    this.referee.signatures.tryFrame(from, bytes)
    this.network.send(from, to, bytes, bytes.length)
  }

  sayToAll(from: Authority, frame: Frame | Uint8Array): void {
    for (let to = 0; to < this.size; to++) if (to !== from) this.say(from, to, frame)
  }

  lie(authority: Authority, ...faults: readonly (ByzantineFault<Uint8Array> | readonly [ByzantineFault<Uint8Array>, FaultTiming])[]): void {
    const hook = byzantine(this.sim, this.plan, { node: authority, nodes: this.size }, faults)
    this.network.intercept(authority, (outgoing) => {
      const leaving = hook(outgoing)
      for (const { message } of leaving) if (message !== outgoing.message) this.referee.signatures.tryFrame(authority, message)
      return leaving
    })
  }

  run(forMs: number): void {
    this.sim.run(this.sim.now() + forMs)
  }

  /** @returns whether it came true in that time. */
  runUntil(forMs: number, isDone: () => boolean): boolean {
    const endMs = this.sim.now() + forMs
    while (this.sim.now() < endMs) {
      if (isDone()) return true
      this.run(LOOK_MS)
    }
    return isDone()
  }

  /** No member's clock goes on, so that all that is on its way arrives and nobody makes a further round. */
  stopClocks(): void {
    this.#isStill = true
  }

  startClocks(): void {
    this.#isStill = false
  }

  get up(): readonly Authority[] {
    return this.honest.filter((authority) => this.node(authority).isUp)
  }

  #create(authority: Authority): void {
    const { mode, createCore, core, makesCheckpoints = false, nodes, asksForFloor = this.liars.length === 0 } = this.options
    const { sim, committee, referee, network } = this
    const disk = createDisk(sim, sim.stream('disk', authority), { syncMsMin: 0.2, syncMsMax: 2 })
    let node: SimulatedNode | undefined
    let lastTime: Time | undefined
    const member = new Member(
      {
        authority,
        mode,
        committee,
        disk,
        referee,
        makesCheckpoints,
        asksForFloor,
        createCore: createCore(authority),
        options: { ...CORE_OPTIONS, ...core, parameters: { ...CORE_OPTIONS.parameters, ...core?.parameters } },
        random: () => node!.random.u32(),
      },
      {
        time: () => (lastTime = this.#isStill && lastTime !== undefined ? lastTime : { nowMs: node!.nowMs(), unixMs: node!.unixMs() }),
        send: (to, frame) => network.send(authority, to, frame, frame.length),
        after: (delayMs, run) => void node!.after(delayMs, run),
      },
    )
    member.die = () => {
      this.plan.count('crash')
      this.crash(authority, this.random.pick<Loss>(['none', 'all', 'prefix', 'torn']))
    }
    const boot = (self: SimulatedNode): void => {
      node = self
      if (this.#machines[authority] !== undefined) member.boot()
    }
    node = createNode(sim, authority, boot, { network, disk }, nodes?.(authority) ?? {})
    this.#machines.push({ member, node, disk })
    sim.at(0, () => {
      if (node!.isUp && !member.isUp) member.boot()
    })
  }
}
