/**
 * Messages between many nodes: latency, uplinks that fill, loss, duplicates, overtaking, cuts, partitions, NAT.
 *
 * A message first waits for its sender's uplink, one after the other at `uplinkBytesPerSecond`, then travels as long as `latency` and its
 * link say. Unordered links lose, double and reorder like datagrams. Ordered links behave like a stream: what is lost comes later, after
 * time-outs that double, and holds up everything behind it; what is on the way to a node that restarts is gone with its connection.
 * A cut loses what is sent into it and what is on the way; with `holdsOnCut` an ordered link keeps both and sends them on when it heals.
 *
 * Messages go by reference: give immutable ones, or bytes that nobody changes. What a link remembers exists only once it has something to
 * remember, so 100,000 nodes cost their nodes, not their pairs.
 */
import type { EventKind } from './engine.ts'
import { check, isIndex, isShare } from './errors.ts'
import type { Intercept, LinkOptions, Network, NetworkCounts, NetworkOptions, NetworkWorld, Outgoing } from './network-contract.ts'
import type { Random } from './random.ts'

interface Travelling<M> {
  readonly message: M
  readonly bytes: number
  readonly sequence: number
  /** Crashes of the sender before it was sent, and when its last byte leaves. */
  readonly crashes: number
  readonly leavesMs: number
  /** Boots of the receiver when it was sent, where the link is ordered; -1 on the others. */
  readonly boots: number
}

interface LinkState<M> {
  options: LinkOptions
  lastArrivalMs: number
  held: Travelling<M>[]
}

const BACKOFF_MAX = 6
const NO_OPTIONS: LinkOptions = {}

function checkShares(options: LinkOptions): void {
  const { lossShare = 0, duplicateShare = 0, reorderShare = 0, extraDelayMs = 0 } = options
  for (const share of [lossShare, duplicateShare, reorderShare]) check(isShare(share), `a share must be 0 to 1, got ${share}`)
  check(extraDelayMs >= 0, `extraDelayMs must be 0 or more, got ${extraDelayMs}`)
}

class SimulatedNetwork<M> implements Network<M> {
  readonly counts: NetworkCounts = {
    sent: 0,
    delivered: 0,
    lost: 0,
    retransmitted: 0,
    duplicated: 0,
    reordered: 0,
    cut: 0,
    held: 0,
    filtered: 0,
    down: 0,
  }
  readonly #world: NetworkWorld
  readonly #nodes: number
  readonly #options: Required<NetworkOptions>
  readonly #deliver: (to: number, from: number, message: M, bytes: number) => void
  readonly #random: Random
  readonly #arrival: EventKind<Travelling<M>>
  readonly #departure: EventKind<Outgoing<M>>
  readonly #links = new Map<number, LinkState<M>>()
  readonly #hooks = new Map<number, Intercept<M>>()
  readonly #uplinkFreeMs: Float64Array
  readonly #uplinks: Float64Array
  readonly #boots: Int32Array
  readonly #isUp: Uint8Array
  /** When each node went down, in order: only of nodes that did. */
  readonly #crashMs = new Map<number, number[]>()
  readonly #groups: Int32Array
  readonly #cuts = new Set<number>()
  readonly #natMs = new Map<number, number>()
  readonly #openings = new Map<number, number>()
  #isWhole = true
  #sequence = 0

  constructor(
    world: NetworkWorld,
    deliver: (to: number, from: number, message: M, bytes: number) => void,
    options: Required<NetworkOptions>,
  ) {
    const { nodes } = options
    this.#world = world
    this.#nodes = nodes
    this.#options = options
    this.#deliver = deliver
    this.#random = world.stream('network')
    this.#arrival = world.engine.kind<Travelling<M>>('arrival', (to, from, travelling) => this.#arrive(to, from, travelling))
    this.#departure = world.engine.kind<Outgoing<M>>('departure', (from, to, { message, bytes }) => this.#depart(from, to, message, bytes))
    this.#uplinkFreeMs = new Float64Array(nodes)
    this.#uplinks = new Float64Array(nodes).fill(options.uplinkBytesPerSecond)
    this.#boots = new Int32Array(nodes)
    this.#isUp = new Uint8Array(nodes).fill(1)
    this.#groups = new Int32Array(nodes)
  }

