/**
 * Nodes and a reader in virtual time, around the real plan: who sends when, what breaks, and what the reader sees. All of it is drawn from a seed.
 */
import { SpreadPlan, type PlanEffect, type PlanEvent } from '../src/spread/plan.ts'

export const GROUP_BYTES = 16_384

export interface ModelNode {
  readonly latencyMs: number
  readonly bytesPerMs: number
  /** What it does when it has sent so many bytes in all. */
  readonly fault?: { readonly kind: 'stalls' | 'lies' | 'dies' | 'crawls'; readonly afterBytes: number; readonly forMs?: number }
}

export interface ModelOptions {
  readonly nodes: readonly ModelNode[]
  readonly nodesAtOnce: number
  /** The first so many; the others have lied before. */
  readonly trusted?: number
  readonly size: number
  readonly start?: number
  readonly end?: number
  /** What the nodes say of the size, where it is not the truth. */
  readonly claims?: readonly (number | undefined)[]
  readonly aheadBytesMax: number
  /** The reader waits so long before each read. */
  readonly readerMs?: () => number
}

export interface Outcome {
  readonly read: number
  readonly isComplete: boolean
  readonly isStuck: boolean
  /** The longest that the reader waited for his next bytes, after the first. */
  readonly gapMsMax: number
  readonly firstMs: number
  readonly heldBytesMax: number
  /** Verified bytes of each node that were kept, and that were for nothing. */
  readonly kept: readonly number[]
  readonly wasted: readonly number[]
  readonly asks: number
  readonly endMs: number
}

interface Lane {
  readonly ask: number
  at: number
  readonly end: number
  readonly opensMs: number
}

interface Sender {
  readonly lanes: Lane[]
  sent: number
  isPumping: boolean
  brokenMs: number | undefined
}

/** Broken invariants throw. */
export function runModel(options: ModelOptions): Outcome {
  return new Model(options).run()
}

class Model {
  readonly #options: ModelOptions
  readonly #plan: SpreadPlan
  readonly #senders: Sender[]
  readonly #queue: { atMs: number; order: number; act: () => void }[] = []
  readonly #out = new Set<number>()
  readonly #pieces = new Map<number, number>()
  readonly #kept: number[]
  readonly #wasted: number[]
  #nowMs = 10_000
  #order = 0
  #asks = 0
  #read: number
  #held = 0
  #heldMax = 0
  #waitsSinceMs: number | undefined
  #firstMs: number | undefined
  #gapMsMax = 0
  #isReaderBusy = false
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(options: ModelOptions) {
    const { nodes, nodesAtOnce, trusted = nodes.length, start = 0, end, aheadBytesMax } = options
    this.#options = options
    this.#read = start
    this.#senders = nodes.map(() => ({ lanes: [], sent: 0, isPumping: false, brokenMs: undefined }))
    this.#kept = nodes.map(() => 0)
    this.#wasted = nodes.map(() => 0)
    const lengths = { aheadBytesMax, partBytesMin: 2 ** 18, partBytesMax: Math.min(2 ** 21, aheadBytesMax / nodesAtOnce), patienceMs: 200 }
    this.#plan = new SpreadPlan({ nodes: nodes.length, trusted, nodesAtOnce, start, end, ...lengths })
  }

