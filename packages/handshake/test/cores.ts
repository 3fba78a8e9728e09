/** Two session cores and the bytes between them, all from fixed seeds: no socket, no clock, no chance. */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import type { Effect } from '../src/effects.ts'
import { createClientGreeter, createNodeGreeter } from '../src/greeter.ts'
import { SessionCore } from '../src/session-core.ts'

export const CHAIN = 1337
export const NODE: KeyPair = createKeyPair(new Uint8Array(32).fill(1))
export const CLIENT: KeyPair = createKeyPair(new Uint8Array(32).fill(2))
export const BINDING: Uint8Array = Uint8Array.from([1, ...new Uint8Array(32).fill(3)])
export const CLOCK = {
  greetingTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  pingAfterMs: 15_000,
  pongTimeoutMs: 30_000,
  closingTimeoutMs: 2_000,
} as const

export interface NodeOverrides {
  readonly channelBinding?: Uint8Array
  readonly identity?: KeyPair
  readonly chainId?: number
  readonly maxLanes?: number
}

export function createNodeCore({
  channelBinding = BINDING,
  identity = NODE,
  chainId = CHAIN,
  maxLanes = 4,
}: NodeOverrides = {}): SessionCore {
  const greeter = createNodeGreeter({
    identity,
    chainId,
    channelBinding,
    maxLanes,
    rand: new Uint8Array(16).fill(4),
    resumeToken: new Uint8Array(32).fill(5),
    laneNonce: 7n,
    nodeTimeMs: 1_700_000_000_000n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  return new SessionCore({ role: 'node', greeter, clock: CLOCK, maxLanes }, 0)
}

export function createClientCore(
  channelBinding: Uint8Array = BINDING,
  nodeKey: Uint8Array = NODE.publicKey,
  chainId: number = CHAIN,
): SessionCore {
  const greeter = createClientGreeter({ identity: CLIENT, nodeKey, chainId, channelBinding, rand: new Uint8Array(16).fill(6) })
  return new SessionCore({ role: 'client', greeter, clock: { ...CLOCK, idleTimeoutMs: Number.POSITIVE_INFINITY }, maxLanes: 4 }, 0)
}

/** Everything that a core has to send now, as one copy. */
export function drain(core: SessionCore, effects: Effect[] = []): Uint8Array {
  const parts: Uint8Array[] = []
  while (core.hasOutput) parts.push(...core.take(2 ** 16, effects).parts)
  return new Uint8Array(Buffer.concat(parts))
}

export function feed(core: SessionCore, bytes: Uint8Array, nowMs = 0): Effect[] {
  const effects: Effect[] = []
  core.receive(bytes, nowMs, effects)
  return effects
}

/** A client and a node past WELCOME. */
export function greeted(overrides: NodeOverrides = {}): { readonly client: SessionCore; readonly node: SessionCore } {
  const node = createNodeCore(overrides)
  const client = createClientCore()
  feed(node, drain(client))
  feed(client, drain(node))
  return { client, node }
}

/** Carries bytes both ways until neither has any; returns what each side was told. */
export function settle(client: SessionCore, node: SessionCore): { readonly client: Effect[]; readonly node: Effect[] } {
  const told = { client: [] as Effect[], node: [] as Effect[] }
  while (client.hasOutput || node.hasOutput) {
    node.receive(drain(client, told.client), 0, told.node)
    client.receive(drain(node, told.node), 0, told.client)
  }
  return told
}
