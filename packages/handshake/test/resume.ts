/** Two cores of a paying session whose channel breaks, and the greeting that brings them together again. */
import type { Effect } from '../src/effects.ts'
import { createNodeGreeter, createResumeGreeter } from '../src/greeter.ts'
import type { Welcome } from '../src/greeting.ts'
import { ResumableSession, ResumableSessions } from '../src/resumable-sessions.ts'
import { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, CLIENT, CLOCK, drain, feed, NODE } from './cores.ts'
import { createPaidNode, createPayingClient, createPayments, type Paid, TestMeter, TestPayer } from './paying.ts'

let channels = 0

export interface Resumable extends Paid {
  readonly welcome: Welcome
  readonly sessions: ResumableSessions
  readonly session: ResumableSession
  /** The newest that the node gave. */
  readonly token: () => Uint8Array
}

/** As `paid`, with the node's list of sessions that may go on. */
export function resumable(): Resumable {
  const meter = new TestMeter()
  const payer = new TestPayer()
  const node = createPaidNode(createPayments(meter))
  const client = createPayingClient(payer)
  feed(node, drain(client))
  const [greeted] = feed(client, drain(node)) as [Extract<Effect, { type: 'welcome' }>]
  const { welcome } = greeted
  const sessions = new ResumableSessions({ suspendedMax: 8, suspendedPerAddressMax: 8 })
  const session = new ResumableSession(welcome, CLIENT.publicKey, { leave() {}, drain() {} }, '')
  sessions.add(session)
  const token = (): Uint8Array => new Uint8Array(32).fill(channels)
  return { client, node, meter, payer, welcome, sessions, session, token }
}

/** The channel breaks for both; what they had to say is gone. @returns what each was told. */
export function lose({ client, node }: Paid, nowMs = 0): { readonly client: Effect[]; readonly node: Effect[] } {
  const told = { client: [] as Effect[], node: [] as Effect[] }
  client.lose('cut', told.client, nowMs)
  node.lose('cut', told.node, nowMs)
  return told
}

let bindings = 0
export function nextBinding(): Uint8Array {
  const binding = Uint8Array.from(BINDING)
  binding[1] = ++bindings
  return binding
}

export interface Hello {
  readonly identity?: typeof CLIENT
  readonly resumeToken?: Uint8Array
  readonly welcome?: Welcome
  readonly binding?: Uint8Array
  /** The channel's at the node, where that is another one. */
  readonly bindingAtNode?: Uint8Array
}

/** HELLO of the suspended client on a new channel; the effects of the node's end of it, and what it says. */
export function knock(world: Resumable, hello: Hello = {}): { readonly door: SessionCore; readonly effects: Effect[] } {
  const { identity = CLIENT, welcome = world.welcome, resumeToken = welcome.resumeToken, binding = nextBinding() } = hello
  const common = { identity, nodeKey: NODE.publicKey, chainId: CHAIN, channelBinding: binding, rand: new Uint8Array(16).fill(8) }
  world.client.resume(createResumeGreeter({ ...common, welcome, resumeToken }), 0)
  const door = createDoor(world, hello.bindingAtNode ?? binding)
  return { door, effects: feed(door, drain(world.client)) }
}

export function createDoor({ sessions }: Resumable, channelBinding: Uint8Array): SessionCore {
  const greeter = createNodeGreeter({
    identity: NODE,
    chainId: CHAIN,
    channelBinding,
    maxLanes: 4,
    rand: new Uint8Array(16).fill(4),
    resumeToken: new Uint8Array(32).fill(++channels),
    nodeTimeMs: 1_700_000_000_000n,
    payments: createPayments(new TestMeter()),
    resume: (hello, token) => sessions.find(hello, token),
    laneNonce: 7n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  return new SessionCore({ role: 'node', greeter, clock: CLOCK, maxLanes: 4 }, 0)
}

/** The client is back: HELLO is sent and the node's session has the channel. */
export function reattach(world: Resumable, hello: Hello = {}): Extract<Effect, { type: 'moved' }> {
  const { effects } = knock(world, hello)
  const moved = effects.find((effect): effect is Extract<Effect, { type: 'moved' }> => effect.type === 'moved')
  if (moved === undefined) throw new Error('the session was not found')
  world.node.adopt(moved.welcomeBody, 0)
  return moved
}
