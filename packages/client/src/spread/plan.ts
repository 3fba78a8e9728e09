/**
 * Who is asked for what: one response cut into parts, each asked of one node, so that several send at once and the reader gets it in order.
 *
 * A node is given the next part when it has almost sent the one before, and parts are as long as it sends in a quarter of a second: so work
 * goes to who is fast. A part of which nothing comes for `patienceMs` is asked of a second node too, from where it stands; whoever sends
 * first keeps it, and the others are left. A part that the reader waits for and that another would send much sooner is taken away.
 *
 * A synchronous core: time comes in with each event, what is to be done goes out as effects. Invariants, checked after each event in tests:
 * parts lie side by side, in order, from the reader's place to `next`; what is asked and not read is at most `aheadBytesMax` and one part;
 * `at` of a part never falls; nothing is asked of a node that is out.
 */
import { NodePace } from './node-pace.ts'

export interface PlanOptions {
  /** How many there are to ask: told apart by their place, the best first. */
  readonly nodes: number
  /** The first so many; the others lied once, and are asked where no other is left for it. @default all */
  readonly trusted?: number
  readonly nodesAtOnce: number
  /** Bytes of the flat content that are wanted; without an end: to its own. */
  readonly start: number
  readonly end: number | undefined
  /** What may be asked for ahead of the reader. */
  readonly aheadBytesMax: number
  readonly partBytesMin: number
  readonly partBytesMax: number
  /** How long nothing may come of a part before another node is asked for it too. */
  readonly patienceMs: number
}

export type PlanEvent =
  /** `size` of the content: proven, or a node's word. `grainBytes`: parts that end at multiples of it from the start share no unit. */
  | { readonly type: 'known'; readonly size?: number | undefined; readonly isProven: boolean; readonly grainBytes?: number | undefined }
  /** Everything that was asked is verified up to `to`. */
  | { readonly type: 'verified'; readonly ask: number; readonly to: number }
  /** The node has sent its last. */
  | { readonly type: 'done'; readonly ask: number }
  /** `isForGood`: the node lied, or has not got it. */
  | { readonly type: 'failed'; readonly ask: number; readonly isForGood: boolean }
  /** The reader has taken everything before `position`. */
  | { readonly type: 'taken'; readonly position: number }
  | { readonly type: 'tick' }

export type PlanEffect =
  | { readonly type: 'ask'; readonly ask: number; readonly node: number; readonly start: number; readonly end: number }
  | { readonly type: 'leave'; readonly ask: number }

/** A stretch of the response. What is before `at` has come. */
export interface PlanPart {
  readonly start: number
  readonly end: number
  readonly at: number
}

interface Part {
  readonly start: number
  end: number
  at: number
  /** One; more while it is open who sends first. None: nobody is asked yet. */
  readonly asks: Ask[]
}

interface Ask {
  readonly id: number
  readonly node: number
  readonly part: Part
  /** What the node was told; its part may have got another end since. */
  readonly end: number
  /** Since when something is waited for. */
  sinceMs: number
  hasBegun: boolean
}

/** What a node sends in so long is one part. */
const PART_MS = 250
/** Answers that one node may owe at once. */
const ASKS_MAX = 3
/** Between two looks, whatever is late: what sleeps is noticed by it. */
const LOOK_MS = 1_000
/** Between two looks for somebody else to ask. */
const LOOK_AGAIN_MS = 50
/** Nobody looked for so long: the machine slept, and no node is to blame. */
const SLEPT_MS = 3_000
/** How much longer, at most, a first answer may take. */
const FIRST_PATIENCE = 1.5
/** Leaves an answer that another would give in less than half the time. */
const MUCH_SOONER = 2

export class SpreadPlan {
  readonly #options: PlanOptions
  readonly #paces: readonly NodePace[]
  readonly #asks = new Map<number, Ask>()
  readonly #parts: Part[] = []
  #effects: PlanEffect[] = []
  #position: number
  #next: number
  #grainBytes: number | undefined
  #size: number | undefined
  #isProven = false
  #nowMs = 0
  #lastId = 0

  constructor(options: PlanOptions) {
    this.#options = options
    this.#paces = Array.from({ length: options.nodes }, () => new NodePace())
    this.#position = options.start
    this.#next = options.start
  }

  /** In order, side by side, from the reader's place. */
  get parts(): readonly PlanPart[] {
    return this.#parts
  }

