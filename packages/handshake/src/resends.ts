/**
 * What was lost with a connection, while the owner of its lane makes it again. Of a lane one is made at a time: the next begins when the last has
 * ended, however often the connection breaks, and whatever nobody wants any more is told so at once.
 */
import type { CoreLane } from './lane-core.ts'

interface Running {
  readonly ending: AbortController
  /** Resolves when nothing is made any more. */
  readonly over: Promise<void>
}

export class Resends {
  readonly #running = new Map<CoreLane, Running>()

  /** Calls `give` when what was made of the lane before has ended. @param give - never rejects. */
  begin(lane: CoreLane, give: (signal: AbortSignal) => Promise<void>): void {
    const before = this.#running.get(lane)
    before?.ending.abort()
    const ending = new AbortController()
    const { signal } = ending
    const over = (before?.over ?? Promise.resolve())
      .then(async () => {
        if (!signal.aborted) await give(signal)
      })
      .finally(() => {
        if (this.#running.get(lane)?.ending === ending) this.#running.delete(lane)
      })
    this.#running.set(lane, { ending, over })
  }

  /** Nothing of the lane is wanted any more. */
  end(lane: CoreLane): void {
    this.#running.get(lane)?.ending.abort()
  }

  endAll(): void {
    for (const { ending } of this.#running.values()) ending.abort()
  }
}
