/** The words of the command line as values. Each throws one clear line, with what was expected. */
import type { ByteRange } from '@selvedge/content'
import { NodeError } from '../errors.ts'

export const PASSPHRASE_TEXT = 'file with the passphrase of the keys, or set SELVEDGE_PASSPHRASE; without one keys are plain'

const usage = (message: string): NodeError => new NodeError('NODE_USAGE', message)

/** `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]\s]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw usage(`--listen: "${text}" is not HOST:PORT`)
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, '') || '127.0.0.1', port }
}

/** `a-b`, both inclusive as in HTTP, or `a-` to the end. */
export function parseRange(text: string): ByteRange {
  const match = /^(\d{1,16})-(\d{1,16})?$/.exec(text)
  const start = Number(match?.[1])
  const last = match?.[2] === undefined ? undefined : Number(match[2])
  const isRange = match !== null && Number.isSafeInteger(start) && (last === undefined || (Number.isSafeInteger(last + 1) && last >= start))
  if (!isRange) throw usage(`--range: "${text}" is not FIRST-LAST in bytes, such as 0-1023 or 4096-`)
  return last === undefined ? { start } : { start, end: last + 1 }
}

export function parseOrigin(text: string): string {
  let url: URL | undefined
  try {
    url = new URL(text)
  } catch {
    // said below, with the same words for every fault
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw usage(`--origin: "${text}" is not an http(s) URL`)
  return url.href.replace(/\/$/, '')
}

/** Four is the least that survives one; more than ten are too many for one machine. */
export function parseValidators(text: string): number {
  const count = Number(text)
  if (!/^\d{1,2}$/.test(text) || count < 4 || count > 10) throw usage(`--validators: "${text}" is not a number from 4 to 10`)
  return count
}
