/**
 * Answers to requests, from the store alone: the driver makes them when it comes to an `answer` effect, off the way of the core.
 * What one answer may hold is bounded in bytes; who wants more asks again.
 */
import { toHex } from '../wire/bytes.ts'
import { decodeFrame, type Frame } from '../wire/frames.ts'
import { FRAME_BYTES_MAX } from '../wire/limits.ts'
import type { Digest } from '../wire/types.ts'
import type { VertexQuery } from '../wire/query.ts'
import type { StoreView } from './contract.ts'

/** Lengths and head of a frame around its list. */
const FRAME_HEAD_BYTES = 64
const LENGTH_BYTES = 4
/** Records that one range may pass over. */
const PASSED_COUNT_MAX: number = 2 ** 14

/**
 * The frames that answer `request`, an encoded request frame: none for what is no request, one that may be empty for a range, because
 * the asker waits for it; for digests what is there, in as many frames as it takes.
 * @param committeeSize - of the epoch whose records `store` holds.
 */
export function answersOf(request: Uint8Array, store: StoreView, committeeSize: number): Frame[] {
  const frame = decodeFrame(request, committeeSize)
  switch (frame.type) {
    case 'batchRequest': {
      const { epoch, worker } = frame
      return packed(storedOf(store, 'batch', frame.digests)).map((batches) => ({ type: 'batchResponse', epoch, worker, batches }))
    }
    case 'certificateRequest': {
      const { epoch, query } = frame
      const certificates = vertexAnswers(store, 'certificate', query)
      return certificates.map((each) => ({ type: 'certificates', epoch, certificates: each }))
    }
    case 'blockRequest': {
      const { epoch, query } = frame
      return vertexAnswers(store, 'block', query).map((blocks) => ({ type: 'blocks', epoch, blocks }))
    }
    default:
      return []
  }
}

function vertexAnswers(store: StoreView, kind: 'certificate' | 'block', query: VertexQuery): Uint8Array[][] {
  return query.by === 'digest' ? packed(storedOf(store, kind, query.digests)) : [rangeOf(store, kind, query)]
}

function* storedOf(store: StoreView, kind: 'batch' | 'certificate' | 'block', digests: readonly Digest[]): Generator<Uint8Array> {
  for (const digest of digests) {
    const bytes = store.get(kind, toHex(digest))
    if (bytes !== undefined) yield bytes
  }
}

/**
 * Of each authority what follows its round, lowest rounds first, up to the asker's count and what a frame holds. What an asker says that
 * it has is passed over, and not without end: one who asks after gcRound, as members do, needs far less.
 */
function rangeOf(
  store: StoreView,
  kind: 'certificate' | 'block',
  { afterRounds, countMax }: VertexQuery & { readonly by: 'round' },
): Uint8Array[] {
  const range: Uint8Array[] = []
  let left = FRAME_BYTES_MAX - FRAME_HEAD_BYTES
  let passedCount = 0
  for (const record of store.entries(kind, Math.min(...afterRounds))) {
    const { round, author } = record
    if (round === undefined || author === undefined || round <= (afterRounds[author] ?? Number.POSITIVE_INFINITY)) {
      if (++passedCount > PASSED_COUNT_MAX) break
      continue
    }
    const { bytes } = record // not before: it may stand on disk
    left -= LENGTH_BYTES + bytes.length
    if (left < 0 || range.length === countMax) break
    range.push(bytes)
  }
  return range
}

/** Cut where a frame would be too long. */
function packed(items: Iterable<Uint8Array>): Uint8Array[][] {
  const frames: Uint8Array[][] = []
  let left = 0
  for (const bytes of items) {
    left -= LENGTH_BYTES + bytes.length
    if (left < 0) {
      frames.push([])
      left = FRAME_BYTES_MAX - FRAME_HEAD_BYTES - LENGTH_BYTES - bytes.length
    }
    frames.at(-1)?.push(bytes)
  }
  return frames
}
