/** Protocol numbers: the same on every member, because a frame that one accepts and another refuses splits the committee. */

const KIB = 2 ** 10
const MIB = 2 ** 20

export const DIGEST_BYTES = 32
/** Ed25519. */
export const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64
/** BLS12-381, min-pk. */
export const BLS_KEY_BYTES = 48
export const BLS_SIGNATURE_BYTES = 96

/** Authorities are u16, and so is their number. */
export const COMMITTEE_SIZE_MAX: number = 2 ** 16 - 1
/** Kind byte included; what carries it adds its own length. */
export const FRAME_BYTES_MAX: number = 4 * MIB
export const TRANSACTION_BYTES_MAX: number = 64 * KIB
/** Encoded. A worker seals at `batchBytesMax` (500 kB by default), so the last transaction may stand across that. */
export const BATCH_BYTES_MAX: number = 2 * MIB
/** In one batch or block: taking 2 MiB of empty ones apart costs a second, and every member must do it. */
export const TRANSACTION_COUNT_MAX: number = 2 ** 14
export const PAYLOAD_COUNT_MAX = 1_000
/** All of one header or block together, without their length fields. */
export const SYSTEM_TRANSACTION_BYTES_MAX: number = 4 * KIB
/** How far above the own round a header may be without being asked for. */
export const ROUND_LEAD_MAX = 1_000
/** Digests in one request for batches. */
export const BATCH_REQUEST_COUNT_MAX = 64
/** Certificates or digests of certificates in one request. */
export const CERTIFICATE_REQUEST_COUNT_MAX = 1_000
/** Digests in one request for blocks. */
export const BLOCK_REQUEST_COUNT_MAX = 32
/** What one peer may show an amnesiac of its own signatures. */
export const STATEMENT_COUNT_MAX = 8_192
/** Opaque to this package but for its first 20 bytes: chainId u32, epoch u64, height u64. */
export const CHECKPOINT_BYTES_MIN = 20
export const CHECKPOINT_BYTES_MAX = 280
