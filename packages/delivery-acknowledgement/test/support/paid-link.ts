/**
 * A session between the real books and a client, without a wire: two queues, in order, delivered when the test says so. The node's end sends
 * units as the books allow; it counts for itself what it sent, and what was acknowledged by what the books took.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { decodeAcknowledgement, type Delegation, encodeDelegation, type EpochRules, TICK_BYTES } from '@selvedge/delivery-acknowledgement'
import { type AckFrame, createPayer, type Payer, type TickFrame, type Ticks } from '@selvedge/delivery-acknowledgement/client'
import {
  type AccountMeans,
  type AckStore,
  type Books,
  createBooks,
  type PriceFrame,
  type SessionMeter,
} from '@selvedge/delivery-acknowledgement/node'
import { createMemoryStore } from './memory-store.ts'
import { BINDING, PRICE, RAND } from './paying.ts'
import { CHAIN_ID, delegationOf, EPOCH, NODE, RULES, seedOf } from './world.ts'

const FRAME_BYTES = 65_536

export interface World {
  readonly books: Books
  readonly store: AckStore
  /** Of all books and links. */
  nowMs: number
  epoch: bigint
  means: (account: Uint8Array) => AccountMeans | undefined
}

export const RICH: AccountMeans = {
  clientIndex: 0,
  free: 10n ** 15n,
  epochCap: 10n ** 15n,
  minNonce: 1n,
  reserve: 0n,
  creditors: 0,
}

export function rulesAt(epoch: bigint): EpochRules {
  return { ...RULES, epoch }
}

/** @param store - of an earlier life of the node, which then goes on. */
export function createWorld(epochMs = 60_000, store: AckStore = createMemoryStore()): World {
  let rands = 0
  const world: { books: Books; store: AckStore; nowMs: number; epoch: bigint; means: World['means'] } = {
    books: undefined!,
    store,
    nowMs: 0,
    epoch: EPOCH,
    means: (account) => {
      const client = RULES.clientOf(account)
      return client === undefined ? undefined : { ...RICH, ...client }
    },
  }
  world.books = createBooks(
    {
      rules: rulesAt,
      means: (account) => world.means(account),
      store,
      nowMs: () => world.nowMs,
      rand: (bytes) => seedOf(500 + rands++).slice(0, bytes),
    },
    { chainId: CHAIN_ID, nodeKey: NODE.keys.publicKey, nodeIndex: NODE.nodeIndex, epochMs },
  )
  world.books.changeEpoch({ epoch: EPOCH, priceVersion: PRICE.priceVersion, price: PRICE })
  return world
}

export function nextEpoch(world: World, price: PriceFrame = PRICE): void {
  world.epoch++
  world.books.changeEpoch({ epoch: world.epoch, priceVersion: price.priceVersion, price })
}

export interface LinkLane {
  readonly id: number
  readonly serviceId: number
  /** Unit sizes that are still to be sent. */
  readonly units: number[]
  sent: number
  /** Of the unit in progress. */
  left: number
  received: number
  /** Ends of whole units that arrived. */
  verifiable: number
  acked: number
  isOver: boolean
  /** The node gave it up: what it did not get paid for is its own loss. */
  isGivenUp: boolean
  /** It ended, and nobody is there any more who could tell of it. */
  isGone: boolean
}

/** Made once: an account's signature costs more than a schedule. */
const known = new Map<number, { readonly keys: KeyPair; readonly delegation: Delegation }>()
function clientOf(client: number): { readonly keys: KeyPair; readonly delegation: Delegation } {
  const made = known.get(client) ?? { keys: createKeyPair(seedOf(client)), delegation: delegationOf(client) }
  known.set(client, made)
  return made
}

export class Link {
  readonly meter: SessionMeter
  readonly payer: Payer
  readonly toClient: (() => void)[] = []
  readonly toNode: (() => void)[] = []
  readonly lanes: Map<number, LinkLane> = new Map()
  /** Code with which one of the two left. */
  left: number | undefined
  isOver = false
  /** The window that the node told last, and the largest. */
  window: number
  windowMost: number
  /** A unit was let begin, and nothing of it is sent yet. */
  onBegin: () => void = () => {}
  /** Acknowledgements that left the client, before anybody changed them. */
  readonly acks: AckFrame[] = []
  readonly ticks: TickFrame[] = []
  /** What a hostile client sends in place of what it signed. */
  distort: (frame: AckFrame) => readonly AckFrame[] = (frame) => [frame]
  distortTick: (frame: TickFrame) => readonly TickFrame[] = (frame) => [frame]
  isStopped = false
  /** The client answers PING. */
  pongs = true
  sentBytes = 0
  ackedBytes = 0
  unitMost = 0
  readonly #world: World
  /** What ticks say that the books took, and no acknowledgement since, by epoch and service. */
  readonly #ticked = new Map<string, number>()
  #isBlocked = false

