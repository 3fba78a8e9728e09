/** Two cores between which the node's RESETs are taken off the wire. */
import { expect } from 'vitest'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import type { SessionCore } from '../src/session-core.ts'
import { drain, feed } from './cores.ts'
import { LANE_CREDIT } from './joined.ts'
import { framesOf } from './paying.ts'

export interface Pair {
  readonly client: SessionCore
  readonly node: SessionCore
}

const NONE = new Uint8Array()
/** Of two ends that have nothing more to say: more, and they answer each other for ever. */
export const TURNS_MAX = 100
export const reset = (lane: number, offset: bigint): Uint8Array =>
  encodeFrame(FRAME.reset, 0, lane, frames.encodeReset({ code: 25, offset, reason: '' }))
export const pingsIn = (bytes: Uint8Array): bigint[] =>
  framesOf(bytes).flatMap(({ type, flags, body }) =>
    type === FRAME.ping && flags === 0 ? [frames.viewOf(body).getBigUint64(0, true)] : [],
  )
export const endings = (effects: readonly Effect[]): unknown[] =>
  effects.flatMap((effect) => (effect.type === 'over' ? [[effect.why, effect.code]] : []))

/** All that the node says but its answers to RESET. */
export function withoutResets(bytes: Uint8Array): Uint8Array {
  const kept = framesOf(bytes).filter(({ type }) => type !== FRAME.reset)
  return new Uint8Array(Buffer.concat(kept.map(({ type, flags, lane, body }) => encodeFrame(type, flags, lane, body))))
}

/** Both ways until neither has anything to say. @returns what the client was told. */
export function carry({ client, node }: Pair): Effect[] {
  const told: Effect[] = []
  for (let turn = 0; client.hasOutput || node.hasOutput; turn++) {
    expect(turn).toBeLessThan(TURNS_MAX)
    feed(node, drain(client, told))
    client.receive(withoutResets(drain(node)), 0, told)
  }
  return told
}

/** A lane that the node takes. */
export function open({ client, node }: Pair): CoreLane {
  expect(client.openLanes).toBeLessThan(client.maxLanes)
  const lane = client.open(0, NONE, LANE_CREDIT)!
  for (const effect of feed(node, drain(client))) if (effect.type === 'request') node.accept(effect.lane, NONE, 1_000)
  carry({ client, node })
  return lane
}
