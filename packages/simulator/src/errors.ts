/** Stable: renaming a code is a breaking change. */
export type SimulatorErrorCode =
  | 'SIMULATOR_BAD_ARGUMENT' // a value out of its documented range: the caller's mistake
  | 'SIMULATOR_BUDGET' // more events than the budget allows: something schedules itself for ever
  | 'SIMULATOR_DISK_FULL' // a write beyond the disk's size
  | 'SIMULATOR_DOWN' // a crashed node was asked to do something
  | 'SIMULATOR_TRAPPED' // a protocol core read a clock, chance or a timer, or made a promise
  | 'SIMULATOR_FAULT_ABSENT' // a fault that the scenario is about never happened
  | 'SIMULATOR_SEED_FAILED' // one seed failed; it is in `details`, what it threw in `cause`

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class SimulatorError extends Error {
  override readonly name = 'SimulatorError'
  readonly code: SimulatorErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: SimulatorErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

/** Checks an argument at the public edge. On hot paths write `if (!fine) check(false, …)`: a message is built even when nothing is wrong. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SimulatorError('SIMULATOR_BAD_ARGUMENT', message)
}

export const isShare = (value: number): boolean => value >= 0 && value <= 1

/** Whether `value` is a whole number of `0 <= value < limit`. */
export const isIndex = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value < limit
