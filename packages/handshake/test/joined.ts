/** A session that pays and connections that join it, core against core: each end of each connection, and what the books and the owner's payer were told. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import type { TokenAsk } from '../src/access-token.ts'
import type { Effect } from '../src/effects.ts'
import { createJoinGreeter, createNodeGreeter } from '../src/greeter.ts'
import type { HolderReport } from '../src/holder-lanes.ts'
import { JoinableSessions } from '../src/joinable-sessions.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { SessionCore } from '../src/session-core.ts'
import type { SessionConnections } from '../src/session-connections.ts'
import { createTokenMint } from '../src/token-mint.node.ts'
import { ResumableSession, ResumableSessions } from '../src/resumable-sessions.ts'
import * as frames from '../src/frames.ts'
import { CHAIN, CLIENT, CLOCK, drain, feed, NODE } from './cores.ts'
import { createPayingClient, createPayments, framesOf, type Paid, type PaymentsOptions, TestMeter, TestPayer } from './paying.ts'
import { lose, nextBinding, reattach } from './resume.ts'

interface OwnAsk extends TokenAsk {
  readonly bytesMax: number
}
export const READ: OwnAsk = { serviceId: 0, ttlSeconds: 60, scope: 'read', bytesMax: 2 ** 40 }
export const ANY: OwnAsk = { ...READ, scope: 'any' }
export const LANE_CREDIT: number = 2 ** 21 + 2 ** 18
const HOLDER_CLOCK = { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }

export interface Shared extends Paid {
  readonly joinable: JoinableSessions
  readonly connections: SessionConnections
  readonly clock: { seconds: number }
}
export interface Joined {
  readonly client: SessionCore
  readonly node: SessionCore
  /** What the two ends did. */
  readonly told: { readonly client: Effect[]; readonly node: Effect[] }
  readonly reports: HolderReport[]
}

let secrets = 0

export function createJoinable(clock: { seconds: number }): JoinableSessions {
  const randomBytes = (count: number): Uint8Array => new Uint8Array(count).fill(++secrets)
  return new JoinableSessions(createTokenMint({ nowSeconds: () => clock.seconds, randomBytes }))
}

