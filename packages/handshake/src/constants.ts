/** Protocol numbers (sessions.md); each names its unit last and its section beside it. */
export const KIB: number = 1024
export const MIB: number = 1024 * KIB

/** §2: HELLO is the first flight of the only version there is. */
export const PROTOCOL_VERSION = 1
/** §2: ALPN name of the TLS carrier. */
export const ALPN = 'selvedge/1'
/** §2: `0x01 ‖ 32 bytes` over TLS, `0x02 ‖ 32 bytes` over Noise. */
export const CHANNEL_BINDING_BYTES = 33

/** §3: `type u8 | flags u8 | lane u16 | length u32`. */
export const HEADER_BYTES = 8
/** §3: longest body of a frame. */
export const FRAME_BYTES_MAX: number = 64 * KIB
/** §3: a lane is `connection · 8192 + k`, k = 1…8191, and a session has connection 0 and seven that join. */
export const LANES_A_CONNECTION = 8192
export const CONNECTIONS_A_SESSION = 8
/** Epochs of a session are below it: what is signed in one expires in the next, which is a number below 2^32 too. */
export const EPOCH_END: bigint = 2n ** 32n - 1n
/** §3: longest reason of a RESET, in bytes of UTF-8. */
export const REASON_BYTES_MAX = 256

/** §2: what a connection may hold before WELCOME, in bytes, and the longest HELLO. */
export const GREETING_BYTES_MAX: number = 4 * KIB
export const HELLO_BYTES_MAX = 512
/** §2: time to finish the handshake. */
export const GREETING_TIMEOUT_MS = 5_000
/** §2: unauthenticated connections at once. */
export const PENDING_MAX = 256

/** Connections at once, all together. */
export const CONNECTIONS_MAX = 4_096
/** Connections at once of one address: more than people behind one address have open, and far below what a node takes. */
export const CONNECTIONS_PER_ADDRESS_MAX = 64

/** §4: credit of a lane when it opens, and the most it may ever be. */
export const LANE_CREDIT_BYTES: number = 2 * MIB + 128 * KIB
export const LANE_CREDIT_BYTES_MAX: number = 16 * MIB
/** §4: least credit of a lane that is paid for: with what is not granted yet, a reader that has read all still has a unit's credit. */
export const PAYING_LANE_CREDIT_BYTES: number = 2 * MIB + 256 * KIB
/** §4: credit of a connection at WELCOME, both ways. */
export const CONNECTION_CREDIT_BYTES: number = 16 * MIB
/** §4: the longest unit, a block of 2 MiB and what stands before it; as many bytes are reserved for one whose end is not written yet. */
export const UNIT_BYTES_MAX: number = 2 * MIB + 128 * KIB
/** Lanes of a guest (§4). */
export const GUEST_LANES_MAX = 4
/** Lanes of a client that pays (§4). */
export const PAYING_LANES_MAX = 24

/** What a lane's reader takes before credit is given back: 128 KiB keeps limit − delivered at 2 MiB with the default credit (§4). */
export const LANE_GRANT_BYTES: number = 128 * KIB
export const CONNECTION_GRANT_BYTES: number = MIB
/** What one lane may send in its turn (§4, deficit round robin). */
export const QUANTUM_BYTES: number = FRAME_BYTES_MAX
/** Control frames that wait to be sent; above it nothing more is read, so that a flood of PINGs costs its sender, not us. */
export const CONTROL_BYTES_MAX: number = 64 * KIB

/** A session without lanes and without a frame is ended by the node (code 16). */
export const IDLE_TIMEOUT_MS = 60_000
/** Silence after which a side with open lanes sends PING, and how long it then waits (network.md §5.2: 30 s). */
export const PING_AFTER_MS = 15_000
export const PONG_TIMEOUT_MS = 30_000
/** Behind RESETs: so much of that time passes at most from one look to the next, and so much is left at its end to read what has come. A process may have stood still. */
export const PONG_LOOK_MS = 5_000
export const PONG_TURN_MS = 1_000
/** Other nodes that one GOAWAY names; a frame has room for 255, a client needs a few. */
export const HINTS_MAX = 16
/** What a node that takes no more sessions says of when to ask again. */
export const RETRY_AFTER_MS = 1_000
/** How long a side that has sent GOAWAY waits for the channel to end. */
export const CLOSING_TIMEOUT_MS = 2_000
/**
 * Ended lanes that a side remembers of a session that can be resumed. One whose end the other side has not seen counts as open there, and ends come in
 * order: so it is among the newest that ended, as many as may be open at once (24).
 */
export const ENDED_LANES_MAX = 64
/** §6: how long a session waits for its client, and how many do at a node: all together, and of one address. */
export const RESUME_TTL_MS = 60_000
export const SUSPENDED_MAX = 1_024
export const SUSPENDED_PER_ADDRESS_MAX = 32
/** How long a client waits before it dials again: at once, then doubling from the one to the other. */
export const REDIAL_MS_MIN = 100
export const REDIAL_MS_MAX = 5_000
/** §7: how long an access token may be good. */
export const TOKEN_TTL_SECONDS_MAX = 600
/** Tokens that a client asks for at once. */
export const TOKEN_ASKS_MAX = 16
/** Places of a session, of the seven for who joins, that one token takes: until nothing is owed for what was there. */
export const TOKEN_PLACES_MAX = 2
/** Tokens whose holders an owner believes: the newest that he was given, and older ones that have a lane. */
export const TOKENS_KEPT_MAX = 1_024
/** Lanes of joined connections that a client knows of at once: 24 are open, and of some nobody may tell it that they are not. */
export const JOINED_LANES_MAX = 256
/** Of them, those of one token: two connections may have been there with 24 each, and some were left by their reader and are verified on. */
export const HOLDER_LANES_MAX = 64
/** The newest epochs of a session of which it is remembered what was said: one that is away waits for a minute, and an epoch has 12 s at least. */
export const EPOCHS_SAID_MAX = 16
/**
 * Lanes of joined connections that are not acknowledged to their end, at a node. EPOCH names each of them, in one frame: it must not be a token's holder who
 * makes that too long for it.
 */
export const JOINED_UNSETTLED_MAX = 1_024
/** Lanes refused on arrival that wait for the answer to their RESET; a client that makes more of them is sent away. */
export const REFUSED_LANES_MAX = 64
/** Lanes of whose RESET a node has shown that it read it, without an answer: an honest one has none. One that makes more of them is left. */
export const UNANSWERED_LANES_MAX = 64
/** DATA that comes on them all the same, in bytes: one unit is passed over. */
export const UNANSWERED_BYTES_MAX: number = UNIT_BYTES_MAX
