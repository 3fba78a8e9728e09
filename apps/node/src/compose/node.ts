/**
 * A node: the one place where its rooms meet. Storage first, then what fetches into it, then the doors; stopped the other way round.
 */
import { createBlockstore, type Blockstore } from '@selvedge/blockstore'
import { createContentServer } from '@selvedge/content'
import type { KeyPair } from '@selvedge/crypto'
import { createFetcher } from '@selvedge/fetcher'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createIpfsOrigin } from '@selvedge/origin-ipfs'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { serveLane, type LaneEvent } from './lane-service.ts'

export interface NodeOptions {
  /** Folder of the store and of the key. */
  readonly dataDir: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Trustless gateways to fetch from, in this order. Only these are ever asked. */
  readonly origins: readonly string[]
  readonly chainId?: number
  readonly onLane?: (event: LaneEvent) => void
  readonly onRecovery?: (event: object) => void
}

export interface RunningNode {
  readonly nodeKey: Uint8Array
  readonly host: string
  readonly port: number
  readonly store: Blockstore
  /** Ends lanes and sessions, then closes the store. May be called twice. */
  stop(): Promise<void>
}

const CHAIN_ID = 1337

export const storePathOf = (dataDir: string): string => join(dataDir, 'store')
export const keyPathOf = (dataDir: string): string => join(dataDir, 'node.key')

/** Listens when it resolves. @throws {NodeError} `NODE_BUSY`, `NODE_LISTEN` */
export async function startNode(identity: KeyPair, options: NodeOptions): Promise<RunningNode> {
  const { dataDir, host, port, origins, chainId = CHAIN_ID, onLane = () => {}, onRecovery = () => {} } = options
  const store = await openStore(dataDir, onRecovery)
  const running = new Set<Promise<void>>()
  try {
    const origin = origins.length === 0 ? undefined : createIpfsOrigin({}, { gateways: origins })
    const fetcher = createFetcher({ store, origins: origin === undefined ? [] : [origin] })
    const content = createContentServer({ source: fetcher })
    const server = createSessionServer(
      {
        identity,
        onLane(request) {
          const serving = serveLane(content, request, onLane)
          running.add(serving)
          void serving.finally(() => running.delete(serving))
        },
      },
      { host, port, chainId },
    )
    const bound = await listening(server.start(), host, port)
    return {
      nodeKey: identity.publicKey,
      host,
      port: bound.port,
      store,
      async stop() {
        await server.stop()
        await Promise.all(running)
        await fetcher.stop()
        await origin?.stop()
        await store.stop()
      },
    }
  } catch (error) {
    await store.stop()
    throw error
  }
}

/** The store of `dataDir`, started. @throws {NodeError} `NODE_BUSY` where another process has it. */
export async function openStore(dataDir: string, onRecovery: (event: object) => void = () => {}): Promise<Blockstore> {
  const store = createBlockstore({}, { path: storePathOf(dataDir), onRecovery })
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
