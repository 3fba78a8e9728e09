/** How a node without a seat gets and keeps the state: from strangers, checked by what it pins. */
import { hasState, type Application, type KeptEpochProof, type KeyValueStore } from '@selvedge/application'
import { committeeOfGenesis, isSameBytes, type ArchivedBlock, type Digest, type Genesis, type SnapshotEntry } from '@selvedge/ledger-types'
import { createLightClient } from '@selvedge/ledger-types/light-client'
import {
  BLOCK_MS_MAX,
  createJoiner,
  followBlocks,
  type FollowedBlock,
  type Joined,
  REQUEST_MS_MAX,
  SourceBook,
  type StateImporter,
  STRIKES_MAX,
  SynchronizerError,
  type SyncSource,
} from '@selvedge/synchronizer'
import { openSnapshotCache } from '@selvedge/synchronizer/folder'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { NodeError } from '../errors.ts'
import { committeeAt } from './committee-at.ts'
import type { Pin } from './pin.ts'

/** Until sources are asked again for a snapshot that none of them has yet. */
export const AGAIN_MS = 1_000
/** What sources are given to say whether an epoch is over. */
const ASK_MS_MAX = 3_000

export interface JoinedState {
  readonly joined: Joined
  /** What led from the pin to the state's committee. */
  readonly proofs: readonly KeptEpochProof[]
}

/** Begins an import; asked for when all of a state is here and proven, and not before. */
export type BeginImport = () => StateImporter | Promise<StateImporter>

export interface Follower {
  /**
   * Takes over the newest certified state when the store has none. Waits for a snapshot as long as it takes, but a member of the first
   * committee begins at genesis where nobody proves that the first epoch is over.
   * @returns `undefined` when there is a state already, or genesis is where it begins.
   * @throws the reason of `signal`. @throws {NodeError} `NODE_USAGE` for a pin without a source.
   */
  joinIfNew(store: KeyValueStore, beginImport: BeginImport, signal: AbortSignal): Promise<JoinedState | undefined>
  /** Takes over a newer state than `application` has, from where it stands. @returns `undefined` while nobody has one. */
  joinAbove(application: Application, beginImport: BeginImport, signal: AbortSignal): Promise<JoinedState | undefined>
  /** Whether somebody proves that the epoch in which `application` stands is over. */
  isOver(application: Application, signal: AbortSignal): Promise<boolean>
  /**
   * Executes certified blocks from where `application` stands. Ends by `signal`, or when the caller stops.
   * @throws {SynchronizerError} `SYNCHRONIZER_TOO_OLD` when nobody keeps the next block any more.
   */
  follow(
    application: Application,
    execute: (block: ArchivedBlock, height: number) => Promise<Digest>,
    signal: AbortSignal,
  ): AsyncGenerator<FollowedBlock, void, undefined>
}

/** A committee, and where known what its epoch began from. */
type Trusted = Pick<Pin, 'epoch' | 'committee'> & Partial<Pick<Pin, 'start'>>
type Join = (pinned: Trusted, above: number | undefined, beginImport: BeginImport, signal: AbortSignal) => Promise<JoinedState | NotYet>

export interface FollowerOptions {
  /** Trusted in place of genesis' committee by a node that has no state yet. */
  readonly pin?: Pin | undefined
  /** Nobody has a state to take over yet, for these reasons; after each round of asking. */
  readonly onWaiting?: ((reasons: string) => void) | undefined
}

