/**
 * A node: the one place where its rooms meet. Storage first, then what fetches into it, then the doors; stopped the other way round.
 */
import { createBlockstore, type Blockstore, type CompactionEvent } from '@selvedge/blockstore'
import type { KeyPair } from '@selvedge/crypto'
import type { NodePayments } from '@selvedge/handshake'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createWebSocketDoor } from '@selvedge/handshake/websocket-server'
import type { LogPort } from '@selvedge/sdk'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { withPins } from '../pins/pin-meter.ts'
import { openContentService } from './content-service.ts'
import type { EvictionEvent } from './eviction.ts'
import type { OwnContent } from './import-file.ts'
import { serveLane, type LaneEvent } from './lane-service.ts'
import type { NodeStatus } from './node-status.ts'

export interface NodeOptions {
  /** Folder of the store and of the key. */
  readonly dataDir: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Trustless gateways to fetch from, in this order. Only these are ever asked. */
  readonly origins: readonly string[]
  /** Bytes that the store may hold: above 90 % of it, what is worth least and paid for by nobody leaves. @default no bound */
  readonly storeBytesMax?: number | undefined
  readonly chainId?: number
  /** Who lets paying clients in and stops them; without it all are guests. */
  readonly payments?: NodePayments
  /** A second door, for pages. */
  readonly websocket?: {
    /** 0: any free one. */
    readonly port: number
    /** Of the key in the node's signed record, 32 bytes. */
    readonly x25519Secret: Uint8Array
  }
  /** Sessions at once. @default 3,840: of 4,096 connections the rest are for those who hear that it is full */
  readonly maxSessions?: number
  /** Indices of nodes that clients are sent to when it is full or stops, at most 16. @default nobody is named */
  readonly others?: () => readonly number[]
  readonly onLane?: (event: LaneEvent) => void
  /** Hears what services log. */
  readonly onServiceLog?: LogPort
  /** Hears of what left the store, and when no more can. */
  readonly onEviction?: (event: EvictionEvent) => void
  /** Hears of what the books threw at a client's HELLO, such as a full disk, and of what went wrong with pins and eviction. The node goes on. */
  readonly onError?: (error: unknown) => void
  readonly onRecovery?: (event: object) => void
}

export interface RunningNode {
  readonly nodeKey: Uint8Array
  readonly host: string
  readonly port: number
  /** Of the door for pages. */
  readonly websocketPort: number | undefined
  readonly store: Blockstore
  readonly own: OwnContent
  status(): NodeStatus
  /** Ends lanes and sessions, then closes the store. May be called twice. */
  stop(): Promise<void>
}

const CHAIN_ID = 1337
const SESSIONS_MAX = 3_840

export const storePathOf = (dataDir: string): string => join(dataDir, 'store')
export const keyPathOf = (dataDir: string): string => join(dataDir, 'node.key')

/** Listens when it resolves. @throws {NodeError} `NODE_BUSY`, `NODE_LISTEN`, `NODE_PIN_FILE`, `NODE_DATA_FOLDER` */
export async function startNode(identity: KeyPair, options: NodeOptions): Promise<RunningNode> {
  const {
    dataDir,
    host,
    port,
    origins,
    storeBytesMax,
    chainId = CHAIN_ID,
    payments,
    websocket,
    maxSessions = SESSIONS_MAX,
    others,
    onLane = () => {},
    onServiceLog: log = () => {},
    onEviction = () => {},
    onError,
    onRecovery = () => {},
  } = options
  const store = await openStore(dataDir, onRecovery, storeBytesMax, onError)
  /** What was made so far, in that order; stopped from the end. */
  const made: { stop(): Promise<unknown> }[] = [store]
  const stop = async (): Promise<void> => {
    for (const part of made.toReversed()) await part.stop()
  }
  try {
    const epoch = (): bigint => payments?.place.epoch ?? 0n
    const service = await openContentService(store, { dataDir, origins, storeBytesMax, epoch, log, onEviction, onError })
    made.push(service)
    const running = new Set<Promise<void>>()
    made.push({ stop: () => Promise.all(running) })
    const server = createSessionServer(
      {
        identity,
        onLane(request) {
          const serving = serveLane(service.content, request, onLane)
          running.add(serving)
          void serving.finally(() => running.delete(serving))
        },
        payments: payments && withPins(payments, service.pins),
        others,
        onError,
      },
      { host, port, chainId, maxSessions },
    )
    made.push(server)
    const bound = await listening(server.start(), host, port)
    const nodeKey = identity.publicKey
    const components = websocket && { server, x25519Secret: websocket.x25519Secret, nodeKey, chainId }
    const door = components && createWebSocketDoor(components, { host, port: websocket.port })
    if (door !== undefined) made.push(door)
    const page = door && (await listening(door.start(), host, websocket.port))
    const { own, status } = service
    return { nodeKey, host, port: bound.port, websocketPort: page?.port, store, own, status, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The store of `dataDir`, started. @throws {NodeError} `NODE_BUSY` where another process has it. */
export async function openStore(
  dataDir: string,
  onRecovery: (event: object) => void = () => {},
  quotaBytes: number = Number.MAX_SAFE_INTEGER,
  onError?: (error: unknown) => void,
): Promise<Blockstore> {
  const onCompaction = (event: CompactionEvent): void => {
    if (event.type === 'damaged') onRecovery(event)
    else if (event.type === 'failed') onError?.(event.error)
  }
  const store = createBlockstore({}, { path: storePathOf(dataDir), onRecovery, onCompaction, quotaBytes })
  try {
    await store.start()
    return store
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'BLOCKSTORE_LOCKED') {
      throw new NodeError('NODE_BUSY', `${dataDir} is in use: ${(cause as Error).message}`, { dataDir }, { cause })
    }
    throw cause
  }
}

async function listening<T>(starting: Promise<T>, host: string, port: number): Promise<T> {
  try {
    return await starting
  } catch (cause) {
    throw new NodeError('NODE_LISTEN', `cannot listen on ${host}:${port}: ${(cause as Error).message}`, { host, port }, { cause })
  }
}
