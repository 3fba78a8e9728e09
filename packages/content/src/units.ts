/**
 * A body in whole units. A unit ends where its reader can verify everything that came: behind a leaf with what proves it, or a block. A sender
 * that is paid by the window pauses there and nowhere else, because a reader signs for nothing that it could not verify.
 *
 * Invariant: what is handed out ends with a unit, or with the body. Nothing is copied: of a piece that ends inside a unit the tail is kept as
 * a view until the rest of the unit comes. A tail that a failure leaves behind could not have been verified, so it is not sent.
 */
import { PieceMemory } from './piece-memory.ts'

/** Some whole units, to be written at once. */
export interface WholeUnits {
  /** In order; views, which stay as they are until they are released: the next may be asked for while these are sent. */
  readonly parts: readonly Uint8Array[]
  /** Where each unit ends, in bytes of `parts` together, ascending. The last is their length. */
  readonly unitEnds: readonly number[]
  /** Of a sender that holds none of `parts` any more, once: their memory is used for what comes. Who does not call it leaves them to the collector. */
  readonly release?: () => void
}

/** Hears from a writer where its units end, and keeps that until the pieces come that they end in. */
export class UnitEnds {
  /** In bytes of the body. */
  #ends: number[] = []
  #isAsked = false
  /** Bytes of the body that were handed out. */
  #handedOut = 0
  #held: Uint8Array[] = []
  #heldBytes = 0
  readonly #memory = new PieceMemory()

  /** What a writer writes a piece of so many bytes into. */
  readonly newPiece = (bytes: number): Uint8Array<ArrayBuffer> => (this.#isAsked ? this.#memory.take(bytes) : new Uint8Array(bytes))

  readonly add = (offset: number): void => {
    if (this.#isAsked) this.#ends.push(offset)
  }

  /** `body`, to be iterated instead of it: what ends this ends that too. */
  wholeUnitsOf(body: AsyncIterable<Uint8Array>): AsyncIterable<WholeUnits> {
    this.#isAsked = true
    const iterator = body[Symbol.asyncIterator]()
    const units: AsyncIterator<WholeUnits> = {
      next: async () => {
        for (;;) {
          const step = await iterator.next()
          const value = step.done === true ? this.#rest() : this.#wholeWith(step.value)
          if (value !== undefined) return { done: false, value }
          if (step.done === true) return DONE
        }
      },
      return: async () => {
        await iterator.return?.()
        return DONE
      },
    }
    return { [Symbol.asyncIterator]: () => units }
  }

  /** The units that end in `piece`; where none does, it is held. A writer that reads ahead has told of later ones already. */
  #wholeWith(piece: Uint8Array): WholeUnits | undefined {
    const before = this.#heldBytes
    const pieceEnd = this.#handedOut + before + piece.length
    this.#memory.handedOut(piece, pieceEnd)
    const later = this.#ends.findIndex((end) => end > pieceEnd)
    const ends = this.#ends.splice(0, later === -1 ? this.#ends.length : later)
    const last = ends.at(-1)
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (last === undefined) return undefined
    const tailBytes = pieceEnd - last
    if (tailBytes === 0) return this.#handOut(ends)
    this.#held[this.#held.length - 1] = piece.subarray(0, piece.length - tailBytes)
    const units = this.#handOut(ends)
    this.#held.push(piece.subarray(piece.length - tailBytes))
    this.#heldBytes = tailBytes
    return units
  }

  /** What is held when the body ends: its end is one of a unit, said or not. */
  #rest(): WholeUnits | undefined {
    return this.#heldBytes === 0 ? undefined : this.#handOut([this.#handedOut + this.#heldBytes])
  }

  #handOut(ends: readonly number[]): WholeUnits {
    const end = ends.at(-1)!
    const units = { parts: this.#held, unitEnds: ends.map((each) => each - this.#handedOut), release: this.#memory.written(end) }
    this.#handedOut = end
    this.#held = []
    this.#heldBytes = 0
    return units
  }
}

const DONE: IteratorResult<WholeUnits> = { done: true, value: undefined }
