/** What a lane or a verifier throws, as the client's own error. Told by codes, so that no class of another package need be the same object. */
import { LANE_CONTENT_REFUSED, LANE_NOT_FOUND, LANE_ORIGIN_FAILED } from '@selvedge/content'
import { ClientError, type ClientErrorCode } from './errors.ts'
import { isUnverified } from './lane-payment.ts'

/** Said by this side when it leaves a session. */
const PRICE_REFUSED = 19

const OF_LANE_CODE: Readonly<Record<number, ClientErrorCode>> = {
  [LANE_NOT_FOUND]: 'CLIENT_NOT_FOUND',
  [LANE_ORIGIN_FAILED]: 'CLIENT_ORIGIN_FAILED',
  [LANE_CONTENT_REFUSED]: 'CLIENT_REFUSED',
  [PRICE_REFUSED]: 'CLIENT_TOO_DEAR',
}

interface Coded {
  readonly code?: unknown
  readonly laneCode?: unknown
  readonly reason?: unknown
  readonly message?: unknown
  readonly details?: unknown
}

/** Whose error it is. */
export interface Judged {
  /** `selvedge://…` */
  readonly name: string
  /** It sent what is not what was asked for; `finer` says how that showed. */
  lied(finer: string): void
}

/** The error as a `ClientError`; an abort of the caller stays the caller's reason. Who lied is told of it. */
export function asClientError(error: unknown, judged: Judged, signal?: AbortSignal): unknown {
  if (error instanceof ClientError || (signal?.aborted && error === signal.reason)) return error
  const { name: node } = judged
  const { code, laneCode, reason, message, details } = (typeof error === 'object' && error !== null ? error : {}) as Coded
  // Our own codec's word about the answer; it names a lane code too, which nobody sent.
  if (typeof code === 'string' && code.startsWith('CONTENT_')) {
    return new ClientError('CLIENT_BAD_ANSWER', `${node}: ${String(message)}`, { node, finer: code }, { cause: error })
  }
  if (typeof laneCode === 'number') {
    const text = String(typeof reason === 'string' && reason !== '' ? reason : message)
    const finer = /^[A-Z][A-Z0-9_]+/.exec(text)?.[0] ?? ''
    return new ClientError(OF_LANE_CODE[laneCode] ?? 'CLIENT_INTERRUPTED', text, { node, laneCode, finer }, { cause: error })
  }
  const finer = typeof code === 'string' ? code : ''
  if (/^(CAR|VERIFY)_/.test(finer)) {
    const what = isOverBound(finer, details) ? 'CLIENT_TOO_LARGE' : finer.endsWith('TRUNCATED') ? 'CLIENT_INTERRUPTED' : 'CLIENT_UNVERIFIED'
    if (what === 'CLIENT_UNVERIFIED' && isUnverified(error)) judged.lied(finer)
    return new ClientError(what, `${node}: ${String(message)}`, { node, finer }, { cause: error })
  }
  return new ClientError('CLIENT_INTERRUPTED', `${node}: ${String(message ?? error)}`, { node, finer }, { cause: error })
}

/** Larger than the caller's sink takes: no node's failure. What no content can have is one. */
function isOverBound(finer: string, details: unknown): boolean {
  const { maxSize = Number.MAX_SAFE_INTEGER } = (details ?? {}) as { readonly maxSize?: unknown }
  return finer === 'VERIFY_TOO_LARGE' && maxSize !== Number.MAX_SAFE_INTEGER
}
