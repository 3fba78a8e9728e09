/**
 * What a node serves content with, put together: the store, what is kept in it and for whom, what fetches into it, what leaves it, and the service that
 * decides. Stopped the other way round.
 */
import type { Blockstore } from '@selvedge/blockstore'
import { createFetcher, type FetchEvent } from '@selvedge/fetcher'
import { createIpfsOrigin } from '@selvedge/origin-ipfs'
import type { LogPort } from '@selvedge/sdk'
import { createCdn } from '@selvedge/service-cdn'
import { join } from 'node:path'
import { PinBook } from '../pins/pin-book.ts'
import { ContentUses } from './content-uses.ts'
import { createEviction, type Eviction, type EvictionEvent } from './eviction.ts'
import type { OwnContent } from './import-file.ts'
import type { NodeStatus } from './node-status.ts'
import { ReadGuard } from './read-guard.ts'
import { createServedContent, type ServedContent } from './served-content.ts'
import { storeWithRoom } from './store-with-room.ts'

export interface ContentServiceOptions {
  readonly dataDir: string
  readonly origins: readonly string[]
  /** Undefined: the store has no bound, and nothing leaves it. */
  readonly storeBytesMax: number | undefined
  /** The ledger's, as far as the node knows; 0 where it knows of none. */
  readonly epoch: () => bigint
  readonly log: LogPort
  readonly onEviction: (event: EvictionEvent) => void
  readonly onError: ((error: unknown) => void) | undefined
}

export interface ContentService {
  readonly content: ServedContent
  readonly pins: PinBook
  readonly own: OwnContent
  status(): NodeStatus
  /** Does not stop the store. */
  stop(): Promise<void>
}

export const pinsPathOf = (dataDir: string): string => join(dataDir, 'pins')

/** @param store - started. @throws {NodeError} `NODE_PIN_FILE`, `NODE_DATA_FOLDER` */
export async function openContentService(store: Blockstore, options: ContentServiceOptions): Promise<ContentService> {
  const { dataDir, origins, storeBytesMax, epoch, log, onError } = options
  const pinnedBytesMax = storeBytesMax === undefined ? undefined : Math.floor(storeBytesMax / 2)
  const pins = await PinBook.open({ folder: pinsPathOf(dataDir), epoch, pinnedBytesMax, onError })
  const uses = new ContentUses()
  const eviction = storeBytesMax === undefined ? undefined : evictionOf(storeBytesMax)
  const origin = origins.length === 0 ? undefined : createIpfsOrigin({}, { gateways: origins }) // parsed before: it does not throw
  const fetcher = createFetcher(
    { store: eviction === undefined ? store : storeWithRoom(store, eviction), origins: origin ? [origin] : [] },
    { onEvent: (event) => void fetched(event) },
  )
  const guard = new ReadGuard({ source: fetcher, store })
  const held = { open: (root: Uint8Array) => guard.openRoot(root), entity: store.entity.bind(store) }
  const content = createServedContent({ service: createCdn(), source: guard, store: held, log, pins, uses })
  eviction?.look()

  function evictionOf(bytesMax: number): Eviction {
    return createEviction(
      {
        store,
        uses,
        isKept: (root) => pins.isKept(root),
        remove: (root) => guard.remove(root, () => pins.isKept(root)),
        worthOf: (addresses, about) => content.worthOf(addresses, about),
      },
      { storeBytesMax: bytesMax, onEvent: options.onEviction, onError },
    )
  }

  /** Under which name it came is known now, and so is its root. */
  async function fetched(event: FetchEvent): Promise<void> {
    if (event.type !== 'fetchEnded') return
    try {
      const { root } = (event.scope === 'entity' ? await store.entity(event.cid) : undefined) ?? {}
      if (root !== undefined) uses.note(root, { kind: 'cid', bytes: event.cid.bytes })
    } catch (error) {
      onError?.(error)
    }
    eviction?.look()
  }

  return {
    content,
    pins,
    own: {
      makeRoom: async (bytes) => await eviction?.makeRoom(bytes),
      async keep(root, size) {
        const keep = async (): Promise<boolean> => {
          if (!(await store.has(root))) return false
          await pins.keepOwn(root, size)
          return true
        }
        return await (eviction === undefined ? keep() : eviction.between(keep))
      },
    },
    status: () => ({ service: content.usage, store: { usedBytes: store.usedBytes, bytesMax: storeBytesMax }, pins: pins.counts }),
    async stop() {
      await eviction?.stop() // fetches may be waiting for room
      await fetcher.stop()
      await origin?.stop()
      await pins.stop()
    },
  }
}
