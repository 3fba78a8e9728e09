/**
 * One session between an honest client and the node, both ends and the wire between them, in memory: real cores, the real books and the real payer. The client
 * verifies whole units as they come, whatever its reader does; the node's service writes units, cut anywhere. A channel may break, with all that is
 * under way on it, and the client comes back over another one.
 */
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createPayer, createTicks, type Payer } from '@selvedge/delivery-acknowledgement/client'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import type { Effect, Greeting } from '../src/effects.ts'
import { createClientGreeter, createNodeGreeter, createResumeGreeter, type Greeter } from '../src/greeter.ts'
import { createSharing } from '../src/owner-sharing.ts'
import type { Welcome } from '../src/greeting.ts'
import type { Again, CoreLane, Resend } from '../src/lane-core.ts'
import { ResumableSession } from '../src/resumable-sessions.ts'
import { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, CLOCK, NODE } from './cores.ts'
import { payeeOf } from './payees.ts'
import type { World } from './paying-world.ts'
import type { Random } from './random.ts'

/** What a wire and a verifier may need, and a client that finds its way back. */
const LATE_MS_MOST = 200
const AWAY_MS_MOST = 5_000
const LANE_CREDIT = 2 ** 21 + 2 ** 18
/** Elements of a hash chain: some sessions come to its end. */
const TICKS = 40
/** DATA of every lane, by its offset: a byte that is missing or comes twice is seen. */
const CONTENT = Uint8Array.from({ length: 2 ** 23 }, (_, i) => (i % 251) ^ (i >> 12))
/** Its bytes come from `serve`, when the service has its turn. */
const RESEND: Resend = () => {
  throw new Error('the world serves it')
}

export interface LaneRun {
  readonly atClient: CoreLane
  atNode: CoreLane | undefined
  readonly unitEnds: readonly number[]
  written: number
  /** DATA that the reader was handed. */
  handed: number
  unread: number
  verified: number
  isEnded: boolean
  isLeft: boolean
  /** What the service has to make again. */
  again: Again | undefined
}

/** One session, both ends and the wire between them. */
export class SessionRun {
  readonly client: SessionCore
  readonly node: SessionCore
  readonly payer: Payer
  readonly lanes: Map<number, LaneRun> = new Map()
  readonly endings: Effect[] = []
  /** The channel broke, or one end left: nothing more arrives. */
  isLost = false
  /** A lane of it was reset by the node. */
  hasFailed = false
  /** Sees what the client sends. */
  onSent: (bytes: Uint8Array) => void = () => {}
  readonly #world: World
  readonly #random: Random
  readonly #toNode: Uint8Array[] = []
  readonly #toClient: Uint8Array[] = []
  readonly #identity: KeyPair
  #carriedMs = 0
  /** Of the present channel, or the last one. */
  #channel = 0
  #welcome: Welcome | undefined
  #token: Uint8Array = new Uint8Array()
  #resumable: ResumableSession | undefined
  /** Since when there is no channel, and when the client is back. */
  #down: { readonly untilMs: number } | undefined
  /** How often it has gone on over another channel. */
  resumes = 0

