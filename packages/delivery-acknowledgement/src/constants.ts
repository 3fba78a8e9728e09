/** Numbers of the protocol: docs/protocol/delivery-acknowledgements.md names the same. All sizes are in bytes. */

export const ACCOUNT_BYTES = 20
export const DIGEST_BYTES = 32
export const SESSION_ID_BYTES = 16
export const RAND_BYTES = 16
export const ED25519_SIGNATURE_BYTES = 64
/** `r 32 · s 32 · v u8`. */
export const ACCOUNT_SIGNATURE_BYTES = 65

/** What is signed of an acknowledgement. */
export const ACKNOWLEDGEMENT_PREIMAGE_BYTES = 172
export const ACKNOWLEDGEMENT_BYTES: number = ACKNOWLEDGEMENT_PREIMAGE_BYTES + ED25519_SIGNATURE_BYTES
/** A delegation that names no service. */
export const DELEGATION_BYTES = 142
/** Services that one delegation can name. */
export const DELEGATION_SERVICES_MAX = 32

/** Payload that each tick stands for. */
export const TICK_BYTES = 65_536n
/** Ticks that may follow one acknowledgement, and so the hashes that a ledger makes at most to check one. */
export const TICKS_MAX = 256
/** Elements of a chain of ticks. */
export const TICK_CHAIN_LENGTH = 65_536

/** Lanes that one frame ACK can name. */
export const ACK_LANES_MAX = 255
/** Lanes of connection 0 are below it, those of connections that joined above. */
export const OWN_LANES_END = 8_192
/** Longest unit, a block of 2 MiB with its head: nothing of it can be verified before its last byte. */
export const UNIT_BYTES_MAX: number = 2 ** 21 + 2 ** 17
/** Lanes of a paying session, all its connections together. */
export const PAYING_LANES_MAX = 24
/** Sessions of one account at one node. */
export const SESSIONS_PER_ACCOUNT_MAX = 64

/** `serviceId u32be · clientIndex u32be · sessionId 16`. */
export const CLAIM_KEY_BYTES = 24
/** Levels of a claim's tree. */
export const CLAIM_DEPTH_MAX = 32
/** Largest sum of a claim, in µUSD. */
export const CLAIM_SUM_MAX: bigint = 2n ** 63n
/** Points that are drawn when every reveal was given. */
export const CHALLENGE_POINTS = 64
/** Largest part of a claim's debits. */
export const DEBITS_PART_BYTES_MAX = 61_440
/** Largest debit of one client at one node for one service in one epoch, in µUSD: a u48. */
export const DEBIT_MAX: bigint = 2n ** 48n - 1n

/** One, in parts per million. */
export const PPM = 1_000_000n
/** One more than the largest u32 and u64. */
export const U32_END: bigint = 2n ** 32n
export const U64_END: bigint = 2n ** 64n
