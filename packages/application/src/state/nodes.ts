/** The registry of nodes: rows, nonce windows, weights, and the view that an epoch was begun with. */
import type { NetworkAddress } from '@selvedge/ledger-types'
import { nodes, NODE_STATES, type NodeRow } from './node-tables.ts'
import { seats, type SeatRow } from './meta-tables.ts'
import { encodeField, u64be } from './fields.ts'
import type { State } from './state.ts'

const SEATS_CHUNK = 512
const WINDOW = 64n

export function nodeOf(state: State, nodeIndex: number): NodeRow | undefined {
  return state.get(nodes, nodeIndex)
}

/** Stake and delegated: what a node weighs in draws. */
export function weightOf(node: NodeRow): bigint {
  return node.stake + node.delegated
}

/** Whether it serves in the running epoch: one that is about to leave still does. */
export function isServing({ state }: NodeRow): boolean {
  return state === NODE_STATES.active || state === NODE_STATES.optingOut
}

/** -1 below the window or used, 1 above it, 0 good. */
export function nonceVerdictOf({ nonceBase, nonceBits }: NodeRow, nonce: bigint): -1 | 0 | 1 {
  if (nonce < nonceBase) return -1
  const place = nonce - nonceBase
  if (place >= WINDOW) return 1
  return ((nonceBits >> place) & 1n) === 1n ? -1 : 0
}

/** The row with `nonce` used, which was good. The window moves on over all that are used at its beginning. */
export function withNonceUsed(node: NodeRow, nonce: bigint): NodeRow {
  let base = node.nonceBase
  let bits = node.nonceBits | (1n << (nonce - base))
  while ((bits & 1n) === 1n) {
    bits >>= 1n
    base += 1n
  }
  return { ...node, nonceBase: base, nonceBits: bits }
}

/** All nodes, ascending by index. */
export function allNodes(state: State): readonly (readonly [number, NodeRow])[] {
  return state.rows(nodes)
}

/** Writes down who is Active as `epoch` begins, with weight and first address. */
export function putSeats(state: State, epoch: number, active: readonly (readonly [number, NodeRow])[]): void {
  for (let chunk = 0; chunk * SEATS_CHUNK < active.length; chunk++) {
    const part = active.slice(chunk * SEATS_CHUNK, (chunk + 1) * SEATS_CHUNK)
    state.put(
      seats,
      { epoch, chunk },
      part.map(([nodeIndex, node]) => ({ nodeIndex, weight: weightOf(node), ...seatAddressOf(node.addresses[0]) })),
    )
  }
}

/** Who was Active when `epoch` began, ascending by index; none when the epoch is no longer kept (three are). */
export function seatsOf(state: State, epoch: number): readonly SeatRow[] {
  return state.rows(seats, encodeField(u64be, epoch)).flatMap(([, row]) => row)
}

export function deleteSeats(state: State, epoch: number): void {
  for (const [key] of state.rows(seats, encodeField(u64be, epoch))) state.delete(seats, key)
}

function seatAddressOf(address: NetworkAddress | undefined): Pick<SeatRow, 'addressKind' | 'address'> {
  const bytes = new Uint8Array(16)
  if (address !== undefined) bytes.set(address.ip)
  return { addressKind: address === undefined ? 0 : address.ip.length === 4 ? 4 : 6, address: bytes }
}
