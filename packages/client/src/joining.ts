/** A client that reads with what another one pays: its sessions join the other's, and what it verifies is told to him. */
import { type HolderReport, joinSession, type JoinedSession } from '@selvedge/handshake/sharing'
import type { ClientOptions } from './client.ts'
import type { Access } from './client-sharing.ts'
import { webSocketDialOf } from './connect.ts'
import type { ConnectOptions, SessionPort } from './ports.ts'

export interface JoiningOptions {
  /** Tells whose access it is what was verified, in order: for the `takeReport` of his `Share`. A report may be cloned. Throws nothing. */
  readonly report: (report: HolderReport) => void
  /** Over WebSocket though there is TLS. @default false */
  readonly isOverWebSocket?: boolean | undefined
}

/**
 * Options of a client that reads with the access that another client gave. It has no account, and one node; it pays nothing itself and signs for nothing.
 * @example const client = createClient(joining(access, { report: (report) => port.postMessage(report) }))
 */
export function joining(
  { node, chainId, token }: Access,
  { report, isOverWebSocket = false }: JoiningOptions,
): Pick<ClientOptions, 'nodes' | 'chainId' | 'connect'> {
  const joinBy = async (options: ConnectOptions): Promise<JoinedSession> => {
    const { host, port, nodeKey, signal } = options
    const common = { nodeKey, chainId, token, report, ...(signal === undefined ? {} : { signal }) }
    try {
      if (!isOverWebSocket) return await joinSession({ host, port, ...common })
    } catch (error) {
      const hasNoTls = (error as { code?: unknown }).code === 'HANDSHAKE_NO_CARRIER'
      if (!hasNoTls || options.websocket === undefined) throw error
    }
    return await joinSession({ carrier: await webSocketDialOf(options)(signal), ...common })
  }
  return { nodes: [node], chainId, connect: async (options) => portOf(await joinBy(options)) }
}

/** The session tells its owner what it is told itself. */
function portOf(session: JoinedSession): SessionPort {
  return {
    openLane: (options) => session.openLane(options),
    settle: () => session.settle(),
    close: () => session.close(),
    payer: session,
    closed: session.closed,
    get goaway() {
      return session.goaway
    },
  }
}
