/** A service's log, bounded: so many bytes a minute, the rest counted and dropped. Nothing that a service hands in is believed, its level neither. */
import { LOG_LINE_BYTES_MAX } from './constants.ts'
import type { LogLevel, LogPort } from './ports.ts'

const MINUTE_MS = 60_000
/** What a line costs besides its text: the node writes more than that around it. */
const LINE_BYTES = 64
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** @returns what writes to `log` as long as the minute's bytes last. A minute in which lines were dropped is told of before the next line. */
export function createLogGate(log: LogPort, bytesPerMinMax: number, nowMs: () => number): LogPort {
  const line = new Uint8Array(LOG_LINE_BYTES_MAX)
  const encoder = new TextEncoder()
  let endsMs = Number.NEGATIVE_INFINITY
  let left = 0
  let dropped = 0
  return (level: LogLevel, text: string) => {
    const now = nowMs()
    if (now >= endsMs) {
      endsMs = now + MINUTE_MS
      left = bytesPerMinMax
      if (dropped > 0) log('warn', `${dropped} lines were dropped`)
      dropped = 0
    }
    const { read, written } = encoder.encodeInto(text, line)
    if (written + LINE_BYTES > left) {
      dropped++
      return
    }
    left -= written + LINE_BYTES
    log(LEVELS.includes(level) ? level : 'info', text.slice(0, read))
  }
}
