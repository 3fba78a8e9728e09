/** Two joined byte streams in memory, whose middle the test may see and change. */
import type { Duplex } from '../../src/carriers/duplex-carrier.ts'

class Pipe implements AsyncIterableIterator<Uint8Array> {
  readonly #queue: Uint8Array[] = []
  readonly #change: (bytes: Uint8Array) => readonly Uint8Array[]
  #waiting: ((result: IteratorResult<Uint8Array>) => void) | undefined
  #isEnded = false
  bytes = 0

  constructor(change: (bytes: Uint8Array) => readonly Uint8Array[]) {
    this.#change = change
  }
  [Symbol.asyncIterator](): this {
    return this
  }
  push(bytes: Uint8Array): void {
    for (const part of this.#change(bytes)) {
      this.bytes += part.length
      this.#queue.push(part)
    }
    this.#turn()
  }
  finish(): void {
    this.#isEnded = true
    this.#turn()
  }
  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#turn()
    })
  }
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.finish()
    return { done: true, value: undefined }
  }
  #turn(): void {
    const waiting = this.#waiting
    const value = this.#queue.shift()
    if (waiting === undefined || (value === undefined && !this.#isEnded)) {
      if (value !== undefined) this.#queue.unshift(value)
      return
    }
    this.#waiting = undefined
    waiting(value === undefined ? { done: true, value: undefined } : { done: false, value })
  }
}

export interface Middle {
  /** What becomes of the bytes on their way; as they are by default. */
  readonly toNode?: (bytes: Uint8Array) => readonly Uint8Array[]
  readonly toClient?: (bytes: Uint8Array) => readonly Uint8Array[]
}

export interface JoinedDuplexes {
  readonly client: Duplex
  readonly node: Duplex
  /** Bytes that came through so far. */
  bytesToClient(): number
}

export function createDuplexes({ toNode = (bytes) => [bytes], toClient = (bytes) => [bytes] }: Middle = {}): JoinedDuplexes {
  const up = new Pipe(toNode)
  const down = new Pipe(toClient)
  const end = (source: Pipe, sink: Pipe): Duplex => ({ source, write: async (bytes) => sink.push(bytes), end: async () => sink.finish() })
  return { client: end(down, up), node: end(up, down), bytesToClient: () => down.bytes }
}
