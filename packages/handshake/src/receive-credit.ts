/** What the other side may send on the connection. Invariant: `consumed <= received <= limit <= consumed + 16 MiB`. */
import { CONNECTION_CREDIT_BYTES, CONNECTION_GRANT_BYTES } from './constants.ts'

export class ReceiveCredit {
  #received = 0
  #consumed = 0
  #limit = CONNECTION_CREDIT_BYTES

  get leftBytes(): number {
    return this.#limit - this.#received
  }

  receive(bytes: number): void {
    this.#received += bytes
  }

  /** Bytes that nobody holds any more; returns what to grant now, which is nothing or at least 1 MiB. */
  consume(bytes: number): number {
    this.#consumed += bytes
    const grant = this.#consumed + CONNECTION_CREDIT_BYTES - this.#limit
    if (grant < CONNECTION_GRANT_BYTES) return 0
    this.#limit += grant
    return grant
  }
}
