/** From nothing but a network's discovery key to nodes that can be asked. */
import { decodeNoiseRecord } from '@selvedge/ledger-types/noise-record'
import { abortingAfter } from '../aborting-after.ts'
import type { NodeAddress } from '../address.ts'
import { ClientError } from '../errors.ts'
import { type DiscoveredNode, type DiscoveryDocument, type DiscoveryRules, verifyDiscovery } from './document.ts'
import { type RankedNode, type RankOptions, rankNodes, type ScoredNode } from './ranking.ts'
import { discoveryAt, type DiscoverySource } from './source.ts'

export interface DiscoverOptions extends Omit<RankOptions, 'chainId'>, Omit<DiscoveryRules, 'nowMs'> {
  /** A URL (https), or what gives the document: `discoveryInFile` of `@selvedge/client/node`. */
  readonly source: string | URL | DiscoverySource
  /** For the document. @default 10,000 */
  readonly timeoutMs?: number | undefined
  /** Unix milliseconds: whether the document is of today. @default `Date.now` */
  readonly nowMs?: (() => number) | undefined
  /** Given the document before a node is asked, to keep its epoch whatever becomes of them; what it throws ends the discovery. */
  readonly onDocument?: ((document: DiscoveryDocument) => void | Promise<void>) | undefined
}

export interface Discovered {
  /** Its `epoch` is to be kept for the next time, as `epochSeen`; `chainId` is the client's. */
  readonly document: DiscoveryDocument
  /** The best first: what `createClient` takes as `nodes`. */
  readonly nodes: readonly RankedNode[]
}

const TIMEOUT_MS = 10_000

/**
 * Reads and checks the document, tries some of its nodes, and ranks all of them.
 * @throws {ClientError} as `verifyDiscovery`, `discoveryAt` and `rankNodes`; `CLIENT_BAD_ARGUMENT` without a key
 * @throws the reason of `options.signal`
 * @example const { document, nodes } = await discover({ source: 'https://selvedge.example/network.json', key, epochSeen })
 */
export async function discover(options: DiscoverOptions): Promise<Discovered> {
  const { source, key, chainId, epochSeen, timeoutMs = TIMEOUT_MS, nowMs = Date.now, signal, onDocument, ...ranking } = options
  if (key.length !== KEY_BYTES) throw new ClientError('CLIENT_BAD_ARGUMENT', `a discovery key has ${KEY_BYTES} bytes, got ${key.length}`)
  const read = typeof source === 'function' ? source : discoveryAt(source)
  const { bytes, signature } = await abortingAfter(timeoutMs, signal, async (within) => await read(within))
  const document = verifyDiscovery(bytes, signature, { key, chainId, epochSeen, nowMs: nowMs() })
  await onDocument?.(document)
  const abort = signal === undefined ? {} : { signal }
  const scored = document.nodes.map((node) => scoredNodeOf(node, document.epoch))
  const nodes = await rankNodes(scored, { ...ranking, ...abort, chainId: document.chainId })
  return { document, nodes }
}

const KEY_BYTES = 32

/**
 * Its first address over TLS and its first over WebSocket; a node with none over TLS is reached in pages, and by whoever connects so. Not over WebSocket where
 * its record is past in `epoch`, or none: whoever has an old key of a node's could stand in for it.
 */
export function scoredNodeOf({ nodeIndex, nodeKey, noiseRecord, addresses, score }: DiscoveredNode, epoch: number): ScoredNode {
  const url = addresses.find((address) => /^wss?:/.test(address))
  const { hostname, port, protocol } = new URL(addresses.find((address) => address.startsWith('tls:')) ?? url!)
  const websocket: Pick<NodeAddress, 'websocket'> =
    url === undefined || !isOfToday(noiseRecord, epoch) ? {} : { websocket: { url, noiseRecord } }
  const host = hostname.replace(/^\[|\]$/g, '')
  return { host, port: Number(port) || (protocol === 'wss:' ? 443 : 80), nodeKey, nodeIndex, score, ...websocket }
}

function isOfToday(noiseRecord: Uint8Array, epoch: number): boolean {
  try {
    return decodeNoiseRecord(noiseRecord).notAfterEpoch >= epoch
  } catch {
    return false // it is no record: the document says only that there are 136 bytes
  }
}
