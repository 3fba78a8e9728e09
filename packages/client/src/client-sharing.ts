/** What a client does so that others read with what it pays: tokens of its sessions, and what those who use them tell. */
import { CONTENT_SERVICE_ID } from '@selvedge/content'
import { createSharing as createSessionSharing, type HolderReport, type Sharing as SessionSharing } from '@selvedge/handshake/sharing'
import { type NodeAddress, parseNodeAddress, toHex } from './address.ts'
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import { lifeOf } from './life.ts'
import { type NodeLink, raceAbort, stallOf } from './node-link.ts'
import { withinAwakeTime } from './within-awake-time.ts'

export interface ShareOptions {
  /** How long the other side may join and begin to read: 1 to 600 seconds. What it reads by then is read to the end. */
  readonly ttlSeconds: number
  /** What is signed for on account of it at most, in bytes of DATA: behind them the other side gets nothing more. */
  readonly bytesMax: number
  /** Of the client's nodes. @default the one that would be asked first */
  readonly node?: NodeAddress | string | undefined
  readonly signal?: AbortSignal | undefined
}

/** All that the other side needs; it may be cloned (`postMessage`, `structuredClone`). Whoever has it reads what this client pays for. */
export interface Access {
  readonly node: NodeAddress
  readonly chainId: number
  /** 48 bytes. */
  readonly token: Uint8Array
}

export interface Share {
  readonly access: Access
  /**
   * What the other side tells, in order: what it verified is signed for. Nothing happens when the session is over, or after `end()`.
   * @throws {ClientError} `CLIENT_BAD_ARGUMENT`: no report, or too many lanes that are not over
   */
  takeReport(report: HolderReport): void
  /** The other side is gone for good: nothing more is signed for of what it had. */
  end(): void
}

/** For `ClientOptions.sharing`. */
export interface ClientSharing {
  /**
   * A token of the session with a node, which is opened where there is none. It ends with its time, with that session, and when the same account's key opens
   * another session there.
   * @throws {ClientError} `CLIENT_BAD_ARGUMENT`, `CLIENT_CLOSED`, `CLIENT_UNREACHABLE`, `CLIENT_INTERRUPTED`; the reason of `options.signal`
   */
  share(options: ShareOptions): Promise<Share>
  /** The client's own call. @throws {ClientError} `CLIENT_BAD_ARGUMENT`: it is another client's */
  begin(links: () => readonly NodeLink[], chainId: number): void
  /** The client's own call: what one session is shared with. */
  openSession(): SessionSharing
}

/** Connections under which the holder of one token has told something; of more the oldest are over long since. */
const HOLDERS_MAX = 64

/** @example const client = createClient({ nodes, account, sharing }) */
export function createSharing(): ClientSharing {
  return new OwnSharing()
}

class OwnSharing implements ClientSharing {
  #client: { readonly links: () => readonly NodeLink[]; readonly chainId: number } | undefined

  begin(links: () => readonly NodeLink[], chainId: number): void {
    if (this.#client !== undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', 'a sharing is of one client')
    this.#client = { links, chainId }
  }

  openSession(): SessionSharing {
    return createSessionSharing()
  }

  async share({ node, ttlSeconds, bytesMax, signal }: ShareOptions): Promise<Share> {
    const { links, chainId } = this.#client ?? {}
    if (links === undefined || chainId === undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', 'no client was made with this sharing')
    signal?.throwIfAborted()
    const link = linkOf(links(), node)
    if (link.kept.isClosed) throw new ClientError('CLIENT_CLOSED', 'the client is closed')
    const { life, release } = lifeOf(signal)
    const { name, stallTimeoutMs, time } = link
    const asking = tokenAt(link, { ttlSeconds, bytesMax, signal: life.signal })
    try {
      const { token, sharing } = await withinAwakeTime(asking, stallTimeoutMs, time, () => {
        const error = stallOf(name, stallTimeoutMs)
        life.abort(error) // it is not waited for any more
        return error
      })
      return shareOf({ node: plain(link.kept.address), chainId, token }, sharing)
    } catch (error) {
      throw asClientError(error, link, life.signal)
    } finally {
      release()
    }
  }
}

function linkOf(links: readonly NodeLink[], node: NodeAddress | string | undefined): NodeLink {
  const key = node === undefined ? undefined : toHex((typeof node === 'string' ? parseNodeAddress(node) : node).nodeKey)
  const link = links.find(({ kept }) => key === undefined || toHex(kept.address.nodeKey) === key)
  if (link === undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', `the client has no node with the key ${key}`)
  return link
}

/** What may be cloned, whatever else the caller's object holds: `slice` of a Buffer is a view, and its clone would take the memory along that it shares with others. */
function plain({ host, port, nodeKey, websocket }: NodeAddress): NodeAddress {
  const address = { host, port, nodeKey: Uint8Array.from(nodeKey) }
  return websocket === undefined
    ? address
    : { ...address, websocket: { url: websocket.url, noiseRecord: Uint8Array.from(websocket.noiseRecord) } }
}

type Asked = Pick<ShareOptions, 'ttlSeconds' | 'bytesMax'> & { readonly signal: AbortSignal }

async function tokenAt({ kept, name }: NodeLink, asked: Asked): Promise<{ readonly token: Uint8Array; readonly sharing: SessionSharing }> {
  const { session, purse } = kept.open()
  try {
    await raceAbort(session, asked.signal)
  } catch (cause) {
    if (asked.signal.aborted) throw asked.signal.reason
    throw new ClientError('CLIENT_UNREACHABLE', `${name}: ${(cause as Error).message}`, { node: name }, { cause })
  }
  const sharing = purse!.sharing! // a client that shares has an account
  try {
    return { sharing, token: await sharing.requestToken({ serviceId: CONTENT_SERVICE_ID, scope: 'read', ...asked }) }
  } catch (error) {
    throw asBadArgument(error)
  }
}

function shareOf(access: Access, sharing: SessionSharing): Share {
  const holders = new Set<string>()
  let isOver = false
  return {
    access,
    takeReport(report) {
      if (isOver) return
      try {
        sharing.takeReport(report)
      } catch (error) {
        throw asBadArgument(error)
      }
      holders.add(report.holder)
      const [oldest] = holders
      if (holders.size > HOLDERS_MAX) holders.delete(oldest!)
    },
    end() {
      isOver = true
      for (const holder of holders) sharing.takeReport({ type: 'gone', holder })
      holders.clear()
    },
  }
}

/** What the session calls the caller's mistake, the client calls so too. */
function asBadArgument(error: unknown): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string }
  return code === 'HANDSHAKE_BAD_ARGUMENT' ? new ClientError('CLIENT_BAD_ARGUMENT', String(message), {}, { cause: error }) : error
}
