/** How a node without a seat gets and keeps the state: from strangers, checked by what it pins. */
import { hasState, type Application, type KeyValueStore, type StateImport } from '@selvedge/application'
import { committeeOfGenesis, isSameBytes, type ArchivedBlock, type Digest, type Genesis } from '@selvedge/ledger-types'
import {
  BLOCK_MS_MAX,
  createJoiner,
  followBlocks,
  type FollowedBlock,
  type Joined,
  REQUEST_MS_MAX,
  SourceBook,
  STRIKES_MAX,
  type SyncSource,
} from '@selvedge/synchronizer'
import { createLightClient } from '@selvedge/ledger-types/light-client'
import { openSnapshotCache } from '@selvedge/synchronizer/folder'
import { dialSync } from '@selvedge/synchronizer/net'
import { setTimeout as sleep } from 'node:timers/promises'
import { committeeAt } from './committee-at.ts'

/** Until sources are asked again for a snapshot that none of them has yet. */
const AGAIN_MS = 1_000

export interface Follower {
  /**
   * Takes over the newest certified state when the store has none and genesis gives this node no seat; waits for a snapshot as long as it
   * takes. @returns `undefined` when there is a state already, or genesis is where it begins.
   * @throws the reason of `signal`.
   */
  joinIfNew(store: KeyValueStore, createImport: () => StateImport, signal: AbortSignal): Promise<Joined | undefined>
  /** Executes certified blocks from where `application` stands. Ends by `signal`, or when the caller stops. */
  follow(
    application: Application,
    execute: (block: ArchivedBlock, height: number) => Promise<Digest>,
    signal: AbortSignal,
  ): AsyncGenerator<FollowedBlock, void, undefined>
}

/** @param publicKey - this node's key. @param addresses - who is asked; nobody is believed. */
export function createFollower(
  genesis: Genesis,
  publicKey: Uint8Array,
  addresses: readonly { readonly host: string; readonly port: number }[],
  folder: string,
): Follower {
  const sources: readonly SyncSource[] = addresses.map((address) => dialSync(address))
  const { chainId } = genesis

  return {
    async joinIfNew(store, createImport, signal) {
      const committee = committeeOfGenesis(genesis)
      const isSeated = committee.some(({ key }) => isSameBytes(key, publicKey))
      if (isSeated || sources.length === 0 || hasState(store)) return undefined
      const executor = { execute: () => Promise.reject(new Error('nothing is executed before the state is there')) }
      const cache = await openSnapshotCache(folder)
      try {
        for (;;) {
          const joiner = createJoiner({ sources, cache, executor }, { pinned: { chainId, epoch: 0, committee } })
          try {
            return await joiner.join(createImport(), { signal })
          } catch (error) {
            if (!isNotYet(error)) throw error
            await sleep(AGAIN_MS, undefined, { signal })
          }
        }
      } finally {
        await cache.close()
      }
    },
    async *follow(application, execute, signal) {
      const { epoch, height, blockDigest } = application.lastApplied()
      const client = createLightClient({ chainId, epoch, committee: committeeAt(application, epoch) })
      const book = new SourceBook(sources, { strikesMax: STRIKES_MAX, msMax: REQUEST_MS_MAX })
      yield* followBlocks({ client, book, executor: { execute } }, { height, digests: [blockDigest] }, { signal, blockMsMax: BLOCK_MS_MAX })
    },
  }
}

function isNotYet(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code
  return code === 'SYNCHRONIZER_NO_SNAPSHOT' || code === 'SYNCHRONIZER_NO_SOURCE'
}
