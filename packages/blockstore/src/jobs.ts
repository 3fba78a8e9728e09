/** What runs now: bounded in number, ended by its caller's signal or by `stop`, waited for at the end. */
import { BlockstoreError } from './errors.ts'

export interface Job {
  readonly signal: AbortSignal
  release(): void
}

export class Jobs {
  readonly #runningMax: number
  readonly #waitingMax: number
  readonly #controllers = new Set<AbortController>()
  readonly #waiting: { readonly go: () => void; readonly fail: (error: unknown) => void }[] = []
  #running = 0
  #stopped = false
  #stopping: Promise<void> | undefined
  #idle: (() => void) | undefined

  /** @param runningMax - at once; @param waitingMax - more are refused with `BLOCKSTORE_BUSY`. */
  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax
    this.#waitingMax = waitingMax
  }

  /** A place to run in, with a signal that follows the caller's and the store's. Release it once. */
  async begin(signal: AbortSignal | undefined): Promise<Job> {
    if (this.#stopped) throw stopped()
    signal?.throwIfAborted()
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    this.#controllers.add(controller)
    try {
      await this.#enter(controller.signal)
    } catch (error) {
      this.#controllers.delete(controller)
      signal?.removeEventListener('abort', abort)
      throw error
    }
    let isReleased = false
    return {
      signal: controller.signal,
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#controllers.delete(controller)
        signal?.removeEventListener('abort', abort)
        this.#leave()
      },
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (this.#running < this.#runningMax) {
      this.#running++
      return Promise.resolve()
    }
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(
        new BlockstoreError('BLOCKSTORE_BUSY', `${this.#waitingMax} writes wait already`, { waiting: this.#waitingMax }),
      )
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => waiter.fail(signal.reason)
      const waiter = {
        go: () => {
          signal.removeEventListener('abort', abort)
          resolve()
        },
        fail: (error: unknown) => {
          this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
          reject(error)
        },
      }
      this.#waiting.push(waiter)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next !== undefined) return next.go()
    this.#running--
    if (this.#running === 0) this.#idle?.()
  }

  /** Aborts all, waits until each has released its place. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  async #stop(): Promise<void> {
    this.#stopped = true
    for (const controller of this.#controllers) controller.abort(stopped())
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }
}

export function stopped(): BlockstoreError {
  return new BlockstoreError('BLOCKSTORE_STOPPED', 'the store is not running')
}
