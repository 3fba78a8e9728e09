/**
 * Honest clients and one node over a wire in memory: real cores, the real books and the real payer, a clock that the test turns. The client
 * verifies whole units as they come, whatever its reader does; the node's service writes units, cut anywhere.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { type Delegation, delegationDigestOf, encodeDelegation, type EpochRules } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer } from '@selvedge/delivery-acknowledgement/client'
import { type AckStore, type Books, type ChainRecord, createBooks } from '@selvedge/delivery-acknowledgement/node'
import type { Effect } from '../src/effects.ts'
import { createClientGreeter, createNodeGreeter } from '../src/greeter.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, CLOCK, NODE } from './cores.ts'
import type { Random } from './random.ts'

const FIRST_EPOCH = 5n
const PRICES = { priceVersion: 3, bytePrice: 10_000_000n, cpuPrice: 0n } // 10 µUSD a byte: a wrong byte is seen
const NODE_INDEX = 2
/** The least that the ledger allows: acknowledgements of an epoch are waited for one second. */
const EPOCH_MS = 12_000
const GRACE_MS = 1_000
/** What a wire and a verifier may need. */
const LATE_MS_MOST = 200
const LANE_CREDIT = 2 ** 21 + 2 ** 18

interface Payee {
  readonly account: Uint8Array
  readonly sessionKey: KeyPair
  readonly delegation: Delegation
}
const payees = new Map<number, Payee>()
/** An account with a delegation that allows everything; the same each time, for signing is what costs. */
function payeeOf(client: number): Payee {
  const known = payees.get(client)
  if (known !== undefined) return known
  const secret = new Uint8Array(32).fill(100 + client)
  const account = addressOf(secp256k1PublicKeyOf(secret))
  const sessionKey = createKeyPair(new Uint8Array(32).fill(50 + client))
  const fields = { account, sessionKey: sessionKey.publicKey, spendCap: 2n ** 62n, notAfterEpoch: 1_000n, nonce: 1n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN, fields), secret)
  const payee = { account, sessionKey, delegation: { ...fields, signature: Uint8Array.of(...signature, v) } }
  payees.set(client, payee)
  return payee
}

function createMemoryStore(): AckStore {
  const epochs = new Map<bigint, Map<string, ChainRecord>>()
  let nonces = 0n
  return {
    nextNonceBlock: () => (nonces += 65_536n) - 65_536n,
    put(record) {
      const { epoch, sessionId, serviceId } = record.evidence.acknowledgement
      const chains = epochs.get(epoch) ?? new Map<string, ChainRecord>()
      epochs.set(epoch, chains.set(`${sessionId} ${serviceId}`, record))
    },
    flush: () => Promise.resolve(),
    all: (epoch) => [...(epochs.get(epoch)?.values() ?? [])],
    forget: (epoch) => Promise.resolve(void epochs.delete(epoch)),
    stop: () => Promise.resolve(),
  }
}

export class World {
  readonly random: Random
  readonly books: Books
  readonly sessions: SessionRun[] = []
  nowMs = 0
  epoch: bigint = FIRST_EPOCH
  #changedMs = 0
  #count = 0

  constructor(random: Random) {
    this.random = random
    this.books = createBooks(
      {
        rules: (epoch): EpochRules => ({
          chainId: CHAIN,
          epoch,
          nodeIndex: NODE_INDEX,
          nodeKey: NODE.publicKey,
          prices: PRICES,
          multiplePpmOf: (serviceId) => (serviceId < 2 ? 1_000_000 : undefined),
          clientOf: (account) => ({ clientIndex: account[0]!, minNonce: 1n }),
        }),
        means: (account) => ({ clientIndex: account[0]!, free: 2n ** 60n, epochCap: 2n ** 60n, minNonce: 1n, reserve: 0n, creditors: 0 }),
        store: createMemoryStore(),
        nowMs: () => this.nowMs,
        rand: () => this.rand(),
      },
      { chainId: CHAIN, nodeKey: NODE.publicKey, nodeIndex: NODE_INDEX, epochMs: EPOCH_MS },
    )
    this.#begin()
  }

  rand(): Uint8Array {
    const out = new Uint8Array(16)
    new DataView(out.buffer).setUint32(0, ++this.#count)
    return out
  }

  /** Epochs are longer than the grace of the one before. */
  changeEpoch(): void {
    if (this.nowMs - this.#changedMs <= GRACE_MS) return
    this.#changedMs = this.nowMs
    this.epoch++
    this.#begin()
  }

  open(client: number): void {
    this.sessions.push(new SessionRun(this, client))
  }

  /** What the node will claim for all epochs so far, when the grace of the last one is over. */
  async claimable(): Promise<{ readonly bytes: bigint; readonly microUsd: bigint }> {
    this.nowMs += EPOCH_MS
    this.changeEpoch()
    this.nowMs += EPOCH_MS
    const sum = { bytes: 0n, microUsd: 0n }
    for (let epoch = FIRST_EPOCH; epoch < this.epoch; epoch++) {
      let taken = this.books.takeEpoch(epoch)
      while (taken === undefined) {
        await Promise.resolve()
        taken = this.books.takeEpoch(epoch)
      }
      for (const { evidence, leaf } of taken) {
        sum.bytes += evidence.acknowledgement.cumBytes
        sum.microUsd += leaf.amount
      }
    }
    return sum
  }

  #begin(): void {
    const services = [0, 1].map((serviceId) => ({ serviceId, multiplePpm: 1_000_000 }))
    this.books.changeEpoch({ epoch: this.epoch, priceVersion: PRICES.priceVersion, price: { ...PRICES, fromEpoch: FIRST_EPOCH, services } })
  }
}

interface LaneRun {
  readonly atClient: CoreLane
  atNode: CoreLane | undefined
  readonly unitEnds: readonly number[]
  written: number
  unread: number
  verified: number
  isEnded: boolean
  isLeft: boolean
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
  #carriedMs = 0

