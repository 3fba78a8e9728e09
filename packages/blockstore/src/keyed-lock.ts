/** One holder a key at a time, in order of asking. Holds nothing for a key that nobody holds. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const job = (before ?? Promise.resolve()).then(action)
    const tail = job.catch(() => undefined)
    this.#tails.set(key, tail)
    try {
      return await job
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
