/**
 * Whether a node is well, with a seat and without one: blocks are certified, and it executes them as they come. That it is alive and answers is not
 * enough: one that nobody brings blocks to any more, or that is at last week's, answers as quickly as any.
 */
import { committees, epochRow, NEWEST_VERSION, type Application } from '@selvedge/application'
import { isSameBytes } from '@selvedge/ledger-types'
import type { NodeStanding } from '@selvedge/rpc'

const HEALTHY_MS_MAX = 60_000
/** Blocks below the head in which a certificate is looked for. */
const CERTIFICATE_LAG_MAX = 256

export interface NodeHealthComponents {
  readonly application: Application
  readonly publicKey: Uint8Array
  /** What ails the seat in the order; nothing without a seat, or where nothing does. */
  readonly seatFault: () => string | undefined
  readonly hasSeat: () => boolean
  /** Monotonic, and the time of blocks. */
  readonly clock: { nowMs(): number; unixMs(): number }
}

export interface NodeHealthOptions {
  readonly healthyMsMax?: number
  readonly newestVersion?: number
}

export interface NodeHealth {
  /** To be called with each certificate. */
  onCertificate(height: number): void
  readiness(): { readonly ready: true } | { readonly ready: false; readonly reason: string }
  standing(): NodeStanding
}

export function createNodeHealth(components: NodeHealthComponents, options: NodeHealthOptions): NodeHealth {
  const { application, publicKey, seatFault, hasSeat, clock } = components
  const { healthyMsMax = HEALTHY_MS_MAX, newestVersion = NEWEST_VERSION } = options
  let certifiedHeight = newestCertified(application)
  let certifiedAtMs = clock.nowMs()

  const behindMs = (): number => Math.max(0, clock.unixMs() - application.lastApplied().timestampMs)

  function fault(): string | undefined {
    const ailing = seatFault()
    if (ailing !== undefined) return ailing
    const slowMs = application.lastApplied().timestampMs - clock.unixMs()
    if (slowMs > healthyMsMax) return `the clock of this machine is ${seconds(slowMs)} s behind the ledger's`
    const silentMs = clock.nowMs() - certifiedAtMs
    if (silentMs > healthyMsMax) return `no new block was certified for ${seconds(silentMs)} s`
    return behindMs() > healthyMsMax ? `it is ${seconds(behindMs())} s behind, by the clock of this machine` : undefined
  }

  function seat(): number | undefined {
    if (!hasSeat()) return undefined
    const place = (application.state.get(committees, application.lastApplied().epoch) ?? []).findIndex(({ nodeKey }) =>
      isSameBytes(nodeKey, publicKey),
    )
    return place === -1 ? undefined : place
  }

  return {
    onCertificate(height) {
      if (height <= certifiedHeight) return
      certifiedHeight = height
      certifiedAtMs = clock.nowMs()
    },
    readiness() {
      const reason = fault()
      return reason === undefined ? { ready: true } : { ready: false, reason }
    },
    standing() {
      const inForce = application.state.get(epochRow, null)?.version ?? 0
      return { seat: seat(), certifiedHeight, behindMs: behindMs(), rules: { inForce, newest: newestVersion } }
    },
  }
}

/** Certificates follow execution by a round trip, so the newest is near the head, or what is here is of an earlier life. */
function newestCertified(application: Application): number {
  const { height } = application.lastApplied()
  for (let at = height; at > Math.max(0, height - CERTIFICATE_LAG_MAX); at--) if (application.certificateOf(at) !== undefined) return at
  return 0
}

const seconds = (ms: number): number => Math.floor(ms / 1_000)
