/** What a discovery document says of a ledger's nodes (discovery.md), as the ledger's state has it. */
import { committees, counterRow, nodes, NODE_STATES, scores, type NodeRow } from '@selvedge/application'
import type { DiscoveredNode } from '@selvedge/client/discovery'
import {
  committeeRoot,
  decodeNoiseRecord,
  isNoiseRecordSigned,
  isSameBytes,
  LedgerError,
  type NetworkAddress,
  type NoiseRecord,
} from '@selvedge/ledger-types'
import { JSON_RPC_CODES } from '@selvedge/rpc'
import { setTimeout as sleep } from 'node:timers/promises'
import { NodeError } from '../errors.ts'
import { epochOf } from './owner-node.ts'
import { notUnderstood, type RpcDoor } from './rpc-door.ts'

export interface RegisteredNode {
  readonly nodeIndex: number
  readonly row: Pick<NodeRow, 'nodeKey' | 'noiseRecord' | 'addresses'>
  /** In millionths, at most 100,000,000. */
  readonly score: number
}

export interface Registry {
  readonly epoch: number
  /** Of the epoch's committee, 32 bytes. */
  readonly committeeRoot: Uint8Array
  /** The Active ones, ascending by index. */
  readonly nodes: readonly RegisteredNode[]
}

export interface Listed {
  readonly nodes: readonly DiscoveredNode[]
  /** Active nodes that are not among them, by what they lack. */
  readonly withoutAddress: number
  readonly withoutRecord: number
  /** Beyond what a document holds: those of the lowest scores. */
  readonly beyond: number
}

/** What a node is worth before anybody measured it: ledger-execution.md, step "Scores". */
const SCORE_AT_FIRST = 20_000_000
/** Of a document, discovery.md §1. */
const NODES_MAX = 2_048
const ADDRESSES_MAX = 4
const TRIES_MAX = 3

/**
 * Every row is asked for by itself, so all are of one epoch, but not of one block.
 * @throws {NodeError} as the methods of `door`; `NODE_DISCOVERY` where epochs are shorter than the asking
 */
export async function registryOf(door: RpcDoor): Promise<Registry> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const { epoch } = await epochOf(door)
    const members = (await door.row(committees, epoch)) ?? []
    const count = (await door.row(counterRow, null))?.node ?? 0
    const active: RegisteredNode[] = []
    for (let nodeIndex = 0; nodeIndex < count; nodeIndex++) {
      const row = await door.row(nodes, nodeIndex)
      if (row?.state !== NODE_STATES.active) continue
      active.push({ nodeIndex, row, score: (await door.row(scores, nodeIndex))?.history[0] ?? SCORE_AT_FIRST })
    }
    if ((await epochOf(door)).epoch !== epoch) continue
    if (members.length === 0) throw notUnderstood(door.url, `epoch ${epoch} has no committee`)
    const seats = members.map(({ nodeKey, bls, stake, nodeIndex }) => ({ key: nodeKey, blsKey: bls, stake: Number(stake), nodeIndex }))
    return { epoch, committeeRoot: committeeRoot(seats), nodes: active }
  }
  throw new NodeError('NODE_DISCOVERY', `the epoch changed ${TRIES_MAX} times while ${door.url} was asked for all nodes: try again`)
}

const REFUSED_WAIT_MS = 1_000
const REFUSALS_MAX = 120

/** `door`, waiting where the node says that it was asked too much: of a large registry more is asked than one address may at once. */
export function patientDoor(door: RpcDoor, signal: AbortSignal): RpcDoor {
  return {
    ...door,
    async ask(method, ...params) {
      for (let refusals = 0; ; refusals++) {
        try {
          return await door.ask(method, ...params)
        } catch (error) {
          const isTooMuch = error instanceof NodeError && error.details['rpcCode'] === JSON_RPC_CODES.RPC_LIMIT
          if (!isTooMuch || refusals === REFUSALS_MAX) throw error
          await sleep(REFUSED_WAIT_MS, undefined, { signal })
        }
      }
    },
  }
}

/** The nodes that a client can reach and check. Of more than a document holds, those of the best scores. */
export function listedOf(
  active: readonly RegisteredNode[],
  { chainId, epoch }: { readonly chainId: number; readonly epoch: number },
): Listed {
  const [able, tally] = [[] as DiscoveredNode[], { withoutAddress: 0, withoutRecord: 0 }]
  for (const { nodeIndex, row, score } of active) {
    const { nodeKey, noiseRecord } = row
    const addresses = addressesOf(row.addresses)
    if (addresses.length === 0) tally.withoutAddress++
    else if (!isRecordOf(noiseRecord, nodeKey, chainId, epoch)) tally.withoutRecord++
    else able.push({ nodeIndex, nodeKey, noiseRecord, addresses, score })
  }
  const best = able.toSorted((a, b) => b.score - a.score).slice(0, NODES_MAX)
  return { nodes: best.toSorted((a, b) => a.nodeIndex - b.nodeIndex), ...tally, beyond: able.length - best.length }
}

/** The first of each kind first, since a client takes no other. A port of 0 is not offered. */
function addressesOf(registered: readonly NetworkAddress[]): string[] {
  const at = (scheme: string, ip: Uint8Array, port: number): string[] => (port === 0 ? [] : [`${scheme}://${hostOf(ip)}:${port}`])
  const [tls, ...moreTls] = registered.flatMap(({ ip, sessions }) => at('tls', ip, sessions))
  const [ws, ...moreWs] = registered.flatMap(({ ip, websocket }) => at('ws', ip, websocket))
  return [tls, ws, ...moreTls, ...moreWs].filter((address) => address !== undefined).slice(0, ADDRESSES_MAX)
}

function hostOf(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((ip[2 * i]! << 8) | ip[2 * i + 1]!).toString(16))
  return `[${words.join(':')}]`
}

/** Whether a client that is given this record finds the node: signed by it for this chain, and still good. */
function isRecordOf(bytes: Uint8Array, nodeKey: Uint8Array, chainId: number, epoch: number): boolean {
  let record: NoiseRecord
  try {
    record = decodeNoiseRecord(bytes)
  } catch (error) {
    if (error instanceof LedgerError) return false
    throw error
  }
  return isSameBytes(record.nodeKey, nodeKey) && record.notAfterEpoch >= epoch && isNoiseRecordSigned(chainId, record)
}
