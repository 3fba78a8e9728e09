/** Two cores of a paying session, and ends of its payment that write down what they are told and do what the test says. */
import type { Effect } from '../src/effects.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { createClientGreeter, createNodeGreeter } from '../src/greeter.ts'
import { createSharing } from '../src/owner-sharing.ts'
import type {
  AckFrame,
  Admission,
  ChainSeq,
  ClientLink,
  LaneEnd,
  NodeLink,
  NodePayments,
  PayingHello,
  PayingSession,
  PriceFrame,
  ResumedChains,
  ResumedLane,
  SessionMeter,
  SessionPayer,
  TickFrame,
} from '../src/paying.ts'
import { decodeHeader } from '../src/frames.ts'
import { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, CLIENT, CLOCK, drain, feed, NODE } from './cores.ts'

export const ACCOUNT: Uint8Array = new Uint8Array(20).fill(0xac)
export const PRICE: PriceFrame = {
  priceVersion: 3,
  bytePrice: 10n,
  cpuPrice: 7n,
  fromEpoch: 5n,
  services: [{ serviceId: 0, multiplePpm: 1_000_000 }],
}
export const PLACE = { nodeIndex: 9, epoch: 5n, priceVersion: 3 }
export const WINDOW: number = 256 * 1024

/** As a node would read it: account, session key, and no service named. */
export function delegationOf(key: Uint8Array, account: Uint8Array = ACCOUNT): Uint8Array {
  const out = new Uint8Array(142)
  out.set(account)
  out.set(key, 20)
  return out
}

export interface Told {
  readonly name: string
  readonly args: readonly unknown[]
}

export class TestMeter implements SessionMeter {
  readonly told: Told[] = []
  link!: NodeLink
  session: PayingSession | undefined
  deadlineMs: number = Number.POSITIVE_INFINITY
  allows: (lane: number, unitBytes: number, isBegun: boolean) => boolean = () => true
  ackAnswer: number | 'late' | undefined
  tickAnswer: number | 'late' | undefined
  isResumable = true

  begin(session: PayingSession, link: NodeLink): void {
    this.session = session
    this.link = link
    this.told.push({ name: 'begin', args: [] })
  }
  lane(...args: [number, number, Uint8Array, Uint8Array]): void {
    this.told.push({ name: 'lane', args })
  }
  allow(lane: number, unitBytes: number, isBegun: boolean): boolean {
    return this.allows(lane, unitBytes, isBegun)
  }
  sent(...args: [number, bigint, boolean]): void {
    this.told.push({ name: 'sent', args })
  }
  ack(...args: [AckFrame, number]): number | 'late' | undefined {
    this.told.push({ name: 'ack', args })
    return this.ackAnswer
  }
  tick(...args: [TickFrame]): number | 'late' | undefined {
    this.told.push({ name: 'tick', args })
    return this.tickAnswer
  }
  laneOver(...args: [number, bigint, LaneEnd]): void {
    this.told.push({ name: 'laneOver', args })
  }
  pong(...args: [bigint, number]): void {
    this.told.push({ name: 'pong', args })
  }
  over(): void {
    this.told.push({ name: 'over', args: [] })
  }
  chains: ChainSeq[] = []
  suspend(): boolean {
    this.told.push({ name: 'suspend', args: [] })
    return this.isResumable
  }
  resume(...args: [readonly ResumedLane[], number]): number | undefined {
    this.told.push({ name: 'resume', args })
    return undefined
  }
  due(nowMs: number): void {
    this.deadlineMs = Number.POSITIVE_INFINITY
    this.told.push({ name: 'due', args: [nowMs] })
  }
  toldOf(name: string): (readonly unknown[])[] {
    return this.told.filter((each) => each.name === name).map(({ args }) => args)
  }
}

export class TestPayer implements SessionPayer {
  readonly told: Told[] = []
  link!: ClientLink
  session: PayingSession | undefined
  priceAnswer: number | undefined

