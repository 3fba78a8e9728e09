/**
 * How long a service ran for one request, as far as that can be said of one that shares the node's process and event loop: the step that a call of its
 * handler begins, and each step that directly follows an answer of one of its ports. A step is synchronous, so nothing else of the process runs in it;
 * what it has the node do within one (a port's own first step) is taken off.
 *
 * Two looks at the clock are put into the queue of microtasks, right before and right behind the one that goes on with the answer. So what follows
 * anything else is not seen: a timer, a promise of the service's own, the end of `Promise.all`. The figure is never above what the service ran,
 * but for what the system did with the processor meanwhile and for the collector.
 */
export class StepClock {
  readonly #nowMs: () => number
  #ms = 0
  #sinceMs: number | undefined

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** So far, in whole microseconds. */
  get micros(): number {
    return Math.round(this.#ms * 1_000)
  }

  /** Runs a step of the service. */
  run<T>(step: () => T): T {
    this.#start()
    try {
      return step()
    } finally {
      this.#stop()
    }
  }

  /** Runs a step of the node, which may stand in one of the service. */
  pause<T>(step: () => T): T {
    if (this.#sinceMs === undefined) return step()
    this.#stop()
    try {
      return step()
    } finally {
      this.#start()
    }
  }

  /** An answer of the node, handed to the service: the step that waits for it is counted. */
  hand<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void): void => {
        queueMicrotask(() => this.#start())
        settled() // which queues whoever waits
        queueMicrotask(() => this.#stop())
      }
      answer.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error as Error)),
      )
    })
  }

  #start(): void {
    this.#sinceMs = this.#nowMs()
  }

  #stop(): void {
    if (this.#sinceMs === undefined) return
    this.#ms += Math.max(0, this.#nowMs() - this.#sinceMs)
    this.#sinceMs = undefined
  }
}
