/** Functions called in the order of virtual time; those of one instant in the order in which they were planned. */
import { createEngine } from '@selvedge/simulator'

export class VirtualTime {
  readonly #engine = createEngine()
  readonly #call = this.#engine.kind<() => void>('call', (_a, _b, run) => run())

  get nowMs(): number {
    return this.#engine.now()
  }

  after(delayMs: number, run: () => void): void {
    this.#engine.schedule(this.nowMs + delayMs, this.#call, 0, 0, run)
  }

  /** @returns whether `isDone` held before the time was over. */
  run(forMs: number, isDone: () => boolean = () => false): boolean {
    const endMs = this.nowMs + forMs
    while (this.nowMs < endMs) {
      if (isDone()) return true
      this.#engine.run(Math.min(endMs, this.nowMs + 1))
    }
    return isDone()
  }
}
