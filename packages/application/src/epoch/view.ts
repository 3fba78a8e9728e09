/**
 * The one value that flows down: who is there and what holds, made when an epoch begins and never changed. It is stored, since the state
 * moves on within the epoch and a node that restarts must hand out the same view again.
 */
import type { CommitteeSeat, MembershipNode, MembershipView, ViewService } from '@selvedge/interface'
import { parametersOf, PARAMETERS } from '@selvedge/ledger-types'
import { beacons, counterRow, epochRow, nativePrices, type CounterRow, type EpochRow } from '../state/meta-tables.ts'
import { addressList, committees, NODE_STATES, scores, type MemberRow, type NodeRow } from '../state/node-tables.ts'
import { allNodes, nodeOf, seatsOf } from '../state/nodes.ts'
import { allParametersOf } from '../state/parameters.ts'
import { count64, decodeField, encodeField, fixed, list, struct, u16, u32, u32be, u64, type Field } from '../state/fields.ts'
import { prices, services, serviceVersions, SERVICE_STATES, type ServiceVersionRow } from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'

/** What a node is worth before anybody measured it, in 10^-6 points of 100. */
export const INITIAL_SCORE = 20_000_000

const STATE_NAMES = ['idle', 'optingIn', 'active', 'optingOut', 'jailed'] as const

export interface Chain {
  readonly chainId: number
  readonly genesisHash: Uint8Array
}

export function scoreOf(state: State, nodeIndex: number): number {
  return state.get(scores, nodeIndex)?.history[0] ?? INITIAL_SCORE
}

/**
 * The view of the epoch that `state` is at the beginning of. Its bytes are those of the rows, so it is for `encodeView` and never handed out.
 * @param previous - the view of the epoch before, where this node has one.
 */
export function viewOf(state: State, { chainId, genesisHash }: Chain, previous: MembershipView | undefined): MembershipView {
  const { epoch, startMs, endMs, version } = state.get(epochRow, null) as EpochRow
  const { priceVersion } = currentPrices(state, epoch)
  return frozen({
    chainId,
    epoch,
    genesisHash,
    beacon: epoch === 0 ? genesisHash : (state.get(beacons, epoch - 1)?.beacon ?? genesisHash),
    startMs,
    endMs,
    version,
    nodes: allNodes(state).flatMap(([index, node]) => (node.state === NODE_STATES.idle ? [] : [memberNodeOf(state, index, node)])),
    committee: seatsIn(state.get(committees, epoch) ?? []),
    params: { ...allParametersOf(state) },
    prices: { ...currentPrices(state, epoch).row, nativePrice: nativePriceIn(state, epoch) },
    priceVersion,
    services: servicesIn(state, epoch),
    previous: previous === undefined ? previousOf(state, epoch) : { committee: previous.committee, nodes: previous.nodes },
  })
}

/** µUSD of one native token that holds in `epoch`. */
export function nativePriceIn(state: State, epoch: number): bigint {
  return (state.get(nativePrices, null) ?? []).findLast(({ from }) => from <= epoch)?.price ?? 0n
}

/** The version of a service that holds in `epoch`; `undefined` when it has none then. */
export function serviceVersionIn(
  state: State,
  serviceId: number,
  epoch: number,
): (ServiceVersionRow & { readonly version: number }) | undefined {
  const found = state.rows(serviceVersions, encodeField(u32be, serviceId)).findLast(([, { from }]) => from <= epoch)
  return found === undefined ? undefined : { ...found[1], version: found[0].version }
}

/** The prices of `epoch` with their version. */
export function currentPrices(
  state: State,
  epoch: number,
): { readonly priceVersion: number; readonly row: { readonly bytePrice: bigint; readonly cpuPrice: bigint } } {
  const { priceVersion: next } = state.get(counterRow, null) as CounterRow
  for (let priceVersion = next - 1; priceVersion >= 0; priceVersion--) {
    const row = state.get(prices, priceVersion)
    if (row !== undefined && row.from <= epoch) return { priceVersion, row: { bytePrice: row.bytePrice, cpuPrice: row.cpuPrice } }
  }
  return { priceVersion: 0, row: { bytePrice: 0n, cpuPrice: 0n } }
}