/** @param publicKey - this node's key. @param sources - who is asked; nobody is believed. @param folder - for a state that arrives. */
export function createFollower(
  genesis: Genesis,
  publicKey: Uint8Array,
  sources: readonly SyncSource[],
  folder: string,
  { pin, onWaiting }: FollowerOptions = {},
): Follower {
  const { chainId } = genesis
  const first = committeeOfGenesis(genesis)
  const join: Join = (...about) => joinFrom({ chainId, sources, folder }, ...about)

  return {
    async joinIfNew(store, beginImport, signal) {
      if (hasState(store)) return undefined
      if (sources.length === 0 && pin !== undefined) throw new NodeError('NODE_USAGE', 'a pinned state comes from others: name a source')
      if (sources.length === 0) return undefined
      const mayBeginAtGenesis = pin === undefined && first.some(({ key }) => isSameBytes(key, publicKey))
      const { epoch, committee, start } = pin ?? { epoch: 0, committee: first }
      for (;;) {
        const result = await join({ epoch, committee, ...(start === undefined ? {} : { start }) }, undefined, beginImport, signal)
        if ('joined' in result) return result
        if (mayBeginAtGenesis && !result.isMoved) return undefined
        onWaiting?.(result.reasons)
        await sleep(AGAIN_MS, undefined, { signal })
      }
    },
    async joinAbove(application, beginImport, signal) {
      const { epoch, height } = application.lastApplied()
      const result = await join({ epoch, committee: committeeAt(application, epoch) }, height, beginImport, signal)
      return 'joined' in result ? result : undefined
    },
    async isOver(application, signal) {
      if (sources.length === 0) return false
      const { epoch } = application.lastApplied()
      const client = createLightClient({ chainId, epoch, committee: committeeAt(application, epoch) })
      const book = new SourceBook(sources, { strikesMax: STRIKES_MAX, msMax: ASK_MS_MAX })
      const ask = (source: SyncSource, inner: AbortSignal): Promise<Uint8Array | undefined> => source.epochProof(epoch, { signal: inner })
      return (await book.askAll(signal, 'an epoch proof', ask, (bytes) => client.advance(bytes))) !== undefined
    },
    async *follow(application, execute, signal) {
      const { epoch, height, blockDigest } = application.lastApplied()
      const client = createLightClient({ chainId, epoch, committee: committeeAt(application, epoch) })
      const book = new SourceBook(sources, { strikesMax: STRIKES_MAX, msMax: REQUEST_MS_MAX })
      yield* followBlocks({ client, book, executor: { execute } }, { height, digests: [blockDigest] }, { signal, blockMsMax: BLOCK_MS_MAX })
    },
  }
}

/** Nobody has a state that could be taken over. */
interface NotYet {
  /** Whether epochs were proven all the same. */
  readonly isMoved: boolean
  /** In words, with what ails the sources. */
  readonly reasons: string
}

/** Once: what came stays in the folder until all of it is in the store. */
async function joinFrom(
  { chainId, sources, folder }: { readonly chainId: number; readonly sources: readonly SyncSource[]; readonly folder: string },
  { start, ...pinned }: Trusted,
  above: number | undefined,
  beginImport: BeginImport,
  signal: AbortSignal,
): Promise<JoinedState | NotYet> {
  const proofs: KeptEpochProof[] = []
  const cache = await openSnapshotCache(folder)
  const executor = { execute: () => Promise.reject(new Error('nothing is executed before the state is there')) }
  const faults = new Map<string, string>()
  let isDone = false
  try {
    const joiner = createJoiner(
      { sources, cache, executor },
      {
        pinned: { chainId, ...pinned },
        pinnedStart: start,
        onFault: ({ source, error }) => void faults.set(source, error instanceof Error ? error.message : String(error)),
        onProgress: (progress) => {
          if (progress.type === 'epoch') proofs.push({ epoch: progress.epoch - 1, bytes: progress.proof })
        },
      },
    )
    const joined = await joiner.join(lateImporter(beginImport), { signal, ...(above === undefined ? {} : { above }) })
    isDone = true
    return { joined, proofs }
  } catch (error) {
    if (!isNotYet(error)) throw error
    return { isMoved: proofs.length > 0, reasons: [error.message, ...[...faults].map((fault) => fault.join(': '))].join('; ') }
  } finally {
    await cache.close()
    if (isDone) await rm(folder, { recursive: true, force: true }) // it is in the store now
  }
}

/** Begins with the first rows: what was there before stays until then. */
function lateImporter(beginImport: BeginImport): StateImporter {
  let importer: StateImporter | undefined
  return {
    async add(rows: readonly SnapshotEntry[]) {
      if (rows.length === 0) return
      importer ??= await beginImport()
      await importer.add(rows)
    },
    async finish(expected) {
      importer ??= await beginImport()
      await importer.finish(expected)
    },
  }
}

function isNotYet(error: unknown): error is SynchronizerError {
  return error instanceof SynchronizerError && (error.code === 'SYNCHRONIZER_NO_SNAPSHOT' || error.code === 'SYNCHRONIZER_NO_SOURCE')
}
