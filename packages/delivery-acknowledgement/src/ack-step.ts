/** When a client acknowledges. */
const KIB = 1024
const STEP_BYTES_LEAST = 16 * KIB
const STEP_BYTES_MOST = 4096 * KIB

/** A client acknowledges when so many verified bytes of its session are not: a quarter of the window, 16 KiB to 4 MiB. */
export function ackStepOf(window: number): number {
  return Math.min(STEP_BYTES_MOST, Math.max(STEP_BYTES_LEAST, Math.floor(window / 4)))
}
