/** Figures as people read them. */
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const

/** `8388608` as `8 MiB`; below 1 KiB in bytes; at most one decimal. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let value = bytes
  let unit = -1
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${trim(value)} ${UNITS[unit]}`
}

/** `1234.5` as `1.2 s`, `12.34` as `12 ms`. */
export function formatMs(ms: number): string {
  return ms >= 1000 ? `${trim(ms / 1000)} s` : ms >= 10 ? `${Math.round(ms)} ms` : `${trim(ms)} ms`
}

export function formatRate(bytes: number, ms: number): string {
  return `${formatBytes(Math.round((bytes * 1000) / Math.max(ms, 0.001)))}/s`
}

function trim(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}