  send(from: number, to: number, message: M, bytes: number): void {
    this.#checkNode(from)
    this.#checkNode(to)
    if (!(bytes >= 0)) check(false, `bytes must be 0 or more, got ${bytes}`)
    if (this.#isUp[from] === 0) return
    this.counts.sent += 1
    const hook = this.#hooks.get(from)
    if (hook === undefined) return this.#depart(from, to, message, bytes)
    for (const each of hook({ to, message, bytes, delayMs: 0 })) {
      this.#checkNode(each.to)
      if (each.delayMs <= 0) this.#depart(from, each.to, each.message, each.bytes)
      else this.#world.engine.schedule(this.#world.engine.now() + each.delayMs, this.#departure, from, each.to, each)
    }
  }

  setLink(from: number, to: number, options: LinkOptions | undefined): void {
    checkShares(options ?? NO_OPTIONS)
    this.#stateOf(this.#keyOf(from, to)).options = options ?? NO_OPTIONS
  }

  setUplink(node: number, bytesPerSecond: number): void {
    this.#checkNode(node)
    check(bytesPerSecond > 0, `bytesPerSecond must be above 0, got ${bytesPerSecond}`)
    this.#uplinks[node] = bytesPerSecond
  }

  uplinkDelayMs(node: number): number {
    this.#checkNode(node)
    return Math.max(0, (this.#uplinkFreeMs[node] as number) - this.#world.engine.now())
  }

  partition(groups: readonly (readonly number[])[]): void {
    this.#groups.fill(0)
    for (const [index, group] of groups.entries()) {
      for (const node of group) {
        this.#checkNode(node)
        this.#groups[node] = index + 1
      }
    }
    this.#isWhole = false
    this.#release()
  }

  cut(from: number, to: number): void {
    this.#cuts.add(this.#keyOf(from, to))
    this.#isWhole = false
  }

  mend(from: number, to: number): void {
    this.#cuts.delete(this.#keyOf(from, to))
    this.#release()
  }

  heal(): void {
    this.#groups.fill(0)
    this.#cuts.clear()
    this.#isWhole = true
    this.#release()
  }

  isCut(from: number, to: number): boolean {
    if (this.#isWhole) return false
    return this.#groups[from] !== this.#groups[to] || this.#cuts.has(from * this.#nodes + to)
  }

  setUp(node: number, isUp: boolean): void {
    this.#checkNode(node)
    if ((this.#isUp[node] === 1) === isUp) return
    this.#isUp[node] = isUp ? 1 : 0
    if (isUp) return
    this.#boots[node] = (this.#boots[node] as number) + 1
    this.#uplinkFreeMs[node] = 0 // what had not left yet is gone: #arrive finds it
    this.#crashMs.set(node, [...(this.#crashMs.get(node) ?? []), this.#world.engine.now()])
    for (const [key, state] of this.#links) if (Math.floor(key / this.#nodes) === node) state.held = []
  }

  setNat(node: number, windowMs: number | undefined): void {
    this.#checkNode(node)
    if (windowMs === undefined) this.#natMs.delete(node)
    else this.#natMs.set(node, windowMs)
  }

  intercept(node: number, hook: Intercept<M> | undefined): void {
    this.#checkNode(node)
    if (hook === undefined) this.#hooks.delete(node)
    else this.#hooks.set(node, hook)
  }

  #checkNode(node: number): void {
    if (!isIndex(node, this.#nodes)) check(false, `node must be below ${this.#nodes}, got ${node}`)
  }

  #keyOf(from: number, to: number): number {
    this.#checkNode(from)
    this.#checkNode(to)
    return from * this.#nodes + to
  }

  #stateOf(key: number): LinkState<M> {
    let state = this.#links.get(key)
    if (state === undefined) {
      state = { options: NO_OPTIONS, lastArrivalMs: 0, held: [] }
      this.#links.set(key, state)
    }
    return state
  }

  #depart(from: number, to: number, message: M, bytes: number): void {
    if (this.#isUp[from] === 0) return
    const { lossShare, duplicateShare } = this.#options
    const key = from * this.#nodes + to
    const state = this.#links.get(key)
    const options = state?.options ?? NO_OPTIONS
    if (this.#natMs.has(from)) this.#openings.set(key, this.#world.engine.now())
    const isOrdered = options.isOrdered ?? this.#options.isOrdered
    const boots = isOrdered ? (this.#boots[to] as number) : -1
    const crashes = this.#boots[from] as number
    const sequence = this.#sequence++
    if (!this.#isWhole && this.isCut(from, to)) return this.#meetCut(key, { message, bytes, sequence, crashes, leavesMs: 0, boots })
    const leavesMs = this.#leaveUplink(from, bytes)
    const travelling: Travelling<M> = { message, bytes, sequence, crashes, leavesMs, boots }
    const loss = options.lossShare ?? lossShare
    if (isOrdered) return this.#stream(from, to, travelling, loss)
    if (loss > 0 && this.#random.chance(loss)) {
      this.counts.lost += 1
      return
    }
    this.#fly(from, to, travelling, options)
    const duplicates = options.duplicateShare ?? duplicateShare
    if (duplicates === 0 || !this.#random.chance(duplicates)) return
    this.counts.duplicated += 1
    this.#fly(from, to, travelling, options)
  }

  /** When the last byte is on the wire. */
  #leaveUplink(from: number, bytes: number): number {
    const nowMs = this.#world.engine.now()
    const rate = this.#uplinks[from] as number
    if (rate === Number.POSITIVE_INFINITY) return nowMs
    const leavesMs = Math.max(nowMs, this.#uplinkFreeMs[from] as number) + (bytes * 1000) / rate
    this.#uplinkFreeMs[from] = leavesMs
    return leavesMs
  }

  #travelMs(from: number, to: number, options: LinkOptions): number {
    const delayMs = (options.latency ?? this.#options.latency)(from, to, this.#random) + (options.extraDelayMs ?? 0)
    if (!(delayMs >= 0)) check(false, `a latency must be 0 or more, got ${delayMs} from ${from} to ${to}`)
    return delayMs
  }

  #fly(from: number, to: number, travelling: Travelling<M>, options: LinkOptions): void {
    let atMs = travelling.leavesMs + this.#travelMs(from, to, options)
    const share = options.reorderShare ?? this.#options.reorderShare
    if (share > 0 && this.#random.chance(share)) {
      this.counts.reordered += 1
      atMs += this.#random.next() * this.#options.reorderMs
    }
    this.#world.engine.schedule(atMs, this.#arrival, to, from, travelling)
  }

  #stream(from: number, to: number, travelling: Travelling<M>, lossShare: number): void {
    const state = this.#stateOf(from * this.#nodes + to)
    let atMs = travelling.leavesMs + this.#travelMs(from, to, state.options)
    let timeoutMs = this.#options.retransmitMs
    for (let tries = 0; tries < BACKOFF_MAX && lossShare > 0 && this.#random.chance(lossShare); tries++) {
      this.counts.retransmitted += 1
      atMs += timeoutMs
      timeoutMs *= 2
    }
    atMs = Math.max(atMs, state.lastArrivalMs)
    state.lastArrivalMs = atMs
    this.#world.engine.schedule(atMs, this.#arrival, to, from, travelling)
  }

  #meetCut(key: number, travelling: Travelling<M>): void {
    const isOpen = travelling.boots !== -1 && travelling.crashes === this.#boots[Math.floor(key / this.#nodes)]
    if (!isOpen || !this.#options.holdsOnCut) {
      this.counts.cut += 1
      return
    }
    const { held } = this.#stateOf(key)
    this.counts.held += 1
    held.push(travelling)
    if (held.length <= this.#options.heldMax) return
    held.shift()
    this.counts.cut += 1
  }

  /** Sends on what was held on links that are cut no more, in the order it was first sent. */
  #release(): void {
    for (const [key, state] of this.#links) {
      const from = Math.floor(key / this.#nodes)
      const to = key - from * this.#nodes
      if (state.held.length === 0 || this.isCut(from, to)) continue
      const held = state.held.toSorted((a, b) => a.sequence - b.sequence) // what was on the way met the cut after what was sent into it
      state.held = []
      const lossShare = state.options.lossShare ?? this.#options.lossShare
      for (const each of held) this.#stream(from, to, { ...each, leavesMs: this.#leaveUplink(from, each.bytes) }, lossShare)
    }
  }

  #arrive(to: number, from: number, travelling: Travelling<M>): void {
    const { message, bytes, boots } = travelling
    const crashMs = this.#crashMs.get(from)?.[travelling.crashes]
    if (crashMs !== undefined && crashMs < travelling.leavesMs) {
      this.counts.down += 1
      return
    }
    if (!this.#isWhole && this.isCut(from, to)) return this.#meetCut(from * this.#nodes + to, travelling)
    if (this.#isUp[to] === 0 || (boots !== -1 && boots !== this.#boots[to])) {
      this.counts.down += 1
      return
    }
    if (this.#natMs.size > 0 && this.#isFiltered(to, from)) {
      this.counts.filtered += 1
      return
    }
    this.counts.delivered += 1
    this.#world.trace.record(this.#world.engine.now(), to, 'delivery', bytes, from)
    this.#deliver(to, from, message, bytes)
  }

  #isFiltered(to: number, from: number): boolean {
    const windowMs = this.#natMs.get(to)
    if (windowMs === undefined) return false
    const openedMs = this.#openings.get(to * this.#nodes + from)
    return openedMs === undefined || openedMs + windowMs < this.#world.engine.now()
  }
}

/**
 * A network of `options.nodes` nodes, numbered from 0.
 *
 * @param world - a simulator.
 * @param deliver - called at each arrival.
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT`: a number outside its range, here and in every call.
 * @example
 * const network = createNetwork<string>(sim, (to, from, message) => console.log(to, from, message), { nodes: 4, latency: fixedLatency(20) })
 * network.partition([[0, 1], [2, 3]])
 */
export function createNetwork<M>(
  world: NetworkWorld,
  deliver: (to: number, from: number, message: M, bytes: number) => void,
  options: NetworkOptions,
): Network<M> {
  const { nodes, latency, lossShare = 0, duplicateShare = 0, reorderShare = 0, reorderMs = 100, isOrdered = false } = options
  const { retransmitMs = 200, holdsOnCut = false, heldMax = 10_000, uplinkBytesPerSecond = Number.POSITIVE_INFINITY } = options
  check(Number.isInteger(nodes) && nodes >= 1 && nodes <= 2 ** 24, `nodes must be a whole number from 1 to 2^24, got ${nodes}`)
  checkShares({ lossShare, duplicateShare, reorderShare })
  check(uplinkBytesPerSecond > 0, `uplinkBytesPerSecond must be above 0, got ${uplinkBytesPerSecond}`)
  check(retransmitMs > 0 && reorderMs >= 0 && heldMax >= 0, 'retransmitMs must be above 0, reorderMs and heldMax not below')
  return new SimulatedNetwork(world, deliver, {
    nodes,
    latency,
    lossShare,
    duplicateShare,
    reorderShare,
    reorderMs,
    isOrdered,
    retransmitMs,
    holdsOnCut,
    heldMax,
    uplinkBytesPerSecond,
  })
}