  /** Nothing more is to be read: what was wanted, or all that there is. */
  get isComplete(): boolean {
    const { end } = this.#options
    return this.#position >= (end ?? Number.POSITIVE_INFINITY) || (this.#isProven && this.#position >= this.#size!)
  }

  /** Nobody is left to ask. */
  get isStuck(): boolean {
    return !this.isComplete && this.#asks.size === 0 && this.#paces.every(({ isOut }) => isOut)
  }

  /** When it wants to look for what is late; Infinity: never. */
  get deadlineMs(): number {
    let first = this.#asks.size === 0 ? Number.POSITIVE_INFINITY : this.#nowMs + LOOK_MS
    for (const ask of this.#waitedFor()) {
      const dueMs = ask.sinceMs + this.#patienceMs(ask)
      first = Math.min(first, dueMs > this.#nowMs ? dueMs : this.#nowMs + LOOK_AGAIN_MS)
    }
    return first
  }

  /** Where what comes of an ask belongs: behind `at`, and before what others are asked for. */
  placeOf(id: number): { readonly at: number; readonly end: number; readonly isWhole: boolean } | undefined {
    const part = this.#asks.get(id)?.part
    if (part === undefined) return undefined
    return { at: part.at, end: part === this.#parts.at(-1) ? this.#wantedEnd : part.end, isWhole: part.at >= part.end }
  }

  step(event: PlanEvent, nowMs: number, effects: PlanEffect[]): void {
    this.#effects = effects
    this.#pass(nowMs)
    switch (event.type) {
      case 'known':
        this.#learn(event.size, event.isProven, event.grainBytes)
        break
      case 'verified':
        this.#verified(event.ask, event.to)
        break
      case 'done':
        this.#done(event.ask)
        break
      case 'failed':
        this.#failed(event.ask, event.isForGood)
        break
      case 'taken':
        this.#position = Math.max(this.#position, event.position)
        break
      case 'tick':
    }
    while (this.#parts.length > 0 && this.#parts[0]!.end <= this.#position) this.#parts.shift()
    this.#askLate()
    this.#assign()
  }

  #pass(nowMs: number): void {
    const passedMs = nowMs - this.#nowMs
    if (passedMs > SLEPT_MS) for (const ask of this.#asks.values()) ask.sinceMs += passedMs
    this.#nowMs = nowMs
  }

  #learn(size: number | undefined, isProven: boolean, grainBytes: number | undefined): void {
    if (this.#grainBytes === undefined && grainBytes !== undefined) {
      this.#grainBytes = grainBytes
      const [first] = this.#parts // the only one: units that it was asked for in part come whole
      if (first !== undefined) first.end = this.#next = Math.min(this.#wantedEnd, this.#grainEnd(first.end))
    }
    if (size === undefined || this.#isProven) return
    this.#size = isProven ? size : Math.max(size, this.#size ?? 0) // who says less may be the one that lies
    this.#isProven = isProven
    if (!isProven) return
    for (const part of this.#parts.splice(0)) {
      if (part.start >= size) for (const ask of part.asks.slice()) this.#leave(ask)
      else this.#parts.push(part)
      part.end = Math.min(part.end, size)
    }
    this.#next = Math.min(this.#next, Math.max(size, this.#position))
  }

  get #wantedEnd(): number {
    return this.#options.end ?? Number.POSITIVE_INFINITY
  }

  #grainEnd(end: number): number {
    const grain = this.#grainBytes ?? 1
    return Math.ceil(end / grain) * grain
  }

  #verified(id: number, to: number): void {
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    const { part, node } = ask
    const bytes = to - part.at
    if (bytes <= 0) return
    const pace = this.#paces[node]!
    const others = this.#asksOf(node).filter((each) => each !== ask)
    if (!ask.hasBegun) pace.begins(this.#nowMs - ask.sinceMs, others.length === 0, this.#nowMs)
    ask.hasBegun = true
    ask.sinceMs = this.#nowMs
    for (const later of others) if (later.id > id) later.sinceMs = this.#nowMs // it waits for this one
    part.at = to
    if (to > part.end) this.#overhang(part)
    pace.sends(bytes, this.#nowMs, part.at >= part.end)
    for (const other of part.asks.filter((each) => each !== ask)) this.#leave(other)
  }

  /** A unit that reaches beyond its part is the part's, as far as nobody is asked for it. */
  #overhang(part: Part): void {
    if (this.#parts.at(-1) !== part) return
    part.end = part.at
    this.#next = Math.max(this.#next, part.at)
  }

  #done(id: number): void {
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    const { part, end } = ask
    const isShort = part.at < Math.min(end, part.end) && (this.#isProven || !ask.hasBegun)
    if (isShort) return this.#failed(id, false)
    this.#drop(ask)
    if (part.at >= part.end || part !== this.#parts.at(-1)) return
    part.end = this.#next = part.at // a size that was claimed ends here: whether more lies behind is asked anew
  }

  #failed(id: number, isForGood: boolean): void {
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    this.#drop(ask)
    const pace = this.#paces[ask.node]!
    pace.fails(this.#nowMs, isForGood)
    if (pace.isOut) for (const other of this.#asksOf(ask.node)) this.#leave(other)
  }

  #drop(ask: Ask): void {
    this.#asks.delete(ask.id)
    ask.part.asks.splice(ask.part.asks.indexOf(ask), 1)
  }

  #leave(ask: Ask): void {
    this.#drop(ask)
    this.#effects.push({ type: 'leave', ask: ask.id })
  }

  #asksOf(node: number): Ask[] {
    return [...this.#asks.values()].filter((ask) => ask.node === node)
  }

  /** What a node has not sent yet of what it was asked. */
  #owedBytes(node: number): number {
    return this.#asksOf(node).reduce((sum, { part }) => sum + Math.max(0, part.end - part.at), 0)
  }

  /** When `bytes` more would have come, as far as can be told. */
  #estimateMs(node: number, bytes: number): number {
    const { latencyMs, bytesPerMs } = this.#paces[node]!
    const silentMs = Math.max(0, ...this.#asksOf(node).map(({ sinceMs }) => this.#nowMs - sinceMs))
    return latencyMs + silentMs + (this.#owedBytes(node) + bytes) / bytesPerMs
  }

  /** Nodes that neither are out nor rest, the best first. */
  #awake(): number[] {
    return this.#those((pace) => pace.restsUntilMs <= this.#nowMs)
  }

  #remaining(): number[] {
    return this.#those(() => true)
  }

