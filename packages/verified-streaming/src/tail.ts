/**
 * Cuts bytes that come in pieces of any length into whole steps, and keeps the last ones back: of whatever came, 1 to `stepBytes`
 * bytes wait, because only more of them show that they are not the end.
 */
export class Tail {
  readonly #stepBytes: number
  readonly #onSteps: (bytes: Uint8Array, start: number, end: number) => void
  /** What waits lies at its start. */
  bytes: Uint8Array = new Uint8Array(1024)
  #held = 0

  /** @param onSteps - takes one or more whole steps, which follow the earlier ones and are borrowed for the call. */
  constructor(stepBytes: number, onSteps: (bytes: Uint8Array, start: number, end: number) => void) {
    this.#stepBytes = stepBytes
    this.#onSteps = onSteps
  }

  /** What waits: a view, valid until the next call. */
  get held(): Uint8Array {
    return this.bytes.subarray(0, this.#held)
  }

  push(bytes: Uint8Array): void {
    const { length } = bytes
    const step = this.#stepBytes
    let at = 0
    if (this.#held > 0) {
      at = Math.min(length, step - this.#held)
      this.#hold(bytes, 0, at)
      if (at === length) return
      this.#onSteps(this.bytes, 0, step)
      this.#held = 0
    }
    const rest = length - at
    const whole = rest > step ? length - (((rest - 1) % step) + 1) : at
    if (whole > at) this.#onSteps(bytes, at, whole)
    this.#hold(bytes, whole, length)
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    const before = this.held
    const total = before.length + end - start
    if (total > this.bytes.length) {
      this.bytes = new Uint8Array(Math.min(this.#stepBytes, 4 * total))
      this.bytes.set(before)
      before.fill(0)
    }
    this.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), before.length)
    this.#held = total
  }
}
