/** Numbers of the content service's two metadata records, and of the codes that a lane ends with. */

/** Longest request: what an OPEN's metadata may hold for this service. */
export const REQUEST_BYTES_MAX = 2048
/** Longest answer: what an ACCEPT's length field can say. */
export const ANSWER_BYTES_MAX = 65_535
/** A BLAKE3 root. */
export const ROOT_BYTES = 32
/** "Not known yet" in the size field. */
export const SIZE_UNKNOWN: bigint = 2n ** 64n - 1n
/** Ranges are counted in BLAKE3 chunks of the flat content, whatever the address is. */
export const CHUNK_BYTES = 1024
/** The chunk groups that this end answers with: 16 KiB. */
export const CHUNK_GROUP_LOG = 4
export const CHUNK_GROUP_LOG_MAX = 10
/** How much of a blob the guess of its content type looks at. */
export const SNIFF_BYTES = 64

/** The small blocks of a tree travel together: so many bytes of them, at most, wait for the piece before to be sent. */
export const GATHER_BYTES: number = 64 * 1024

/**
 * Most bytes of blocks that are read for nothing, to find where bytes of a body that are made again begin. Reading them costs a client that cuts
 * its connections nothing.
 */
export const RESEND_READ_BYTES_MAX: number = 16 * 2 ** 20

/** The service number of content on a lane. */
export const CONTENT_SERVICE_ID = 0

/** Codes of RESET; the numbers are the session protocol's. */
export const LANE_NOT_FOUND = 20
export const LANE_ORIGIN_FAILED = 21
export const LANE_CONTENT_REFUSED = 22
export const LANE_INTERNAL = 23
export const LANE_RESUME_LOST = 24
export const LANE_CANCELLED = 25
export const LANE_BAD_FRAME = 1
