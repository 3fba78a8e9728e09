/**
 * Time that this process was awake: what a node is judged by. A laptop that slept, or a tab whose timers a browser held back, did not wait for
 * anybody, and what a node sent meanwhile is still to be read.
 *
 * Whoever waits looks at the clock again and again. Two looks that are much further apart than they should be had a sleep between them, which
 * counts as the time of one look: too little to make a stall of it, and enough that a tab whose timers come once a minute still leaves a dead
 * node some day.
 */
export interface AwakeTime {
  /** Whoever waits looks again after so long. */
  readonly lookMs: number
  /** Milliseconds that never fall; only their differences mean anything. */
  nowMs(): number
}

/** A look that comes so many times too late had a sleep before it. */
const LATE_TIMES = 3

export function createAwakeTime(clockMs: () => number, lookMs: number): AwakeTime {
  let lookedMs = clockMs()
  let awakeMs = 0
  return {
    lookMs,
    nowMs() {
      const gapMs = clockMs() - lookedMs
      lookedMs += gapMs
      awakeMs += gapMs > LATE_TIMES * lookMs ? lookMs : gapMs
      return awakeMs
    },
  }
}
