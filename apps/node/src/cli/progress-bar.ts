import { formatBytes, formatMs, formatRate } from './format.ts'

export interface ProgressBar {
  update(bytes: number, size: number | undefined): void
  /** Takes the bar off the terminal. */
  clear(): void
}

const DRAW_MS = 100
const CELLS = 24

/** A bar on stderr where that is a terminal; otherwise nothing is drawn. */
export function createProgressBar(label: string, stream: NodeJS.WriteStream = process.stderr): ProgressBar {
  if (!stream.isTTY) return { update: () => {}, clear: () => {} }
  const began = performance.now()
  let drawn = 0
  return {
    update(bytes, size) {
      const now = performance.now()
      if (now - drawn < DRAW_MS) return
      drawn = now
      const done = size === undefined || size === 0 ? 0 : Math.min(1, bytes / size)
      const bar = size === undefined ? '' : ` [${'#'.repeat(Math.round(done * CELLS)).padEnd(CELLS, '-')}] ${Math.floor(done * 100)} %`
      const line = `${label}${bar} ${formatBytes(bytes)} ${formatRate(bytes, now - began)} ${formatMs(now - began)}`
      stream.write(`\r\x1b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`)
    },
    clear() {
      if (drawn > 0) stream.write('\r\x1b[2K')
    },
  }
}
