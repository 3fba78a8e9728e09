/** A real store with a bound, on disk, with the real service over it. */
import { createBlockstore, type Blockstore } from '@selvedge/blockstore'
import { encodeRequest } from '@selvedge/content'
import type { Session } from '@selvedge/sdk'
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type ContentService, openContentService } from '../src/compose/content-service.ts'
import type { EvictionEvent } from '../src/compose/eviction.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

export const MIB: number = 2 ** 20
export const CONTENT_BYTES = 400_000
export const GUEST: Session = { sessionId: new Uint8Array(16), account: undefined }
/** Eight contents are less than eight tenths of it, nine are more; a tenth would be more than nine tenths. */
export const STORE_BYTES: number = 4 * MIB

export interface World {
  readonly store: Blockstore
  readonly service: ContentService
  readonly events: EvictionEvent[]
  readonly errors: unknown[]
  readonly folder: string
  epoch: bigint
  /** Puts random content by root. */
  put(seed: number, bytes?: number): Promise<Uint8Array>
  /** Asks for content and takes all of it. */
  read(root: Uint8Array, times?: number): Promise<void>
  /** Those of the roots that are in the store, by their place. */
  here(roots: readonly Uint8Array[]): Promise<number[]>
  readonly evicted: readonly string[]
}

export async function worldOf(storeBytesMax: number = STORE_BYTES): Promise<World> {
  const folder = await scratchFolder()
  const store = createBlockstore({}, { path: join(folder, 'store'), quotaBytes: storeBytesMax })
  await store.start()
  const events: EvictionEvent[] = []
  const errors: unknown[] = []
  const world = {
    epoch: 5n,
    async put(seed: number, bytes = CONTENT_BYTES) {
      return (await store.put(new Blob([new Uint8Array(sampleBytes(bytes, seed))]).stream())).root
    },
    async read(root: Uint8Array, times = 1) {
      for (let i = 0; i < times; i++) {
        const { body } = await service.content.serve(requestOf(root), { signal: new AbortController().signal, session: GUEST })
        for await (const part of body) expect(part.length).toBeGreaterThan(0)
      }
    },
    async here(roots: readonly Uint8Array[]) {
      const held = await Promise.all(roots.map((root) => store.has(root)))
      return held.flatMap((isHeld, i) => (isHeld ? [i] : []))
    },
    get evicted() {
      return events.flatMap((event) => (event.type === 'evicted' ? [hex(event.root)] : []))
    },
  }
  const service = await openContentService(store, {
    dataDir: folder,
    origins: [],
    storeBytesMax,
    epoch: () => world.epoch,
    log: () => {},
    onEviction: (event) => events.push(event),
    onError: (error) => errors.push(error),
  })
  onTestFinished(async () => {
    await service.stop()
    await store.stop()
  })
  return Object.assign(world, { store, service, events, errors, folder })
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export function requestOf(address: Uint8Array | CID): Uint8Array {
  const flags = { head: false, mappingProof: false, outboardOnly: false, scope: 'entity', traceparent: new Uint8Array(0) } as const
  const asked =
    address instanceof Uint8Array
      ? ({ kind: 'root', address, modes: ['blake3'] } as const)
      : ({ kind: 'cid', address: address.bytes, modes: ['proof'] } as const)
  return encodeRequest({ ...asked, ...flags, ranges: ChunkRanges.all })
}
