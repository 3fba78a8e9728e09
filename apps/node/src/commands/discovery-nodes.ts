/** Nodes for `selvedge get --discovery`: read from a network's signed list, tried, the best first. */
import type { ClientOptions } from '@selvedge/client'
import { discover, discoveryAt, type DiscoveryDocument } from '@selvedge/client/discovery'
import { discoveryInFile } from '@selvedge/client/node'
import { severalNodes } from '@selvedge/client/several-nodes'
import { NodeError } from '../errors.ts'
import { openSeenEpochs } from '../ledger-tools/discovery-seen.ts'

export interface DiscoveryOptions {
  /** A URL (https, or http on this machine) or a file. */
  readonly discovery?: string
  /** 64 hex digits. */
  readonly discoveryKey?: string
  /** Where the newest epoch is kept. */
  readonly data: string
}

/** What nobody has is asked of no more nodes than these. */
const NODES_MAX = 8

/**
 * @param say - hears in one line whom it will be.
 * @throws {NodeError} `NODE_USAGE`, `NODE_OUTPUT`; {ClientError} as `discover`; the reason of `signal`
 */
export async function nodesByDiscovery(
  { discovery, discoveryKey, data }: DiscoveryOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Pick<ClientOptions, 'nodes' | 'chainId' | 'downloads'>> {
  if (discovery === undefined || discoveryKey === undefined || !/^[0-9a-fA-F]{64}$/.test(discoveryKey))
    throw new NodeError(
      'NODE_USAGE',
      '--discovery names a URL or a file, --discovery-key the key of 64 hex digits that has signed it: both',
    )
  const key = new Uint8Array(Buffer.from(discoveryKey, 'hex'))
  const { newest: epochSeen, keep } = await openSeenEpochs(data, key)
  const source = /^https?:\/\//.test(discovery) ? discoveryAt(discovery) : discoveryInFile(discovery)
  const onDocument = (document: DiscoveryDocument): Promise<void> => keep(document.epoch)
  const { document, nodes } = await discover({ source, key, epochSeen, signal, probesMax: NODES_MAX, onDocument })
  const reached = nodes.filter(({ latencyMs }) => latencyMs !== undefined).length
  say(`${document.name}, epoch ${document.epoch}: ${reached} of ${nodes.length} nodes were reached`)
  // A second node takes what the first is slow with; where there is none, nothing is split.
  const downloads = reached > 1 ? { downloads: severalNodes() } : {}
  return { nodes: nodes.slice(0, NODES_MAX), chainId: document.chainId, ...downloads }
}
