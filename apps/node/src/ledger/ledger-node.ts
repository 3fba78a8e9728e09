/**
 * A node's ledger as one thing that starts and stops: the state on LMDB, and its life on it (ledger-life.ts). A node without a state takes over
 * the newest certified one from strangers; a node that was away for longer than anybody keeps blocks does so again, and its old state stays
 * until all of the new one is here and proven.
 */
import { createStateImport, type Application, type KeptEpochProof } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import type { ValidatorStatus } from '@selvedge/consensus'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createSnapshotServer, type SnapshotServer, type SyncSource } from '@selvedge/synchronizer'
import { openSnapshotFolder } from '@selvedge/synchronizer/folder'
import { dialSync } from '@selvedge/synchronizer/net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NodeError } from '../errors.ts'
import { AGAIN_MS, createFollower, type Follower, type JoinedState } from './follower.ts'
import { LedgerLife } from './ledger-life.ts'
import type { LedgerNodeSettings } from './ledger-settings.ts'

export class LedgerNode {
  readonly #settings: LedgerNodeSettings
  readonly #publicKey: Uint8Array
  readonly #sources: readonly SyncSource[]
  readonly #follower: Follower
  readonly #ending = new AbortController()
  #store: LmdbStore | undefined
  #snapshots: SnapshotServer | undefined
  #life: LedgerLife | undefined
  #starting: Promise<void> = Promise.resolve()
  /** A newer state that is being taken over; `stop` waits for it. */
  #joining: Promise<void> = Promise.resolve()

  constructor(settings: LedgerNodeSettings) {
    const { genesis, seeds, sources = [], folder, pin, onWaiting } = settings
    this.#settings = settings
    this.#publicKey = createKeyPair(seeds.node).publicKey
    this.#sources = sources.map((address) => dialSync(address))
    this.#follower = createFollower(genesis, this.#publicKey, this.#sources, join(folder, 'joining'), { pin, onWaiting })
  }

  get phase(): 'joining' | 'following' | 'ordering' {
    if (this.#life === undefined) return 'joining'
    return this.#life.hasSeat ? 'ordering' : 'following'
  }

  get application(): Application | undefined {
    return this.#life?.application
  }

  /** Of the seat in the order, for logs; nothing without one. */
  get status(): ValidatorStatus | undefined {
    return this.#life?.ordering?.validator.status()
  }

  /** Resolves when the state is there and the node takes part, in the order or behind it. */
  start(): Promise<void> {
    this.#starting = this.#begin()
    return this.#starting
  }

  async #begin(): Promise<void> {
    const { folder } = this.#settings
    const store = createLmdbStore(join(folder, 'state'))
    this.#store = store
    try {
      await this.#open(store, folder)
    } catch (error) {
      this.#store = undefined
      await store.close()
      throw explained(error, folder)
    }
  }

  async #open(store: LmdbStore, folder: string): Promise<void> {
    const state = await this.#follower.joinIfNew(store, () => createStateImport({ store }), this.#ending.signal)
    this.#snapshots = createSnapshotServer({ files: await openSnapshotFolder(join(folder, 'snapshots')) })
    await this.#snapshots.start()
    await this.#live(state, [])
  }

  /** Resolves when each is durable in a batch, or refused. @returns places of those refused. @throws {NodeError} `NODE_BUSY` without a seat. */
  async submit(transactions: readonly Uint8Array[]): Promise<readonly number[]> {
    if (this.#life === undefined) throw new NodeError('NODE_BUSY', 'this node has no state yet')
    return await this.#life.submit(transactions)
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#starting.catch(() => undefined) // its caller hears of it; nothing may open what is closed below
    await this.#joining
    await this.#life?.stop()
    await this.#store?.close()
  }

  /** @param state - what was taken over just now, if anything. @param proofs - what an earlier life had. */
  async #live(state: JoinedState | undefined, proofs: readonly KeptEpochProof[]): Promise<void> {
    this.#ending.signal.throwIfAborted()
    if (state !== undefined) this.#settings.onJoined?.(state.joined)
    const life = new LedgerLife(
      {
        store: this.#store!,
        snapshots: this.#snapshots!,
        follower: this.#follower,
        sources: this.#sources,
        publicKey: this.#publicKey,
        signal: this.#ending.signal,
      },
      this.#settings,
      {
        onTooOld: (error) => {
          this.#joining = this.#joinAgain(life, error).catch((failure: unknown) => this.#fail(failure))
        },
        onFailure: (error) => this.#fail(error),
      },
    )
    life.application.addEpochProofs([...proofs, ...(state?.proofs ?? [])])
    this.#life = life
    try {
      await life.start()
    } catch (error) {
      this.#life = undefined
      throw error
    }
  }

  /** A newer state in place of this one. The life ends when all of it is here, so until then what is old is served and answered. */
  async #joinAgain(life: LedgerLife, cause: unknown): Promise<void> {
    const { signal } = this.#ending
    if (this.#settings.isArchive === true) {
      const message =
        'nobody keeps the block that is next, and an archive is not thrown away for a newer state: name an archive as a source'
      throw new NodeError('NODE_LEFT_BEHIND', message, {}, { cause })
    }
    const store = this.#store!
    let proofs: readonly KeptEpochProof[] = []
    const state = await this.#follower.joinAbove(
      life.application,
      async () => {
        proofs = [...life.application.epochProofs()]
        this.#life = undefined
        await life.stop()
        signal.throwIfAborted() // the old state is whole: it may stay
        return createStateImport({ store })
      },
      signal,
    )
    if (state !== undefined) return await this.#live(state, proofs)
    await sleep(AGAIN_MS, undefined, { signal })
    life.follow() // nobody has a newer state: perhaps somebody has blocks
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return
    this.#settings.onFailure?.(error instanceof Error ? error : new Error(String(error)))
  }
}

/** What a folder of another network is to whoever starts a node on it: the wrong folder, or the wrong genesis file. */
function explained(error: unknown, folder: string): unknown {
  if ((error as { readonly code?: unknown }).code !== 'APPLICATION_FOREIGN_STORE') return error
  const message = `${folder} holds the ledger of another network than the genesis file is of: name the other folder, or the other file`
  return new NodeError('NODE_USAGE', message, { folder }, { cause: error })
}
