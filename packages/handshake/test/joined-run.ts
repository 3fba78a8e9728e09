/**
 * A connection that joined a session of the model (session-run.ts): both ends, the wire between them, and what its holder tells the owner, which is under way too. The holder
 * verifies whole units; its connection may be cut with all that is on it, and then it still tells what it has.
 */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import type { Effect } from '../src/effects.ts'
import { createJoinGreeter, createNodeGreeter } from '../src/greeter.ts'
import type { HolderReport } from '../src/holder-lanes.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, CLOCK, NODE } from './cores.ts'
import type { SessionRun, World } from './paying-world.ts'

const LANE_CREDIT = 2 ** 21 + 2 ** 18
const HOLDER = createKeyPair(new Uint8Array(32).fill(9))

interface JoinedLane {
  readonly atClient: CoreLane
  atNode: CoreLane | undefined
  readonly unitEnds: readonly number[]
  verified: number
}

export class JoinedRun {
  readonly lanes: Map<number, JoinedLane> = new Map()
  /** Why it ended, where it did. */
  code: number | undefined
  /** It was let in. */
  wasIn = false
  #holder: string | undefined
  readonly #world: World
  readonly #owner: SessionRun
  readonly #client: SessionCore
  readonly #node: SessionCore
  readonly #toNode: Uint8Array[] = []
  readonly #toClient: Uint8Array[] = []
  readonly #reports: HolderReport[] = []

  constructor(world: World, owner: SessionRun, token: Uint8Array) {
    this.#world = world
    this.#owner = owner
    const channelBinding = Uint8Array.from(BINDING)
    channelBinding.set(world.rand(), 1)
    const common = { chainId: CHAIN, channelBinding }
    const clock = { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }
    const report = (each: HolderReport): void => {
      this.#holder = each.holder
      this.#reports.push(each)
    }
    const hello = { identity: HOLDER, nodeKey: NODE.publicKey, rand: world.rand(), accessToken: token, report }
    this.#client = new SessionCore({ role: 'client', greeter: createJoinGreeter({ ...common, ...hello }), clock, maxLanes: 4 }, world.nowMs)
    const greeter = createNodeGreeter({
      ...common,
      identity: NODE,
      maxLanes: 4,
      rand: world.rand(),
      resumeToken: new Uint8Array(32),
      nodeTimeMs: 0n,
      payments: world.books,
      joinable: world.joinable,
      laneNonce: 0n,
      nodeIndex: 0,
      epoch: 0n,
      priceVersion: 0,
    })
    this.#node = new SessionCore({ role: 'node', greeter, clock, maxLanes: 4 }, world.nowMs)
    for (const core of [this.#client, this.#node]) core.wishes.onAsk = () => this.#run(core, (effects) => core.tick(world.nowMs, effects))
    this.carry()
  }

  get isOpen(): boolean {
    return this.code === undefined
  }

  /** A lane whose answer has these units. */
  openLane(unitBytes: readonly number[]): void {
    if (!this.isOpen) return
    const core = this.#client.open(0, this.#world.rand(), LANE_CREDIT)
    if (core === undefined) return
    let end = 0
    this.lanes.set(core.id, { atClient: core, atNode: undefined, unitEnds: unitBytes.map((bytes) => (end += bytes)), verified: 0 })
    this.#run(this.#client, (effects) => this.#client.end(core, effects))
  }

  verify(): void {
    for (const [id, lane] of this.lanes) {
      const verified = lane.unitEnds.findLast((end) => end <= lane.atClient.received) ?? 0
      if (verified <= lane.verified || lane.atClient.isResetSent) continue
      lane.verified = verified
      this.#client.wishes.verified!(id, BigInt(verified))
    }
  }

  /** Some of what was told reaches the owner. */
  tell(most: number): void {
    const { holders } = this.#owner.client.wishes.sharing!
    for (const report of this.#reports.splice(0, most)) holders.take(report)
    const isGone = !this.isOpen && this.#reports.length === 0 && this.#holder !== undefined
    if (isGone) holders.take({ type: 'gone', holder: this.#holder! })
  }

  send(budget: number): void {
    for (const [core, wire] of [[this.#client, this.#toNode] as const, [this.#node, this.#toClient] as const]) {
      this.#run(core, (effects) => {
        if (core.hasOutput) wire.push(new Uint8Array(Buffer.concat(core.take(budget, effects).parts)))
      })
    }
  }

  deliver(to: 'node' | 'client'): void {
    const bytes = (to === 'node' ? this.#toNode : this.#toClient).shift()
    const core = to === 'node' ? this.#node : this.#client
    if (bytes !== undefined) this.#run(core, (effects) => core.receive(bytes, this.#world.nowMs, effects))
  }

  /** Everything that is under way arrives, and is verified and told. */
  carry(): void {
    this.send(2 ** 20)
    while (this.#toNode.length > 0 || this.#toClient.length > 0) {
      this.deliver('node')
      this.deliver('client')
      this.send(2 ** 20)
    }
    this.verify()
    this.tell(this.#reports.length)
  }

  /** The reader leaves a lane. */
  leaveLane(lane: JoinedLane): void {
    if (lane.atClient.isOver || lane.atClient.isResetSent) return
    this.verify()
    this.#run(this.#client, (effects) => this.#client.reset(lane.atClient, 25, '', effects))
  }

  cut(): void {
    this.#toNode.length = 0
    this.#toClient.length = 0
    this.verify()
    for (const core of [this.#client, this.#node]) this.#run(core, (effects) => core.lose('cut', effects))
    this.code ??= 0
  }

  get isDone(): boolean {
    return !this.isOpen || [...this.lanes.values()].every(({ atClient }) => atClient.isOver)
  }

  get sentBytes(): bigint {
    return [...this.lanes.values()].reduce((sum, { atNode }) => sum + BigInt(atNode?.sent ?? 0), 0n)
  }

  #run(core: SessionCore, event: (effects: Effect[]) => void): void {
    const effects: Effect[] = []
    event(effects)
    for (const effect of effects) {
      if (effect.type === 'request') this.#serve(effect.lane)
      else if (effect.type === 'data') core.consume(effect.lane, effect.bytes.length)
      else if (effect.type === 'welcome') this.wasIn = true
      else if (effect.type === 'over') this.code ??= effect.code
    }
  }

  /** The whole answer at once: what may not go waits. */
  #serve(atNode: CoreLane): void {
    const lane = this.lanes.get(atNode.id)!
    lane.atNode = atNode
    this.#node.accept(atNode, Uint8Array.of(1), 1_000)
    const size = lane.unitEnds.at(-1) ?? 0
    if (size > 0) this.#node.write(atNode, [new Uint8Array(size)], undefined, lane.unitEnds)
    this.#run(this.#node, (effects) => this.#node.end(atNode, effects))
  }
}