export function createSharedNode(
  joinable: JoinableSessions,
  meter: TestMeter,
  options: PaymentsOptions = {},
  binding: Uint8Array = nextBinding(),
): SessionCore {
  const greeter = createNodeGreeter({
    identity: NODE,
    chainId: CHAIN,
    channelBinding: binding,
    maxLanes: 4,
    rand: new Uint8Array(16).fill(4),
    resumeToken: new Uint8Array(32).fill(5),
    nodeTimeMs: 1_700_000_000_000n,
    payments: createPayments(meter, options),
    joinable,
    laneNonce: 7n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  return new SessionCore({ role: 'node', greeter, clock: CLOCK, maxLanes: 4 }, 0)
}

/** An owner and its node, past WELCOME and PRICE. */
export function shared(options: PaymentsOptions = {}): Shared {
  const clock = { seconds: 1_000_000 }
  const joinable = createJoinable(clock)
  const meter = new TestMeter()
  const payer = new TestPayer()
  const binding = Uint8Array.from([1, ...new Uint8Array(32).fill(3)])
  const node = createSharedNode(joinable, meter, options, binding)
  const client = createPayingClient(payer)
  const [welcomed] = feed(node, drain(client)) as [Extract<Effect, { type: 'welcome' }>]
  joinable.add(welcomed.connections!)
  feed(client, drain(node))
  return { client, node, meter, payer, joinable, clock, connections: welcomed.connections! }
}

/** The owner asks, the node answers. */
export function tokenOf({ client, node }: Paid, ask: OwnAsk = READ): Uint8Array {
  let token: Uint8Array | undefined
  client.wishes.sharing!.ask(ask, (bytes) => {
    token = bytes
  })
  feed(node, drain(client))
  feed(client, drain(node))
  if (token === undefined) throw new Error('no token came')
  return token
}

/** HELLO with a token on a channel of its own; both ends do what their wishes ask. @param flight - what follows it at once. */
export function join({ joinable, meter }: Shared, token: Uint8Array, flight: Uint8Array = new Uint8Array()): Joined {
  const channelBinding = nextBinding()
  const reports: HolderReport[] = []
  const told = { client: [] as Effect[], node: [] as Effect[] }
  const identity = createKeyPair(new Uint8Array(32).fill(77))
  const common = { identity, nodeKey: NODE.publicKey, chainId: CHAIN, channelBinding, rand: new Uint8Array(16).fill(9) }
  const greeter = createJoinGreeter({ ...common, accessToken: token, report: (report) => reports.push(report) })
  const client = new SessionCore({ role: 'client', greeter, clock: HOLDER_CLOCK, maxLanes: 4 }, 0)
  const node = createSharedNode(joinable, meter, {}, channelBinding)
  client.wishes.onAsk = () => client.tick(0, told.client)
  node.wishes.onAsk = () => node.tick(0, told.node)
  const joined = { client, node, told, reports }
  node.receive(Uint8Array.of(...drain(client), ...flight), 0, told.node)
  carry(joined)
  return joined
}

/** Connection 0 is lost at both ends, without a word. */
export function suspend(world: Shared): void {
  lose(world)
}

/** Its client says HELLO on another channel, and the node goes on there; neither has said RESUME. */
export function reattachOwner(world: Shared): void {
  const { welcome } = world.connections.session
  const sessions = new ResumableSessions({ suspendedMax: 1, suspendedPerAddressMax: 1 })
  const session = new ResumableSession(welcome, CLIENT.publicKey, { leave() {}, drain() {} }, '')
  sessions.add(session)
  reattach({ ...world, welcome, sessions, session, token: () => welcome.resumeToken })
}

/** It comes back on another channel. */
export function resume(world: Shared): void {
  const { client, node } = world
  reattachOwner(world)
  while (client.hasOutput || node.hasOutput) {
    feed(client, drain(node))
    feed(node, drain(client))
  }
}

/** Bytes both ways until neither end has any. */
export function carry({ client, node, told }: Joined): void {
  while (client.hasOutput || node.hasOutput) {
    node.receive(drain(client, told.client), 0, told.node)
    client.receive(drain(node, told.node), 0, told.client)
  }
}

/** Opens a lane on a joined connection; the node takes it. */
export function openJoined(joined: Joined, serviceId = 0): { readonly atClient: CoreLane; readonly atNode: CoreLane } {
  const atClient = joined.client.open(serviceId, Uint8Array.of(7), LANE_CREDIT)!
  carry(joined)
  const request = joined.told.node.findLast((effect) => effect.type === 'request')
  if (request?.lane.id !== atClient.id) throw new Error(`lane ${atClient.id} was not offered`)
  joined.node.accept(request.lane, Uint8Array.of(1), 1_000)
  carry(joined)
  return { atClient, atNode: request.lane }
}

/** Why each end says that it is over. */
export function endingsOf({ told }: Joined): unknown {
  const codes = (effects: Effect[]): number[] => effects.flatMap((effect) => (effect.type === 'over' ? [effect.code] : []))
  return { client: codes(told.client), node: codes(told.node) }
}

/** Codes of GOAWAY in these bytes; of RESET that came; and DATA. */
export const codesIn = (bytes: Uint8Array): number[] =>
  framesOf(bytes).flatMap(({ type, body }) => (type === frames.FRAME.goaway ? [frames.decodeGoaway(body).code] : []))
export const resetsOf = ({ told }: Joined): number[] => told.client.flatMap((effect) => (effect.type === 'reset' ? [effect.code] : []))
export const receivedOf = ({ told }: Joined): number =>
  told.client.reduce((sum, effect) => sum + (effect.type === 'data' ? effect.bytes.length : 0), 0)
/** The owner acknowledges, over connection 0. */
export const acknowledge = ({ payer, client, node }: Shared, lane: number, offset: bigint): void => {
  payer.link.ack({ acknowledgement: new Uint8Array(236), lanes: [{ lane, verifiedOffset: offset }] })
  feed(node, drain(client))
}
/** The node writes whole units on the lane, and what may go goes. */
export const send = (joined: Joined, lane: CoreLane, bytes: number, unitEnds: readonly number[] = [bytes]): void => {
  joined.node.write(lane, [new Uint8Array(bytes)], 'token', unitEnds)
  carry(joined)
}
