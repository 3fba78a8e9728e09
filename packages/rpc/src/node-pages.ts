/** What the node says of itself by plain GET: `/health`, `/status`, `/checkpoint/{height|latest}`. */
import { checkpointOfCertificate } from '@selvedge/ledger-types'
import { hexOf } from './hex.ts'
import { jsonValueOf } from './json-value.ts'
import type { LedgerView, NodeView } from './ports.ts'

/** Blocks whose pace tells how many are missing. */
const PACE_BLOCKS = 64
/** Blocks below the head in which `latest` looks for a certificate. */
const CERTIFICATE_LAG_MAX = 256

export interface Page {
  readonly status: number
  readonly body: unknown
}

export interface NodePages {
  /** What the node is; 200 while it executes blocks as they come, else 503 with the reason. */
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
    states: ledger.statesHeld(),
    oldestSeq: ledger.oldestSeq(),
    nextSeq: ledger.nextSeq(),
    peers: node.peerCount(),
    ...standingOf(ledger, node),
    ready: readiness.ready,
    ...(readiness.ready ? {} : { reason: readiness.reason }),
  }) as Readonly<Record<string, unknown>>
}

/** Nobody says how many blocks there are elsewhere and is to be believed: what is missing is reckoned by the pace of the last ones. */
function standingOf(ledger: LedgerView, node: NodeView): Readonly<Record<string, unknown>> {
  const standing = node.standing?.()
  if (standing === undefined) return {}
  const { seat, certifiedHeight, behindMs, rules } = standing
  const { height, timestampMs } = ledger.head()
  const before = ledger.header(Math.max(ledger.oldestHeight(), height - PACE_BLOCKS))
  const blockMs =
    before === undefined || before.height === height ? undefined : (timestampMs - before.timestampMs) / (height - before.height)
  const blocks = blockMs === undefined || blockMs <= 0 ? null : Math.floor(behindMs / blockMs)
  return { seat: seat ?? null, certifiedHeight, behind: { blocks, seconds: Math.floor(behindMs / 1_000) }, rules }
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
      const { height, epoch } = ledger.head()
      const body = { ...readiness, height, epoch, ...standingOf(ledger, node), version: clientVersion }
      return { status: readiness.ready ? 200 : 503, body }
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
