/** A ledger with its snapshots, served over sockets by honest nodes and by liars, and a joiner with everything it needs. */
import {
  createLocalSource,
  createMemoryFiles,
  createSnapshotServer,
  createJoiner,
  type Joiner,
  type JoinerOptions,
  type SnapshotCache,
  type SyncSource,
} from '@selvedge/synchronizer'
import { dialSync, listenSync, type SyncListener } from '@selvedge/synchronizer/net'
import { createMemoryStore } from '@selvedge/verified-streaming'
import { CHAIN_ID, committeeOf, TestLedger, TestState } from './ledger.ts'

export interface World extends AsyncDisposable {
  readonly ledger: TestLedger
  readonly honest: SyncSource
  /** Serves what `change` makes of the honest source, and gives the joiner's end of it. */
  serve(name: string, change?: Partial<SyncSource>): Promise<SyncSource>
}

export async function createWorld(blocks: number, valueBytes?: number): Promise<World> {
  const snapshots = createSnapshotServer({ files: createMemoryFiles() })
  await snapshots.start()
  const ledger = new TestLedger(snapshots, valueBytes)
  await ledger.run(blocks)
  const honest = createLocalSource({ chain: ledger, snapshots })
  const listeners: SyncListener[] = []
  return {
    ledger,
    honest,
    async serve(name, change = {}) {
      const listener = await listenSync({ ...honest, ...change })
      listeners.push(listener)
      return dialSync({ host: '127.0.0.1', port: listener.port }, { name })
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) await listener.stop()
    },
  }
}

export function createMemoryCache(): SnapshotCache & { saved: Uint8Array | undefined } {
  const cache = {
    store: createMemoryStore(),
    saved: undefined as Uint8Array | undefined,
    loadState: async () => cache.saved,
    async saveState(state: Uint8Array) {
      cache.saved = state
    },
  }
  return cache
}

export function joinerOf(
  sources: readonly SyncSource[],
  options: Partial<JoinerOptions> & { readonly cache?: SnapshotCache; readonly epoch?: number } = {},
): { readonly joiner: Joiner; readonly state: TestState } {
  const { cache = createMemoryCache(), epoch = 0, ...rest } = options
  const state = new TestState()
  const pinned = { chainId: CHAIN_ID, epoch, committee: committeeOf(epoch) }
  return { state, joiner: createJoiner({ sources, cache, executor: state }, { pinned, ...rest }) }
}
