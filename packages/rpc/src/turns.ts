/** Lets few long answers be made at a time, so that readers of history leave the node its time. */
import { RpcError } from './errors.ts'

export class Turns {
  readonly #atOnceMax: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(atOnceMax: number, waitingMax: number) {
    this.#atOnceMax = atOnceMax
    this.#waitingMax = waitingMax
  }

  /** Runs `job` when it is its turn. @throws {RpcError} `RPC_LIMIT` when too many wait; what `job` throws. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnceMax) {
      if (this.#waiting.length >= this.#waitingMax) throw new RpcError('RPC_LIMIT', 'too many searches wait already')
      await new Promise<void>((resolve) => this.#waiting.push(resolve)) // woken with the turn of the one that ended
    } else this.#running++
    try {
      return await job()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