  constructor(world: World, client: number) {
    this.#world = world
    this.#random = world.random
    const { sessionKey, delegation } = payeeOf(client)
    const nodeKey = NODE.publicKey
    const nowMs = (): number => world.nowMs
    const signer = { chainId: CHAIN, nodeKey, delegation, sign: sessionKey.sign, capMicroUsd: 2n ** 62n, nowMs }
    this.payer = createPayer(world.hasTicks ? { ...signer, ticks: createTicks({ secret: () => this.#secret(), length: TICKS }) } : signer)
    this.#identity = sessionKey
    const paying = { delegation: encodeDelegation(delegation), payer: this.payer, sharing: createSharing() }
    const common = { chainId: CHAIN, channelBinding: BINDING }
    const clientGreeter = createClientGreeter({ ...common, identity: sessionKey, nodeKey, rand: world.rand(), paying })
    const clock = { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }
    this.client = new SessionCore({ role: 'client', greeter: clientGreeter, clock, maxLanes: 4 }, world.nowMs)
    this.node = new SessionCore({ role: 'node', greeter: this.#nodeGreeter(BINDING), clock, maxLanes: 4 }, world.nowMs)
    for (const core of [this.client, this.node]) core.wishes.onAsk = () => this.#run(core, (effects) => core.tick(world.nowMs, effects))
    while (this.client.phase === 'greeting') this.carry()
  }

  /** A lane whose answer has these units. */
  openLane(unitBytes: readonly number[]): void {
    const core =
      this.client.openLanes < this.client.maxLanes ? this.client.open(this.#random.below(2), this.#world.rand(), LANE_CREDIT) : undefined
    if (core === undefined) return
    let end = 0
    const unitEnds = unitBytes.map((bytes) => (end += bytes))
    this.lanes.set(core.id, {
      atClient: core,
      atNode: undefined,
      unitEnds,
      written: 0,
      handed: 0,
      unread: 0,
      verified: 0,
      isEnded: false,
      isLeft: false,
      again: undefined,
    })
    this.#run(this.client, (effects) => this.client.end(core, effects)) // the request is whole
  }

  /** Something of the service: a write, cut anywhere, or the end. */
  serve(lane: LaneRun): void {
    const { atNode, unitEnds, again } = lane
    if (atNode !== undefined && again !== undefined) this.#serveAgain(lane, atNode, again)
    if (atNode === undefined || atNode.isOver || atNode.isResetSent || lane.isEnded || atNode.waitingBytes > 4 * 2 ** 20) return
    const size = unitEnds.at(-1) ?? 0
    const bytes = Math.min(size - lane.written, 1 + this.#random.below(this.#random.pick([2_000, 100_000, 3_000_000])))
    const until = lane.written + bytes
    const ends = unitEnds.filter((end) => end > lane.written && end <= until).map((end) => end - lane.written)
    if (bytes > 0) this.node.write(atNode, [CONTENT.subarray(lane.written, until)], undefined, ends)
    lane.written = until
    if (until < size) return
    lane.isEnded = true
    this.#run(this.node, (effects) => this.node.end(atNode, effects))
  }

  /** The verifier says how far it is. */
  verify(lane: LaneRun): void {
    const verified = lane.unitEnds.findLast((end) => end <= lane.atClient.received) ?? 0
    if (verified <= lane.verified) return
    lane.verified = verified
    this.payer.verified(lane.atClient.id, BigInt(verified))
    if (verified === lane.unitEnds.at(-1)) this.payer.flush()
  }

  read(lane: LaneRun, bytesMax: number): void {
    const bytes = Math.min(lane.unread, bytesMax)
    lane.unread -= bytes
    this.client.consume(lane.atClient, bytes)
  }

  /** The reader has seen enough of the lane, as when it seeks: the verifier goes on with what is in flight. */
  leaveLane(lane: LaneRun): void {
    if (lane.atClient.isOver || lane.atClient.isResetSent) return
    this.verify(lane)
    lane.isLeft = true
    this.payer.follows(lane.atClient.id)
    this.#run(this.client, (effects) => this.client.reset(lane.atClient, 25, '', effects, true))
    this.read(lane, lane.unread)
  }

  /** The service of the node fails in the middle of an answer. */
  failLane({ atNode }: LaneRun): void {
    if (atNode === undefined || atNode.isOver || atNode.isResetSent) return
    this.hasFailed = true
    this.#run(this.node, (effects) => this.node.reset(atNode, 10, '', effects))
  }

  /** Everything that is under way arrives. */
  carry(): void {
    this.#carriedMs = this.#world.nowMs
    this.send()
    while (this.#toNode.length > 0 || this.#toClient.length > 0) {
      this.deliver('node')
      this.deliver('client')
      this.send()
    }
  }

  send(): void {
    if (this.isLost || this.#down !== undefined) return
    for (const [core, wire] of [[this.client, this.#toNode] as const, [this.node, this.#toClient] as const]) {
      const budget = 1 + this.#random.below(300_000)
      this.#run(core, (effects) => {
        if (!core.hasOutput) return
        const bytes = new Uint8Array(Buffer.concat(core.take(budget, effects).parts))
        if (core === this.client) this.onSent(bytes)
        wire.push(bytes)
      })
    }
  }

  deliver(to: 'node' | 'client'): void {
    const bytes = (to === 'node' ? this.#toNode : this.#toClient).shift()
    const core = to === 'node' ? this.node : this.client
    if (bytes !== undefined && !this.isLost && this.#down === undefined)
      this.#run(core, (effects) => core.receive(bytes, this.#world.nowMs, effects))
  }

  /** Time passes: what is due is done, and a client that is there is never far behind. */
  live(): void {
    this.tick()
    if (this.#down !== undefined && this.#world.nowMs >= this.#down.untilMs) this.comeBack()
    if (this.isLost || this.#down !== undefined || this.#world.nowMs - this.#carriedMs < LATE_MS_MOST) return
    this.carry()
    for (const lane of this.lanes.values()) this.verify(lane)
    this.carry()
  }

  tick(): void {
    for (const core of [this.client, this.node]) {
      if (core.deadlineMs <= this.#world.nowMs) this.#run(core, (effects) => core.tick(this.#world.nowMs, effects))
    }
  }

  /** The cable is cut for good, while there is a channel: what is under way is gone. */
  lose(): void {
    if (this.isLost || this.#down !== undefined) return
    this.isLost = true
    for (const core of [this.client, this.node]) this.#run(core, (effects) => core.lose('cut', effects))
  }

  /** The channel breaks: what is under way is gone. The node, or the client, may hear of it later, or not before the client is back. */
  drop(): void {
    if (this.isLost || this.#down !== undefined) return
    this.#down = { untilMs: this.#world.nowMs + this.#random.below(AWAY_MS_MOST) }
    this.#toNode.length = 0
    this.#toClient.length = 0
    this.#suspend(this.client)
    if (this.#random.chance(0.7)) this.#suspend(this.node)
  }

  /** The client finds the node again, over a new channel; it may break in turn before both know where they are. */
  comeBack(): void {
    if (this.#down === undefined || this.isLost) return
    this.#down = undefined
    const binding = Uint8Array.from(BINDING)
    new DataView(binding.buffer).setUint32(1, ++this.#channel)
    const common = { identity: this.#identity, nodeKey: NODE.publicKey, chainId: CHAIN, channelBinding: binding, rand: this.#world.rand() }
    this.client.resume(createResumeGreeter({ ...common, welcome: this.#welcome!, resumeToken: this.#token }), this.#world.nowMs)
    const door = new SessionCore({ role: 'node', greeter: this.#nodeGreeter(binding), clock: CLOCK, maxLanes: 4 }, this.#world.nowMs)
    const effects: Effect[] = []
    door.receive(new Uint8Array(Buffer.concat(this.client.take(2 ** 16, []).parts)), this.#world.nowMs, effects)
    const moved = effects.find((effect): effect is Extract<Effect, { type: 'moved' }> => effect.type === 'moved')
    if (moved === undefined) throw new Error('the node does not know the session')
    this.#suspend(this.node)
    this.node.adopt(moved.welcomeBody, this.#world.nowMs)
    const isWhole = !this.#random.chance(0.3)
    if (isWhole && this.#world.returnsSlowly) {
      this.#carriedMs = this.#world.nowMs // what they say is under way, and the world goes on
      return
    }
    if (isWhole) return this.carry()
    for (let i = this.#random.below(4); i > 0; i--) {
      this.send()
      this.deliver(this.#random.chance(0.5) ? 'node' : 'client')
    }
    this.drop()
  }

  /** Signs for everything and goes. */
  close(): void {
    while (this.#down !== undefined && !this.isLost) this.comeBack()
    this.carry()
    for (const lane of this.lanes.values()) this.verify(lane)
    this.carry()
    this.payer.finish()
    this.#run(this.client, (effects) => this.client.leave(25, effects))
    this.carry()
    this.lose()
  }

  get isDone(): boolean {
    return this.isLost || [...this.lanes.values()].every((lane) => lane.atClient.isOver && lane.unread === 0)
  }

  /** DATA that the node has sent. */
  get sentBytes(): bigint {
    return [...this.lanes.values()].reduce((sum, lane) => sum + BigInt(lane.atNode?.sentMost ?? 0), 0n)
  }

  #nodeGreeter(channelBinding: Uint8Array): Greeter {
    const world = this.#world
    const resumeToken = new Uint8Array(32)
    resumeToken.set(world.rand())
    return createNodeGreeter({
      identity: NODE,
      chainId: CHAIN,
      channelBinding,
      maxLanes: 4,
      rand: world.rand(),
      resumeToken,
      nodeTimeMs: 0n,
      payments: world.books,
      resume: (hello, token) => world.resumable.find(hello, token),
      joinable: world.joinable,
      laneNonce: 0n,
      nodeIndex: 0,
      epoch: 0n,
      priceVersion: 0,
    })
  }

  #secret(): Uint8Array {
    const secret = new Uint8Array(32)
    secret.set(this.#world.rand())
    return secret
  }

  #suspend(core: SessionCore): void {
    this.#run(core, (effects) => core.lose('dropped', effects, this.#world.nowMs))
  }

  /** A piece of what was lost, as the service makes it again. */
  #serveAgain(lane: LaneRun, atNode: CoreLane, again: Again): void {
    const bytes = Math.min(again.until - again.queued, 1 + this.#random.below(1_000_000))
    const isWanted = this.node.sendAgain(atNode, again, CONTENT.subarray(again.queued, again.queued + bytes), undefined)
    if (!isWanted || again.queued >= again.until) lane.again = undefined
  }

  #welcomed(core: SessionCore, { welcome, clientKey, connections }: Greeting): void {
    if (connections !== undefined) this.#world.joinable.add(connections)
    if (core === this.client) {
      this.#welcome ??= welcome
      this.#token = welcome.resumeToken
      return
    }
    this.#resumable = new ResumableSession(welcome, clientKey, { leave() {}, drain() {} }, '')
    this.#world.resumable.add(this.#resumable)
  }

  #run(core: SessionCore, event: (effects: Effect[]) => void): void {
    const effects: Effect[] = []
    event(effects)
    for (const effect of effects) {
      const lane = 'lane' in effect ? this.lanes.get(effect.lane.id) : undefined
      if (effect.type === 'request') {
        lane!.atNode = effect.lane
        core.accept(effect.lane, Uint8Array.of(1), 1_000, RESEND)
      } else if (effect.type === 'data' && core === this.client) this.#onData(lane!, effect.bytes)
      else if (effect.type === 'done' && core === this.client && lane?.isLeft === true) this.#giveUp(lane)
      else if (effect.type === 'resend') lane!.again = effect.again
      else if (effect.type === 'welcome') this.#welcomed(core, effect)
      else if (effect.type === 'resumed' && core === this.node) {
        this.resumes++
        this.#resumable?.settle()
      } else if (effect.type === 'over') this.endings.push(effect)
    }
  }

  /** All that was in flight has come. */
  #giveUp(lane: LaneRun): void {
    this.verify(lane)
    this.payer.giveUp(lane.atClient.id)
  }

  #onData(lane: LaneRun, bytes: Uint8Array): void {
    const from = lane.handed
    const isRight = bytes[0] === CONTENT[from] && bytes.at(-1) === CONTENT[from + bytes.length - 1]
    if (!isRight) throw new Error(`lane ${lane.atClient.id}: other bytes at ${from}`)
    lane.handed += bytes.length
    lane.unread += bytes.length
    if (lane.isLeft) this.read(lane, lane.unread)
  }
}
