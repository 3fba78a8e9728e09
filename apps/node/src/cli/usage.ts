/** The words of the command line as values. Each throws one clear line, with what was expected. */
import type { ByteRange } from '@selvedge/content'
import { InvalidArgumentError } from 'commander'
import { NodeError } from '../errors.ts'

export const LOG_LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

export const STORE_MAX_TEXT =
  'bytes of the store, such as 500GiB: what is asked for least and paid for by nobody leaves when it is full; default: no bound'

export const PASSPHRASE_TEXT = 'file with the passphrase of the keys, or set SELVEDGE_PASSPHRASE; without one keys are plain'

const usage = (message: string): NodeError => new NodeError('NODE_USAGE', message)

/** A parser of ours as one of commander's, which says of which option the text was. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}

/** The same for an option that is named again for each further one. */
export function collect<T>(parse: (text: string) => T): (text: string, before: readonly T[]) => T[] {
  return (text, before) => [...before, argument(parse)(text)]
}

/** `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]\s]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw usage(`"${text}" is not HOST:PORT`)
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, '') || '127.0.0.1', port }
}

/** `a-b`, both inclusive as in HTTP, or `a-` to the end. */
export function parseRange(text: string): ByteRange {
  const match = /^(\d{1,16})-(\d{1,16})?$/.exec(text)
  const start = Number(match?.[1])
  const last = match?.[2] === undefined ? undefined : Number(match[2])
  const isRange = match !== null && Number.isSafeInteger(start) && (last === undefined || (Number.isSafeInteger(last + 1) && last >= start))
  if (!isRange) throw usage(`"${text}" is not FIRST-LAST in bytes, such as 0-1023 or 4096-`)
  return last === undefined ? { start } : { start, end: last + 1 }
}

const UNIT_BYTES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }
/** Less is no store: a few blocks fill it. */
const STORE_BYTES_MIN: number = 16 * 2 ** 20

/** Bytes, or so many KiB, MiB, GiB or TiB. */
export function parseSize(text: string): number {
  const bytes = bytesIn(text)
  if (bytes === undefined) throw usage(`"${text}" is not a size, such as 10GiB`)
  return bytes
}

/** A size of a store. */
export function parseStoreMax(text: string): number {
  const bytes = bytesIn(text)
  if (bytes === undefined || bytes < STORE_BYTES_MIN) throw usage(`"${text}" is not a size from 16MiB on, such as 500GiB`)
  return bytes
}

function bytesIn(text: string): number | undefined {
  const match = /^(\d{1,16})(KiB|MiB|GiB|TiB)?$/.exec(text)
  const bytes = Number(match?.[1]) * (match?.[2] === undefined ? 1 : UNIT_BYTES[match[2]]!)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

export function parseOrigin(text: string): string {
  let url: URL | undefined
  try {
    url = new URL(text)
  } catch {
    // said below, with the same words for every fault
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw usage(`"${text}" is not an http(s) URL`)
  return url.href.replace(/\/$/, '')
}

/** Four is the least that survives one; more than ten are too many for one machine. */
export function parseValidators(text: string): number {
  const count = Number(text)
  if (!/^\d{1,2}$/.test(text) || count < 4 || count > 10) throw usage(`"${text}" is not a number from 4 to 10`)
  return count
}