  constructor(world: World, client: number) {
    this.#world = world
    this.#random = world.random
    const { sessionKey, delegation } = payeeOf(client)
    const nodeKey = NODE.publicKey
    const nowMs = (): number => world.nowMs
    this.payer = createPayer({ chainId: CHAIN, nodeKey, delegation, sign: sessionKey.sign, capMicroUsd: 2n ** 62n, nowMs })
    const paying = { delegation: encodeDelegation(delegation), payer: this.payer }
    const common = { chainId: CHAIN, channelBinding: BINDING }
    const clientGreeter = createClientGreeter({ ...common, identity: sessionKey, nodeKey, rand: world.rand(), paying })
    const nodeGreeter = createNodeGreeter({
      ...common,
      identity: NODE,
      maxLanes: 4,
      rand: world.rand(),
      resumeToken: new Uint8Array(32),
      nodeTimeMs: 0n,
      payments: world.books,
      laneNonce: 0n,
      nodeIndex: 0,
      epoch: 0n,
      priceVersion: 0,
    })
    const clock = { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }
    this.client = new SessionCore({ role: 'client', greeter: clientGreeter, clock, maxLanes: 4 }, world.nowMs)
    this.node = new SessionCore({ role: 'node', greeter: nodeGreeter, clock, maxLanes: 4 }, world.nowMs)
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
      unread: 0,
      verified: 0,
      isEnded: false,
      isLeft: false,
    })
    this.#run(this.client, (effects) => this.client.end(core, effects)) // the request is whole
  }

  /** Something of the service: a write, cut anywhere, or the end. */
  serve(lane: LaneRun): void {
    const { atNode, unitEnds } = lane
    if (atNode === undefined || atNode.isOver || atNode.isResetSent || lane.isEnded || atNode.queuedBytes > 4 * 2 ** 20) return
    const size = unitEnds.at(-1) ?? 0
    const bytes = Math.min(size - lane.written, 1 + this.#random.below(this.#random.pick([2_000, 100_000, 3_000_000])))
    const until = lane.written + bytes
    const ends = unitEnds.filter((end) => end > lane.written && end <= until).map((end) => end - lane.written)
    if (bytes > 0) this.node.write(atNode, [new Uint8Array(bytes)], undefined, ends)
    lane.written = until
    if (until < size) return
    lane.isEnded = true
    this.#run(this.node, (effects) => this.node.end(atNode, effects))
  }

  /** The verifier says how far it is. */
  verify(lane: LaneRun): void {
    const verified = lane.unitEnds.findLast((end) => end <= lane.atClient.received) ?? 0
    if (lane.isLeft || verified <= lane.verified) return
    lane.verified = verified
    this.payer.verified(lane.atClient.id, BigInt(verified))
    if (verified === lane.unitEnds.at(-1)) this.payer.flush()
  }

  read(lane: LaneRun, bytesMax: number): void {
    const bytes = Math.min(lane.unread, bytesMax)
    lane.unread -= bytes
    this.client.consume(lane.atClient, bytes)
  }

  /** The reader has seen enough of the lane, as when it seeks. */
  leaveLane(lane: LaneRun): void {
    if (lane.atClient.isOver || lane.atClient.isResetSent) return
    this.verify(lane)
    lane.isLeft = true
    this.#run(this.client, (effects) => this.client.reset(lane.atClient, 25, '', effects))
    lane.unread = 0
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
    if (this.isLost) return
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
    if (bytes !== undefined && !this.isLost) this.#run(core, (effects) => core.receive(bytes, this.#world.nowMs, effects))
  }

  /** Time passes: what is due is done, and a client that is there is never far behind. */
  live(): void {
    this.tick()
    if (this.isLost || this.#world.nowMs - this.#carriedMs < LATE_MS_MOST) return
    this.carry()
    for (const lane of this.lanes.values()) this.verify(lane)
    this.carry()
  }

  tick(): void {
    for (const core of [this.client, this.node]) {
      if (core.deadlineMs <= this.#world.nowMs) this.#run(core, (effects) => core.tick(this.#world.nowMs, effects))
    }
  }

  /** The cable is cut: what is under way is gone. */
  lose(): void {
    if (this.isLost) return
    this.isLost = true
    for (const core of [this.client, this.node]) this.#run(core, (effects) => core.lose('cut', effects))
  }

  /** Signs for everything and goes. */
  close(): void {
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
    return [...this.lanes.values()].reduce((sum, lane) => sum + BigInt(lane.atNode?.sent ?? 0), 0n)
  }

  #run(core: SessionCore, event: (effects: Effect[]) => void): void {
    const effects: Effect[] = []
    event(effects)
    for (const effect of effects) {
      const lane = 'lane' in effect ? this.lanes.get(effect.lane.id) : undefined
      if (effect.type === 'request') {
        lane!.atNode = effect.lane
        core.accept(effect.lane, Uint8Array.of(1), 1_000)
      } else if (effect.type === 'data' && core === this.client) lane!.unread += effect.bytes.length
      else if (effect.type === 'over') this.endings.push(effect)
    }
  }
}
