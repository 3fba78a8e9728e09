/**
 * Verified content on a lane: what a client asks, what a node answers, and the serving end over any store.
 *
 * A node's word is never enough: a root is served as a slice of its BLAKE3 tree, a CID as the DAG's own blocks or as interior nodes with
 * flat leaf bytes, and whoever asked checks each piece.
 */
export { decodeAnswer, encodeAnswer, type ContentAnswer } from './answer.ts'
export { byteRangesOf } from './chunk-bytes.ts'
export {
  ANSWER_BYTES_MAX,
  CONTENT_SERVICE_ID,
  LANE_BAD_FRAME,
  LANE_CANCELLED,
  LANE_CONTENT_REFUSED,
  LANE_INTERNAL,
  LANE_NOT_FOUND,
  LANE_ORIGIN_FAILED,
  LANE_RESUME_LOST,
  REQUEST_BYTES_MAX,
  RESEND_READ_BYTES_MAX,
} from './constants.ts'
export { sniffContentType } from './content-type.ts'
export { createContentTypes, type ContentTypes } from './content-types.ts'
export { ContentError, type ContentErrorCode } from './errors.ts'
export { type ContentMode } from './modes.ts'
export type { AbortOptions, ByteRange, ContentSourcePort, OpenedEntity, ReadAt, StoredBlob } from './ports.ts'
export { decodeRequest, encodeRequest, type AddressKind, type ContentRequest, type RequestScope } from './request.ts'
export { createResender, type Resend, type Resender, type ResenderOptions } from './resending.ts'
export { createContentServer, type ContentServer, type ContentServerComponents, type ContentServerOptions } from './server.ts'
export { closeContent, openContent, type OpenedContent, serveContent, type ServeOpenedOptions, type Served } from './serving.ts'
export type { WholeUnits } from './units.ts'
