/** Where a reader stands, in a form that outlives the process. It says where to go on, and nothing in it is taken for proven. */
import type { ByteRange } from '@selvedge/content'
import { ClientError } from './errors.ts'
import { formatTarget, type Target } from './target.ts'

/** JSON. Only `position` and `end` are used, for the very address that they were saved of: sizes and hashes are proven again. */
export interface DownloadState {
  readonly version: 1
  /** CID or root, as text. */
  readonly address: string
  /** Every byte from the start of what was asked to here was verified and handed out. */
  readonly position: number
  /** Of the range that was asked for; absent where it was open. */
  readonly end?: number
}

const VERSION = 1

export function savedStateOf(target: Target, position: number, end: number | undefined): DownloadState {
  return { version: VERSION, address: formatTarget(target), position, ...(end === undefined ? {} : { end }) }
}

/** What is still wanted. @throws {ClientError} `CLIENT_BAD_ARGUMENT` where the state is none, or of something else */
export function rangeLeftOf(state: DownloadState, target: Target): ByteRange {
  const { version, address, position, end } = state
  const isRange = isOffset(position) && (end === undefined || (isOffset(end) && end >= position))
  if (version !== VERSION || !isRange)
    throw new ClientError('CLIENT_BAD_ARGUMENT', 'what is to be gone on from is no saved state of version 1')
  if (address !== formatTarget(target))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `the saved state is of ${String(address).slice(0, 120)}, not of ${formatTarget(target)}`)
  return end === undefined ? { start: position } : { start: position, end }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
