/** Limits and defaults; the README says what happens at each. */

/** Longest frame of an answer, in bytes; of a request, see `REQUEST_BYTES_MAX`. */
export const FRAME_BYTES_MAX: number = 256 * 2 ** 10
/** Longest request that asks for something: ranges of chunks are the only part that has no fixed length. */
export const REQUEST_BYTES_MAX = 4_096
/** Longest transaction that may be brought. */
export const TRANSACTION_BYTES_MAX = 65_536
/** How often a transaction may be passed on, at most. */
export const HOPS_MAX = 2
/** Longest item that an asker puts together from frames: a block with its transactions and receipts. */
export const ITEM_BYTES_MAX: number = 64 * 2 ** 20
/** Chunks of a snapshot that one source is asked for at a time: 1 MiB. */
export const SPAN_CHUNKS = 1_024
/** Longest snapshot that a joiner makes room for: 1 TiB. */
export const SNAPSHOT_BYTES_MAX: number = 2 ** 40
/** What a joiner waits for one answer, which for a span means at least 70 kB/s. */
export const REQUEST_MS_MAX = 15_000
/** What a joiner waits for the next block while it follows the head. */
export const BLOCK_MS_MAX = 60_000
/** How long one source is followed while there are others: who is slow on purpose holds a joiner back for so long at most. */
export const TURN_MS_MAX = 60_000
/** Failures (not lies: a lie is enough) after which a source is not asked again. */
export const STRIKES_MAX = 3
/** Bytes of the snapshot that are read and imported at a time. */
export const IMPORT_BYTES: number = 256 * 2 ** 10
/** Connections that one server serves at a time; more are closed at once. */
export const CONNECTIONS_MAX = 256
/** Of these, from one address: one stranger leaves room for others. */
export const CONNECTIONS_PER_ADDRESS_MAX = 16
/** Faults of sources that are remembered. */
export const FAULTS_MAX = 1_000
/** What a server waits for a request, and for each piece of an answer to be taken. */
export const SERVER_MS_MAX = 30_000
/** Snapshots that a server keeps. */
export const SNAPSHOTS_MAX = 2