  begin(session: PayingSession, link: ClientLink): void {
    this.session = session
    this.link = link
    this.told.push({ name: 'begin', args: [] })
  }
  price(frame: PriceFrame): number | undefined {
    this.told.push({ name: 'price', args: [frame] })
    return this.priceAnswer
  }
  lane(...args: [number, number, Uint8Array, Uint8Array]): void {
    this.told.push({ name: 'lane', args })
  }
  laneOver(...args: [number, bigint, LaneEnd]): void {
    this.told.push({ name: 'laneOver', args })
  }
  epoch(frame: unknown): void {
    this.told.push({ name: 'epoch', args: [frame] })
  }
  window(frame: unknown): void {
    this.told.push({ name: 'window', args: [frame] })
  }
  meter(frame: unknown): void {
    this.told.push({ name: 'meter', args: [frame] })
  }
  pong(...args: [bigint]): void {
    this.told.push({ name: 'pong', args })
  }
  resume(...args: [ResumedChains]): void {
    this.told.push({ name: 'resume', args })
  }
  over(): void {
    this.told.push({ name: 'over', args: [] })
  }
  toldOf(name: string): (readonly unknown[])[] {
    return this.told.filter((each) => each.name === name).map(({ args }) => args)
  }
}

export interface TestPayments extends NodePayments {
  readonly hellos: PayingHello[]
}

/** Admits whoever comes, unless `refuse` is a code. */
export function createPayments(meter: SessionMeter, { refuse, window = WINDOW, maxLanes = 24 }: PaymentsOptions = {}): TestPayments {
  const hellos: PayingHello[] = []
  let nonce = 40n
  return {
    hellos,
    place: PLACE,
    nextLaneNonce: () => ++nonce,
    admit(hello): Admission {
      hellos.push(hello)
      if (refuse !== undefined) return { refuse }
      return { account: hello.delegation.slice(0, 20), laneNonce: ++nonce, window, maxLanes, price: PRICE, meter }
    },
  }
}
export interface PaymentsOptions {
  readonly refuse?: number
  readonly window?: number
  readonly maxLanes?: number
}

export function createPaidNode(payments: NodePayments | undefined): SessionCore {
  const greeter = createNodeGreeter({
    identity: NODE,
    chainId: CHAIN,
    channelBinding: BINDING,
    maxLanes: 4,
    rand: new Uint8Array(16).fill(4),
    resumeToken: new Uint8Array(32).fill(5),
    nodeTimeMs: 1_700_000_000_000n,
    payments,
    laneNonce: 7n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  return new SessionCore({ role: 'node', greeter, clock: CLOCK, maxLanes: 4 }, 0)
}

export function createPayingClient(payer: SessionPayer, delegation: Uint8Array = delegationOf(CLIENT.publicKey)): SessionCore {
  const greeter = createClientGreeter({
    identity: CLIENT,
    nodeKey: NODE.publicKey,
    chainId: CHAIN,
    channelBinding: BINDING,
    rand: new Uint8Array(16).fill(6),
    paying: { delegation, payer, sharing: createSharing() },
  })
  return new SessionCore({ role: 'client', greeter, clock: { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }, maxLanes: 4 }, 0)
}

export interface Paid {
  readonly client: SessionCore
  readonly node: SessionCore
  readonly meter: TestMeter
  readonly payer: TestPayer
}

/** A paying client and its node past WELCOME and PRICE. */
export function paid(options: PaymentsOptions = {}): Paid {
  const meter = new TestMeter()
  const payer = new TestPayer()
  const node = createPaidNode(createPayments(meter, options))
  const client = createPayingClient(payer)
  feed(node, drain(client))
  feed(client, drain(node))
  return { client, node, meter, payer }
}

/** One lane of a paid session, taken by the node. */
export function openLane(
  { client, node }: Paid,
  metadata: Uint8Array = new Uint8Array(),
  credit: number = 2 ** 21 + 2 ** 18,
): { readonly atClient: CoreLane; readonly atNode: CoreLane } {
  const lane = client.open(0, metadata, credit)!
  const request = feed(node, drain(client)).find((effect): effect is Extract<Effect, { type: 'request' }> => effect.type === 'request')!
  node.accept(request.lane, Uint8Array.of(1), 1_000)
  feed(client, drain(node))
  return { atClient: lane, atNode: request.lane }
}

/** The frames in these bytes, as [type, flags, lane, body]. */
export function framesOf(bytes: Uint8Array): { type: number; flags: number; lane: number; body: Uint8Array }[] {
  const out = []
  for (let at = 0; at < bytes.length; ) {
    const { type, flags, lane, length } = decodeHeader(bytes.subarray(at))
    out.push({ type, flags, lane, body: bytes.slice(at + 8, at + 8 + length) })
    at += 8 + length
  }
  return out
}