  /** Who is not out and `isSo`, the best first; of those that lied only where no other is. */
  #those(isSo: (pace: NodePace) => boolean): number[] {
    const { nodes, trusted = nodes } = this.#options
    const found = this.#paces.flatMap((pace, node) => (!pace.isOut && isSo(pace) ? [node] : []))
    return found[0] !== undefined && found[0] < trusted ? found.filter((node) => node < trusted) : found
  }

  /** The newest ask of each part that is not there. */
  #waitedFor(): Ask[] {
    return [...this.#asks.values()].filter((ask) => ask.part.asks.at(-1) === ask && ask.part.at < ask.part.end)
  }

  /** A first answer may take longer than the next bytes; who is asked because another is late has half the time. */
  #patienceMs({ node, part, hasBegun }: Ask): number {
    const { patienceMs } = this.#options
    if (hasBegun) return patienceMs
    if (part.asks.length > 1) return patienceMs / 2
    const { isMeasured, latencyMs } = this.#paces[node]!
    return Math.min(FIRST_PATIENCE * patienceMs, Math.max(patienceMs, isMeasured ? 2 * latencyMs : Number.POSITIVE_INFINITY))
  }

  /** Asks a second node for what does not come. */
  #askLate(): void {
    for (const ask of this.#waitedFor()) {
      const { part } = ask
      if (this.#nowMs - ask.sinceMs < this.#patienceMs(ask)) continue
      const other = this.#best(part)
      if (other === undefined) continue
      this.#paces[ask.node]!.rests(this.#nowMs) // others get what comes next
      this.#ask(part, other)
    }
    this.#takeAway()
  }

  /** Gives to another what the reader waits for and would have much sooner from him. */
  #takeAway(): void {
    const [head] = this.#parts
    const ask = head?.asks[0]
    if (head === undefined || ask === undefined || head.asks.length > 1 || head.at > this.#position || !ask.hasBegun) return
    const other = head.at < head.end ? this.#best(head) : undefined
    if (other === undefined || !this.#paces[other]!.isMeasured || this.#paces[other]!.isDoubtful) return
    const rest = head.end - head.at
    const restMs = rest / this.#paces[ask.node]!.bytesPerMs
    if (restMs <= MUCH_SOONER * this.#estimateMs(other, rest) + this.#options.patienceMs) return
    this.#leave(ask)
    this.#ask(head, other)
  }

  /** Who would send the rest of `part` soonest, of those that are not asked for it yet; who is in doubt only where nobody else is there. */
  #best(part: Part): number | undefined {
    const { nodesAtOnce } = this.#options
    const asksMax = part === this.#parts[0] ? ASKS_MAX + 1 : ASKS_MAX // what the reader waits for does not queue
    const free = (nodes: readonly number[]): number[] =>
      nodes.filter((node) => !part.asks.some((ask) => ask.node === node) && this.#asksOf(node).length < asksMax)
    const awake = this.#awake()
    const sure = awake.filter((node) => !this.#paces[node]!.isDoubtful)
    const groups = [sure.slice(0, nodesAtOnce), sure, awake, this.#remaining()]
    if (part.asks.length > 0) groups.push([...this.#paces.keys()].filter((node) => !this.#paces[node]!.isOut)) // late: who lied is asked too
    const candidates = groups.map(free).find(({ length }) => length > 0)
    const rest = part.end - part.at
    return candidates?.reduce((best, node) => (this.#estimateMs(node, rest) < this.#estimateMs(best, rest) ? node : best))
  }

  #assign(): void {
    if (this.isComplete) return
    for (const part of this.#parts) {
      if (part.asks.length > 0 || part.at >= part.end) continue
      const node = this.#best(part)
      if (node !== undefined) this.#ask(part, node)
    }
    for (let isMore = true; isMore; ) {
      isMore = false
      for (const node of this.#awake().slice(0, this.#options.nodesAtOnce)) {
        const part = this.#hasRoom(node) ? this.#cut(node) : undefined
        if (part === undefined) continue
        this.#ask(part, node)
        isMore = true
      }
    }
    if (this.#asks.size > 0 || this.#parts.some((part) => part.at < part.end)) return
    const [rested] = this.#remaining().toSorted((a, b) => this.#paces[a]!.restsUntilMs - this.#paces[b]!.restsUntilMs)
    const part = rested === undefined ? undefined : this.#cut(rested)
    if (part !== undefined) this.#ask(part, rested!) // all rest: nobody else is there
  }

  /** It owes nothing, or so little that the next answer would come too late. */
  #hasRoom(node: number): boolean {
    const count = this.#asksOf(node).length
    const { isMeasured, latencyMs, bytesPerMs } = this.#paces[node]!
    return count === 0 || (isMeasured && count < ASKS_MAX && this.#owedBytes(node) <= latencyMs * bytesPerMs)
  }

  /** The next part; none while too much is asked for, or not known what there is. */
  #cut(node: number): Part | undefined {
    const { start, aheadBytesMax, partBytesMin, partBytesMax } = this.#options
    const isFirst = this.#next === start
    if (!isFirst && (this.#grainBytes === undefined || this.#size === undefined)) return undefined
    // A size that nobody has proven may be too small: what lies behind it is asked for when all before it has come.
    const isKnown = !isFirst && (this.#isProven || this.#asks.size > 0)
    const last = Math.min(this.#wantedEnd, isKnown ? this.#size! : Number.POSITIVE_INFINITY)
    const { isMeasured, bytesPerMs } = this.#paces[node]!
    const length = isMeasured ? Math.min(partBytesMax, Math.max(partBytesMin, bytesPerMs * PART_MS)) : partBytesMin
    const end = Math.min(last, this.#grainEnd(this.#next + Math.ceil(length)))
    const hasRoom = this.#parts.length === 0 || end - this.#position <= aheadBytesMax
    if (end <= this.#next || !hasRoom) return undefined
    const part: Part = { start: this.#next, end, at: this.#next, asks: [] }
    this.#next = end
    this.#parts.push(part)
    return part
  }

  #ask(part: Part, node: number): void {
    const ask: Ask = { id: ++this.#lastId, node, part, end: part.end, sinceMs: this.#nowMs, hasBegun: false }
    part.asks.push(ask)
    this.#asks.set(ask.id, ask)
    this.#effects.push({ type: 'ask', ask: ask.id, node, start: part.at, end: part.end })
  }
}
