import type { Clock } from '../ports.ts'

/** The system's clocks. */
export const systemClock: Clock = {
  nowMs: () => Math.floor(performance.now()),
  unixMs: () => Date.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