  run(): Outcome {
    this.#step({ type: 'known', isProven: false, grainBytes: GROUP_BYTES })
    this.#turnReader()
    for (let steps = 0; this.#queue.length > 0 && !this.#plan.isComplete && !this.#plan.isStuck; steps++) {
      if (steps > 2_000_000) throw new Error('it does not end')
      let first = 0
      for (let i = 1; i < this.#queue.length; i++) {
        const [a, b] = [this.#queue[i]!, this.#queue[first]!]
        if (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)) first = i
      }
      const [event] = this.#queue.splice(first, 1)
      this.#nowMs = event!.atMs
      event!.act()
    }
    const { isComplete, isStuck } = this.#plan
    const told = { isComplete, isStuck, gapMsMax: this.#gapMsMax, heldBytesMax: this.#heldMax, kept: this.#kept, wasted: this.#wasted }
    return { ...told, read: this.#read, firstMs: this.#firstMs ?? 0, asks: this.#asks, endMs: this.#nowMs - 10_000 }
  }

  #at(afterMs: number, act: () => void): void {
    this.#queue.push({ atMs: this.#nowMs + afterMs, order: ++this.#order, act })
  }

  #step(event: PlanEvent): void {
    const effects: PlanEffect[] = []
    const before = this.#plan.parts.map(({ start, at }) => [start, at] as const)
    this.#plan.step(event, this.#nowMs, effects)
    this.#check(before)
    for (const effect of effects) {
      if (effect.type === 'ask') this.#ask(effect)
      else for (const { lanes } of this.#senders) remove(lanes, (lane) => lane.ask === effect.ask)
    }
    const { deadlineMs } = this.#plan
    if (deadlineMs === this.#wakeMs || deadlineMs === Number.POSITIVE_INFINITY) return
    if (deadlineMs <= this.#nowMs) throw new Error('a deadline in the past')
    this.#wakeMs = deadlineMs
    this.#at(deadlineMs - this.#nowMs, () => {
      if (this.#wakeMs === deadlineMs) this.#step({ type: 'tick' })
    })
  }

  #check(before: readonly (readonly [number, number])[]): void {
    const { parts } = this.#plan
    const { aheadBytesMax, end = Number.POSITIVE_INFINITY } = this.#options
    for (const [i, { start, at, end: partEnd }] of parts.entries()) {
      if (!(start <= at && at <= partEnd)) throw new Error(`part ${start} to ${partEnd} stands at ${at}`)
      const next = parts[i + 1]
      if (next !== undefined && next.start !== partEnd) throw new Error(`a hole, or what is asked twice, at ${partEnd}`)
      if (partEnd > end) throw new Error(`beyond what was wanted: ${partEnd}`)
      const old = before.find(([each]) => each === start)
      if (old !== undefined && old[1] > at) throw new Error('what has come is gone')
    }
    const [first] = parts
    if (first !== undefined && first.start > this.#read) throw new Error('the place of the reader is nobody’s')
    const last = parts.at(-1)
    if (parts.length > 1 && last!.end - this.#read > aheadBytesMax) throw new Error('too much is asked for ahead')
  }

  #ask({ ask, node, start, end }: Extract<PlanEffect, { type: 'ask' }>): void {
    if (this.#out.has(node)) throw new Error(`node ${node} is out`)
    if (start >= end) throw new Error('nothing is asked for')
    this.#asks++
    const sender = this.#senders[node]!
    const { latencyMs } = this.#options.nodes[node]!
    sender.lanes.push({ ask, at: start, end, opensMs: this.#nowMs + latencyMs })
    this.#at(latencyMs, () => this.#pump(node))
  }

  #faultOf(node: number): NonNullable<ModelNode['fault']>['kind'] | undefined {
    const { fault } = this.#options.nodes[node]!
    const sender = this.#senders[node]!
    if (fault === undefined || sender.sent < fault.afterBytes) return undefined
    sender.brokenMs ??= this.#nowMs
    return this.#nowMs - sender.brokenMs < (fault.forMs ?? Number.POSITIVE_INFINITY) ? fault.kind : undefined
  }

  /** One group of the lane whose turn it is; then the next. */
  #pump(node: number): void {
    const sender = this.#senders[node]!
    if (sender.isPumping) return
    const lane = sender.lanes.find(({ opensMs }) => opensMs <= this.#nowMs)
    if (lane === undefined) return
    const { bytesPerMs, fault } = this.#options.nodes[node]!
    sender.isPumping = true
    const kind = this.#faultOf(node)
    if (kind === 'stalls') return this.#again(node, 10)
    const to = Math.min(this.#options.size, lane.end, (Math.floor(lane.at / GROUP_BYTES) + 1) * GROUP_BYTES)
    const ms = Math.max(0.001, (to - lane.at) / (kind === 'crawls' ? bytesPerMs / 50 : bytesPerMs))
    sender.lanes.splice(sender.lanes.indexOf(lane), 1)
    sender.lanes.push(lane) // the others first, next time
    this.#at(ms, () => {
      sender.isPumping = false
      if (sender.lanes.includes(lane)) this.#deliver(node, lane, to, kind)
      if (fault === undefined || sender.lanes.length > 0) this.#pump(node)
    })
  }

  #again(node: number, ms: number): void {
    this.#at(ms, () => {
      this.#senders[node]!.isPumping = false
      this.#pump(node)
    })
  }

  #deliver(node: number, lane: Lane, to: number, kind: string | undefined): void {
    const sender = this.#senders[node]!
    const { size, claims } = this.#options
    if (kind === 'lies' || kind === 'dies') {
      remove(sender.lanes, (each) => each === lane)
      if (kind === 'lies') this.#out.add(node)
      return this.#step({ type: 'failed', ask: lane.ask, isForGood: kind === 'lies' })
    }
    sender.sent += Math.max(0, to - lane.at)
    const isLast = to >= size
    this.#step({ type: 'known', isProven: isLast, size: isLast ? size : (claims?.[node] ?? size) })
    const place = this.#plan.placeOf(lane.ask)
    const upTo = place === undefined ? 0 : Math.min(to, place.end)
    if (place !== undefined && upTo > place.at) {
      if (lane.at > place.at) throw new Error('a node was asked for what lies behind its part')
      this.#pieces.set(place.at, upTo)
      this.#kept[node]! += upTo - place.at
      this.#wasted[node]! += to - lane.at - (upTo - place.at)
      this.#held += upTo - place.at
      this.#heldMax = Math.max(this.#heldMax, this.#held)
    } else this.#wasted[node]! += Math.max(0, to - lane.at)
    lane.at = to
    this.#step({ type: 'verified', ask: lane.ask, to: upTo })
    if (to >= Math.min(lane.end, size) && sender.lanes.includes(lane)) {
      remove(sender.lanes, (each) => each === lane)
      this.#step({ type: 'done', ask: lane.ask })
    }
    this.#turnReader()
  }

  #turnReader(): void {
    if (this.#isReaderBusy) return
    const to = this.#pieces.get(this.#read)
    if (to === undefined) {
      this.#waitsSinceMs ??= this.#nowMs
      return
    }
    if (this.#waitsSinceMs !== undefined && this.#firstMs !== undefined)
      this.#gapMsMax = Math.max(this.#gapMsMax, this.#nowMs - this.#waitsSinceMs)
    this.#firstMs ??= this.#nowMs - 10_000
    this.#waitsSinceMs = undefined
    this.#pieces.delete(this.#read)
    this.#held -= to - this.#read
    this.#read = to
    this.#isReaderBusy = true
    this.#step({ type: 'taken', position: to })
    this.#at(this.#options.readerMs?.() ?? 0, () => {
      this.#isReaderBusy = false
      this.#turnReader()
    })
  }
}

function remove<T>(list: T[], isIt: (item: T) => boolean): void {
  const place = list.findIndex(isIt)
  if (place !== -1) list.splice(place, 1)
}

/** Numbers below 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
