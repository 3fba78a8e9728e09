/** The request of iroh-blobs for one blob or a hash sequence (ALPN `/iroh-bytes/4`, spec §1.6): 00, root, ranges. */
import { ChunkRangesSeq } from './chunk-ranges-seq.ts'
import { HASH_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import { checkBytes, checkRoot } from './tree.ts'

export interface GetRequest {
  readonly root: Uint8Array
  readonly ranges: ChunkRangesSeq
}

const VARIANT_GET = 0
/** iroh reads no longer request. */
const REQUEST_BYTES_MAX = 2 ** 20

export function encodeGetRequest({ root, ranges }: GetRequest): Uint8Array<ArrayBuffer> {
  const out = [VARIANT_GET, ...checkRoot(root)]
  ranges.encodeInto(out)
  return Uint8Array.from(out)
}

/**
 * Accepts what `encodeGetRequest` writes and nothing else.
 *
 * @throws {VerifyError} `VERIFY_MALFORMED`, `VERIFY_TOO_LARGE` above 1 MiB.
 */
export function decodeGetRequest(bytes: Uint8Array): GetRequest {
  if (checkBytes(bytes).length > REQUEST_BYTES_MAX) throw new VerifyError('VERIFY_TOO_LARGE', `a request of ${bytes.length} bytes`)
  if (bytes.length < 1 + HASH_BYTES || bytes[0] !== VARIANT_GET)
    throw new VerifyError('VERIFY_MALFORMED', 'not a request for a blob or sequence')
  const { seq, next } = ChunkRangesSeq.decodeAt(bytes, 1 + HASH_BYTES)
  if (next !== bytes.length) throw new VerifyError('VERIFY_MALFORMED', `${bytes.length - next} bytes after a request`)
  return { root: checkRoot(bytes.subarray(1, 1 + HASH_BYTES)), ranges: seq }
}