function servicesIn(state: State, epoch: number): ViewService[] {
  return state.rows(services).flatMap(([id, service]) => {
    const found = service.state === SERVICE_STATES.removed && service.since <= epoch ? undefined : serviceVersionIn(state, id, epoch)
    return found === undefined ? [] : [{ id, manifest: found.manifest, version: found.version, multiplePpm: found.multiplePpm }]
  })
}

function memberNodeOf(state: State, index: number, node: NodeRow): MembershipNode {
  const { nodeKey, bls, noiseRecord, addresses, owner, stake, delegated } = node
  const name = STATE_NAMES[node.state] as MembershipNode['state']
  return { index, nodeKey, bls, noiseRecord, addresses, owner, stake, delegated, score: scoreOf(state, index), state: name }
}

function seatsIn(committee: readonly MemberRow[]): CommitteeSeat[] {
  return committee.map(({ nodeIndex, stake }, authority) => ({ authority, nodeIndex, stake: Number(stake) }))
}

/** For who joined at this epoch and saw no earlier one: the nodes that it had, as they are now. */
function previousOf(state: State, epoch: number): MembershipView['previous'] {
  if (epoch === 0) return { committee: [], nodes: [] }
  const nodes = seatsOf(state, epoch - 1).map(({ nodeIndex }) => memberNodeOf(state, nodeIndex, nodeOf(state, nodeIndex) as NodeRow))
  return { committee: seatsIn(state.get(committees, epoch - 1) ?? []), nodes }
}

const nodeField: Field<MembershipNode> = struct<MembershipNode>({
  index: u32,
  nodeKey: fixed(32),
  bls: fixed(48),
  noiseRecord: fixed(136),
  addresses: addressList,
  owner: fixed(20),
  stake: u64,
  delegated: u64,
  score: u32,
  state: {
    text: 'u8',
    write: (out, name) => u16.write(out, STATE_NAMES.indexOf(name)),
    read: (from) => STATE_NAMES[u16.read(from)] as MembershipNode['state'],
  },
})
const seatField: Field<CommitteeSeat> = struct<CommitteeSeat>({ authority: u16, nodeIndex: u32, stake: count64 })
const membersField = struct<MembershipView['previous']>({ committee: list(seatField), nodes: list(nodeField) })
const paramsField: Field<MembershipView['params']> = {
  text: 'value u64 of each parameter, by id',
  write: (out, values) => {
    for (const name of Object.keys(PARAMETERS)) u64.write(out, BigInt(values[name] as number | bigint))
  },
  read: (from) => ({ ...parametersOf(() => u64.read(from)) }),
}
const viewField: Field<MembershipView> = struct<MembershipView>({
  chainId: u32,
  epoch: count64,
  genesisHash: fixed(32),
  beacon: fixed(32),
  startMs: count64,
  endMs: count64,
  version: u32,
  nodes: list(nodeField),
  committee: list(seatField),
  params: paramsField,
  prices: struct<MembershipView['prices']>({ bytePrice: u64, cpuPrice: u64, nativePrice: u64 }),
  priceVersion: u32,
  services: list(struct<ViewService>({ id: u32, manifest: fixed(32), version: u32, multiplePpm: u32 })),
  previous: membersField,
})

export function encodeView(view: MembershipView): Uint8Array {
  return encodeField(viewField, view)
}

/** @throws {ApplicationError} `APPLICATION_DAMAGED` */
export function decodeView(bytes: Uint8Array): MembershipView {
  return frozen(decodeField(viewField, bytes))
}

/** Freezes objects and lists all the way down; bytes cannot be frozen. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