  constructor(
    world: World,
    client: number,
    delegation: Delegation = clientOf(client).delegation,
    capMicroUsd: bigint = 10n ** 12n,
    ticks?: Ticks,
  ) {
    this.#world = world
    const { keys } = clientOf(client)
    const hello = {
      delegation: encodeDelegation(delegation),
      clientKey: keys.publicKey,
      clientRand: RAND,
      nodeRand: RAND,
      channelBinding: BINDING,
    }
    const admission = world.books.admit(hello)
    if ('refuse' in admission) throw new RefusedError(admission.refuse)
    const { nodeIndex, epoch, priceVersion } = world.books.place
    const { account, laneNonce, window, meter, price } = admission
    const rands = { clientRand: RAND, nodeRand: RAND }
    const nodeKey = NODE.keys.publicKey
    const sessionId = sessionIdOf({ chainId: CHAIN_ID, account, sessionKey: keys.publicKey, nodeKey, laneNonce, epoch, ...rands })
    const session = { sessionId, account, laneNonce, epoch, nodeIndex, priceVersion, window, ...rands, channelBinding: BINDING }
    this.meter = meter
    this.window = window
    this.windowMost = window
    const signer = { chainId: CHAIN_ID, nodeKey, delegation, sign: keys.sign, capMicroUsd, nowMs: () => world.nowMs }
    this.payer = createPayer(ticks === undefined ? signer : { ...signer, ticks })
    meter.begin(session, {
      window: (frame) => {
        this.window = frame.window
        this.windowMost = Math.max(this.windowMost, frame.window)
        this.#send(() => {
          this.isStopped = frame.isStopped
          this.payer.window(frame)
        })
      },
      epoch: (frame) => this.#send(() => this.payer.epoch(frame)),
      price: (frame) => this.#send(() => this.#clientLeaves(this.payer.price(frame))),
      meter: (frame) => this.#send(() => this.payer.meter(frame)),
      ping: (nonce) => this.#send(() => this.pongs && this.#answer(() => meter.pong(nonce, world.nowMs))),
      wake: () => {
        this.#isBlocked = false
      },
      giveUp: () => {
        const lost = [...this.lanes.values()].filter(({ isOver, isGone, acked, sent }) => isOver && isGone && acked < sent)
        for (const lane of lost) {
          lane.isGone = false
          lane.isGivenUp = true
          this.meter.laneOver(lane.id, BigInt(lane.sent), 'reset-by-node')
        }
        return lost.length > 0
      },
      leave: (code) => this.close(code),
    })
    this.payer.begin(session, {
      ack: (frame) => {
        this.acks.push(frame)
        for (const each of this.distort(frame)) this.sendAck(each)
      },
      tick: (frame) => {
        this.ticks.push(frame)
        for (const each of this.distortTick(frame)) this.sendTick(each)
      },
      leave: (code) => this.#clientLeaves(code),
    })
    this.#clientLeaves(this.payer.price(price))
  }

  open(id: number, units: readonly number[], serviceId = 0): LinkLane {
    const lane = {
      id,
      serviceId,
      units: [...units],
      sent: 0,
      left: 0,
      received: 0,
      verifiable: 0,
      acked: 0,
      isOver: false,
      isGivenUp: false,
      isGone: false,
    }
    const bodies = [Uint8Array.of(id & 255, 1), Uint8Array.of(2)] as const
    this.lanes.set(id, lane)
    this.meter.lane(id, serviceId, ...bodies)
    this.#send(() => this.payer.lane(id, serviceId, ...bodies))
    return lane
  }

  /** Sends at most one frame of the lane. @returns whether anything moved. */
  pump(lane: LinkLane): boolean {
    if (this.isOver || lane.isOver) return false
    if (lane.left === 0) {
      const unit = lane.units[0]
      if (unit === undefined) return this.#end(lane)
      if (!this.meter.allow(lane.id, unit, false)) {
        this.#isBlocked = true
        return false
      }
      lane.units.shift()
      lane.left = unit
      this.unitMost = Math.max(this.unitMost, unit)
      this.onBegin()
    } else if (!this.meter.allow(lane.id, lane.left, true)) return false
    const bytes = Math.min(FRAME_BYTES, lane.left)
    lane.left -= bytes
    lane.sent += bytes
    this.sentBytes += bytes
    const isUnitEnd = lane.left === 0
    const { sent } = lane
    this.meter.sent(lane.id, BigInt(sent), isUnitEnd)
    this.#send(() => {
      lane.received = sent
      if (isUnitEnd) lane.verifiable = sent
    })
    return true
  }

  /** Whether every lane that could go on was refused since the last wake. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** The client loses interest: both ends stop, and the client learns how far the node got. */
  reset(lane: LinkLane): void {
    this.#answer(() => {
      if (lane.isOver) return
      lane.isOver = true
      this.meter.laneOver(lane.id, BigInt(lane.sent), 'reset-by-client')
      const { sent } = lane
      this.#send(() => {
        this.payer.verified(lane.id, BigInt(lane.verifiable)) // what was in flight is verified too
        this.payer.laneOver(lane.id, BigInt(sent), 'reset-by-client')
      })
    })
  }

  resetByNode(lane: LinkLane): void {
    if (lane.isOver || this.isOver) return
    lane.isOver = true
    lane.isGivenUp = true
    this.meter.laneOver(lane.id, BigInt(lane.sent), 'reset-by-node')
    const { sent } = lane
    this.#send(() => this.payer.laneOver(lane.id, BigInt(sent), 'reset-by-node'))
  }

  sendAck(frame: AckFrame): void {
    this.#answer(() => {
      const code = this.meter.ack(frame, this.#world.nowMs)
      if (code === 'late') return
      if (code !== undefined) return this.close(code)
      if (this.#ticked.size > 0) {
        const { epoch, serviceId } = decodeAcknowledgement(frame.acknowledgement)
        this.#ticked.delete(`${epoch} ${serviceId}`)
      }
      for (const { lane: id, verifiedOffset } of frame.lanes) {
        const lane = this.lanes.get(id)!
        const offset = Number(verifiedOffset)
        this.ackedBytes += Math.max(0, offset - lane.acked)
        lane.acked = Math.max(lane.acked, offset)
      }
    })
  }

  sendTick(frame: TickFrame): void {
    this.#answer(() => {
      const code = this.meter.tick(frame)
      if (code === 'late') return
      if (code !== undefined) return this.close(code)
      this.#ticked.set(`${frame.epoch} ${frame.serviceId}`, Number(TICK_BYTES) * frame.index)
    })
  }

  /** Said by ticks, and not acknowledged. */
  get tickedBytes(): number {
    return [...this.#ticked.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  deliver(queue: (() => void)[], most: number = Number.POSITIVE_INFINITY): boolean {
    let count = 0
    while (count < most && queue.length > 0) {
      queue.shift()!()
      count++
    }
    return count > 0
  }

  /** Everything that can happen without time passing, honestly. */
  settle(): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const lane of this.lanes.values()) while (this.pump(lane)) isMoving = true
      isMoving = this.deliver(this.toClient) || isMoving
      for (const { id, verifiable } of this.lanes.values()) this.payer.verified(id, BigInt(verifiable))
      isMoving = this.deliver(this.toNode) || isMoving
    }
  }

  close(code: number | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.left = code
    for (const { id, sent, isOver } of this.lanes.values()) if (!isOver) this.meter.laneOver(id, BigInt(sent), 'session-over')
    this.meter.over()
    this.payer.over()
  }

  #end(lane: LinkLane): boolean {
    lane.isOver = true
    this.meter.laneOver(lane.id, BigInt(lane.sent), 'ended')
    const { sent } = lane
    this.#send(() => this.payer.laneOver(lane.id, BigInt(sent), 'ended'))
    return true
  }

  #clientLeaves(code: number | undefined): void {
    if (code !== undefined) this.#answer(() => this.close(code))
  }

  #send(frame: () => void): void {
    if (!this.isOver) this.toClient.push(frame)
  }

  #answer(frame: () => void): void {
    this.toNode.push(() => {
      if (!this.isOver) frame()
    })
  }
}

export class RefusedError extends Error {
  readonly code: number
  constructor(code: number) {
    super(`refused with ${code}`)
    this.code = code
  }
}

export const KIB = 1024
export const MIB: number = 1024 * KIB
/** A chunk group with the hashes before it. */
export const GROUP: number = 16 * KIB + 64
export const groups = (count: number): number[] => Array.from({ length: count }, () => GROUP)

/** A client that signs, and sends nothing of it. */
export function silentLink(world: World, client: number = 1): Link {
  const link = new Link(world, client)
  link.distort = () => []
  return link
}

/** The code with which `action` was not let in. */
export function refusalOf(action: () => unknown): number | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof RefusedError) return error.code
    throw error
  }
}
