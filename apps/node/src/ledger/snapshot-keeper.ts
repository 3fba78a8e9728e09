/**
 * Hashes the state of each final block while blocks go on, one after the other, the oldest first. What an earlier life did not come to its end
 * with is found in the state machine, which holds on to it: a root that was not given is made again.
 */
import type { Application } from '@selvedge/application'
import type { SnapshotServer } from '@selvedge/synchronizer'

/** A checkpoint that can be signed later than its block was executed. */
export interface LateCheckpoint {
  readonly epoch: number
  readonly height: number
  readonly bytes: Uint8Array
}

export interface SnapshotKeeperOptions {
  readonly signal: AbortSignal
  /** A root is known, and with it what waited for it. */
  readonly onCheckpoint: (checkpoint: LateCheckpoint) => void
}

export class SnapshotKeeper {
  readonly #application: Application
  readonly #snapshots: SnapshotServer
  readonly #options: SnapshotKeeperOptions
  #isRunning = false

  constructor(application: Application, snapshots: SnapshotServer, options: SnapshotKeeperOptions) {
    this.#application = application
    this.#snapshots = snapshots
    this.#options = options
  }

  /** Resolves when there is none left; at once while that is under way. @throws what the disk throws; the reason of the signal. */
  async keepAll(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      // Asked again after each: what became due meanwhile is there.
      for (let [height] = this.#application.heldSnapshots(); height !== undefined; [height] = this.#application.heldSnapshots())
        await this.#keep(height)
    } finally {
      this.#isRunning = false
    }
  }

  async #keep(height: number): Promise<void> {
    const { signal, onCheckpoint } = this.#options
    const snapshot = this.#application.openSnapshot(height)
    try {
      const { root } = await this.#snapshots.add(height, snapshot.pieces(), { signal })
      for (const checkpoint of this.#application.provideSnapshotRoot(height, root)) onCheckpoint(checkpoint)
    } finally {
      snapshot.close()
    }
  }
}
