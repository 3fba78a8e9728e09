/**
 * The committed state for whoever asks about it. Strangers choose what is asked, so what is read for them never stays with the rows of the
 * executor: those would grow with every address that somebody invents until the next block, and then all go at once.
 */
import type { StoreReader } from '../store/contract.ts'
import { State } from './state.ts'

/** Rows that are kept between two questions of the same block. */
export const ASKED_ROWS_MAX = 4_096

export class AskedState {
  readonly #store: StoreReader
  #state: State

  constructor(store: StoreReader) {
    this.#store = store
    this.#state = new State(store)
  }

  /** The state as it was last committed. For one question: the next may get another object. */
  get state(): State {
    if (this.#state.size > ASKED_ROWS_MAX) this.forget()
    return this.#state
  }

  /** To be called when a block was committed, and after a trial, which leaves changed rows behind. */
  forget(): void {
    this.#state = new State(this.#store)
  }
}
