/** What the node says of itself by plain GET: `/health`, `/status`, `/checkpoint/{height|latest}`. */
import { checkpointOfCertificate } from '@selvedge/ledger-types'
import { hexOf } from './hex.ts'
import { jsonValueOf } from './json-value.ts'
import type { LedgerView, NodeView } from './ports.ts'

/** Blocks below the head in which `latest` looks for a certificate. */
const CERTIFICATE_LAG_MAX = 256

export interface Page {
  readonly status: number
  readonly body: unknown
}

export interface NodePages {
  /** 200 while the node executes blocks as they come, else 503 with the reason. */
  health(): Page
  status(): Page
  checkpoint(height: string): Page
}

/** As `selvedge_nodeInfo` answers. */
export function nodeInfoOf(ledger: LedgerView, node: NodeView, clientVersion: string): Readonly<Record<string, unknown>> {
  const { height, digest, epoch, timestampMs, stateRoot } = ledger.head()
  const readiness = node.readiness()
  return jsonValueOf({
    version: clientVersion,
    chainId: ledger.chainId,
    genesisHash: ledger.genesisHash,
    epoch,
    head: { height, digest, timestampMs, stateRoot },
    oldestHeight: ledger.oldestHeight(),
    oldestSeq: ledger.oldestSeq(),
    nextSeq: ledger.nextSeq(),
    peers: node.peerCount(),
    ready: readiness.ready,
    ...(readiness.ready ? {} : { reason: readiness.reason }),
  }) as Readonly<Record<string, unknown>>
}

/** The certificate of a height, or the newest there is; certificates follow execution by a round trip. */
export function certificateAt(ledger: LedgerView, height: number | 'latest'): Readonly<Record<string, unknown>> | undefined {
  const head = ledger.head().height
  const first = height === 'latest' ? head : height
  const last = height === 'latest' ? first - CERTIFICATE_LAG_MAX : first
  for (let at = first; at >= last && at >= 0; at--) {
    const certificate = ledger.certificate(at)
    if (certificate === undefined) continue
    return { height: at, certificate: hexOf(certificate), checkpoint: jsonValueOf(checkpointOfCertificate(certificate)) }
  }
  return undefined
}

export function createNodePages(ledger: LedgerView, node: NodeView, clientVersion: string): NodePages {
  return {
    health() {
      const readiness = node.readiness()
      return { status: readiness.ready ? 200 : 503, body: readiness }
    },
    status: () => ({ status: 200, body: nodeInfoOf(ledger, node, clientVersion) }),
    checkpoint(name) {
      const isHeight = /^(?:0|[1-9][0-9]{0,14})$/.test(name)
      if (name !== 'latest' && !isHeight) return { status: 400, body: { error: 'a height in decimal, or latest' } }
      const found = certificateAt(ledger, isHeight ? Number(name) : 'latest')
      return found === undefined ? { status: 404, body: { error: 'no certificate of that height here' } } : { status: 200, body: found }
    },
  }
}
