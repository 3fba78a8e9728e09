/**
 * Two joined carriers in memory: a real carrier for the driver's tests, without sockets. Bytes go over one event-loop turn later, in pieces
 * of at most `pieceBytes`, each spoiled once it was handed on; nothing is flushed while the other end is paused, as with a socket whose peer does not read.
 */
import type { Carrier, CarrierEvents } from '../src/carrier.ts'

interface Sent {
  readonly bytes: Uint8Array
  readonly onFlushed: () => void
}

export class MemoryCarrier implements Carrier {
  readonly channelBinding: Uint8Array
  readonly #pieceBytes: number
  readonly #queue: Sent[] = []
  #other: MemoryCarrier | undefined
  #events: CarrierEvents | undefined
  #isPaused = false
  #isEnding = false
  isClosed = false
  #isTurning = false
  /** Bytes given to `send` and not flushed. */
  heldBytes = 0
  heldBytesMax = 0
  /** Calls of `send`. */
  sends = 0

  constructor(channelBinding: Uint8Array, pieceBytes: number) {
    this.channelBinding = channelBinding
    this.#pieceBytes = pieceBytes
  }

  join(other: MemoryCarrier): void {
    this.#other = other
  }

  start(events: CarrierEvents): void {
    this.#events = events
    this.#other?.turn()
  }

  send(parts: readonly Uint8Array[], onFlushed: () => void): void {
    const bytes = new Uint8Array(Buffer.concat(parts))
    this.sends++
    this.heldBytes += bytes.length
    this.heldBytesMax = Math.max(this.heldBytesMax, this.heldBytes)
    this.#queue.push({ bytes, onFlushed })
    this.turn()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#other?.turn()
  }

  end(): void {
    this.#isEnding = true
    this.turn()
  }

  /** Ends the channel at both ends; `error` as when a connection breaks. */
  destroy(error?: Error): void {
    if (this.isClosed) return
    this.isClosed = true
    const sent = this.#queue.splice(0)
    setImmediate(() => {
      this.#events?.onClosed(error)
      for (const { onFlushed } of sent) onFlushed()
    })
    this.#other?.destroy(error)
  }

  turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => {
      this.#isTurning = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const other = this.#other!
    if (this.isClosed || other.#events === undefined || other.#isPaused) return
    const sent = this.#queue.shift()
    if (sent !== undefined) {
      for (let at = 0; at < sent.bytes.length; at += this.#pieceBytes) {
        const piece = sent.bytes.slice(at, at + this.#pieceBytes)
        other.#events.onBytes(piece)
        piece.fill(0xdb) // valid during the call, and no longer
      }
      this.heldBytes -= sent.bytes.length
      sent.onFlushed()
    }
    if (this.#queue.length > 0) this.turn()
    else if (this.#isEnding) this.destroy()
  }
}

export function createMemoryPair(pieceBytes = 16_384): readonly [MemoryCarrier, MemoryCarrier] {
  const binding = Uint8Array.from([1, ...new Uint8Array(32).fill(3)])
  const pair = [new MemoryCarrier(binding, pieceBytes), new MemoryCarrier(binding, pieceBytes)] as const
  pair[0].join(pair[1])
  pair[1].join(pair[0])
  return pair
}
