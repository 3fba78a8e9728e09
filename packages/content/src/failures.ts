/**
 * Errors of the layers below as what a lane is reset with. They are told apart by their `code`, along the chain of `cause`s and attempts,
 * so that no class of another package need be the same object here.
 */
import { ContentError } from './errors.ts'

/** Faults of the transfer, not of the content: the origin may still be honest. */
const CUT_CODES: ReadonlySet<string> = new Set(['CAR_TRUNCATED', 'CAR_NOT_A_CAR'])
const DEPTH_MAX = 8

interface Coded {
  readonly code?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
  readonly message?: unknown
}

/** The first `CAR_*` error in the chain of causes; else undefined. */
function carErrorIn(error: unknown, depth = 0): { code: string; message: string } | undefined {
  if (depth > DEPTH_MAX || typeof error !== 'object' || error === null) return undefined
  const { code, cause, errors, message } = error as Coded
  if (typeof code === 'string' && code.startsWith('CAR_')) return { code, message: String(message) }
  for (const inner of [cause, ...(Array.isArray(errors) ? (errors as unknown[]) : [])]) {
    const found = carErrorIn(inner, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether the layers below say that the content is not to be had, which is an answer (404) and not a failure. */
export function isNotFound(error: unknown): boolean {
  const { code, cause } = (typeof error === 'object' && error !== null ? error : {}) as Coded
  if (code === 'FETCHER_NO_ORIGIN') return true
  if (typeof code === 'string' && code.endsWith('_NOT_FOUND') && !code.startsWith('CAR_')) return true
  return typeof code === 'string' && !code.startsWith('CAR_') && cause !== undefined && carErrorIn(error) === undefined && isNotFound(cause)
}

/** `error` as a ContentError; an abort stays what it is. */
export function contentErrorOf(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof ContentError || (signal?.aborted && error === signal.reason)) return error
  const car = carErrorIn(error)
  if (car !== undefined) {
    const code = CUT_CODES.has(car.code) ? 'CONTENT_ORIGIN_FAILED' : 'CONTENT_REFUSED'
    return new ContentError(code, car.message, { finer: car.code }, { cause: error })
  }
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Coded
  const finer = typeof code === 'string' ? code : 'CONTENT_INTERNAL'
  if (isNotFound(error)) return new ContentError('CONTENT_NOT_FOUND', String(message), { finer }, { cause: error })
  const isOrigin = /^(ORIGIN|FETCHER)_/.test(finer)
  return new ContentError(
    isOrigin ? 'CONTENT_ORIGIN_FAILED' : 'CONTENT_INTERNAL',
    isOrigin ? String(message) : 'could not be read',
    { finer },
    { cause: error },
  )
}
