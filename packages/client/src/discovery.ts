/** For a client that knows no node: a network's signed list of them, the way to the near and good ones. Runs in browsers. */
export { discover, type DiscoverOptions, type Discovered } from './discovery/discover.ts'
export {
  decodeDiscovery,
  type DiscoveredNode,
  type DiscoveryDocument,
  type DiscoveryRules,
  discoverySigningBytes,
  encodeDiscovery,
  verifyDiscovery,
} from './discovery/document.ts'
export { type RankedNode, rankNodes, type RankOptions, type ScoredNode } from './discovery/ranking.ts'
export { discoveryAt, type DiscoverySource, type SignedDiscovery } from './discovery/source.ts'
