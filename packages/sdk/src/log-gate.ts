/** A service's log, bounded: so many bytes a minute, the rest counted and dropped. */
import { LOG_LINE_BYTES_MAX } from './constants.ts'
import type { LogLevel, LogPort } from './ports.ts'

const MINUTE_MS = 60_000

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
    if (written > left) {
      dropped++
      return
    }
    left -= written
    log(level, text.slice(0, read))
  }
}
