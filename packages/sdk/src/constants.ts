/** Bounds of what crosses between a node and a service, both ways. */

/** A BLAKE3 root. */
export const ROOT_BYTES = 32
/** Longest address, in bytes: what fits the longest request of a content lane. */
export const ADDRESS_BYTES_MAX = 2_048
/** Spans of chunks in one request or handle. */
export const SPANS_MAX = 1_024
/** Longest name of a service, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 255
/** What a service may open for one request. */
export const OPENS_MAX = 8
/** Longest line of a service's log, in bytes of UTF-8; the rest of it is cut off. */
export const LOG_LINE_BYTES_MAX = 4_096
/** Contents that a service is asked to value at once. */
export const WORTH_ADDRESSES_MAX = 1_024
/** A session's id. */
export const SESSION_ID_BYTES = 16
/** An account: the address of a key on secp256k1. */
export const ACCOUNT_BYTES = 20
