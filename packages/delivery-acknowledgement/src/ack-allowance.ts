/**
 * How often a session may be acknowledged: a check costs a node a signature, so it must be earned by bytes, by responses, or by units of
 * which a stopped node asked to hear at once. An honest client never comes near it.
 */
const ALLOWANCE_START = 64
const ALLOWANCE_MOST = 4_096
const BYTES_FOR_ONE = 4_096

export class AckAllowance {
  #left = ALLOWANCE_START
  #bytes = 0
  /** Units sent since the last stop. */
  #units = 0

  /** Whether one more is looked at. */
  use(): boolean {
    if (this.#left < 1) return false
    this.#left--
    return true
  }

  acknowledged(bytes: number): void {
    this.#bytes += bytes
    this.#add(Math.floor(this.#bytes / BYTES_FOR_ONE))
    this.#bytes %= BYTES_FOR_ONE
  }

  /** Its end will be acknowledged, and its reset perhaps once more. */
  laneOpened(): void {
    this.#add(2)
  }

  unitSent(): void {
    this.#units++
  }

  stopped(): void {
    this.#add(this.#units)
    this.#units = 0
  }

  /** Each chain ends with one that moves nothing. */
  epochBegan(): void {
    this.#add(ALLOWANCE_START)
  }

  #add(count: number): void {
    this.#left = Math.min(ALLOWANCE_MOST, this.#left + count)
  }
}
