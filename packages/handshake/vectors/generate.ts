/**
 * Makes `frames.json` from the plain layouts beside this file, never from the code that is tested:
 *
 *   node --conditions=@selvedge/source vectors/generate.ts
 *
 * Every frame of sessions.md with what it says, and others that are refused, with the codes. Bytes are `0x` and hex, a u64 is decimal text; `hex` is the
 * whole frame, `signed` what the signature of a greeting covers. Keys are from seeds of one repeated byte; delegation and acknowledgement, which are opaque
 * to sessions, are those of delivery-acknowledgements.md.
 */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { delegationDigestOf, encodeAcknowledgement, encodeDelegation, signAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { writeFileSync } from 'node:fs'
import {
  ascii,
  bodyOf,
  hello,
  hexOf,
  type Hex,
  type Json,
  macOf,
  raw,
  sha256,
  tokenFields,
  TYPES,
  u32,
  u64,
  u8,
  welcome,
} from './layouts.ts'
import { type Frame, refusedFrames, type RefusedFrame } from './refused.ts'

const CHAIN_ID = 1337
const EPOCH = '5'
const NODE_INDEX = 2
const PRICE_VERSION = 3
const U64_MAX = String(2n ** 64n - 1n)
const U32_MAX = 2 ** 32 - 1
const NOW_SECONDS = 1_800_000_000

const fill = (byte: number, size: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(size)}`
const hexIn = (bytes: Uint8Array): Hex => Buffer.from(bytes).toString('hex')
const bytesIn = (hex: Hex): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

const CLIENT = createKeyPair(new Uint8Array(32).fill(1))
const NODE = createKeyPair(new Uint8Array(32).fill(2))
const HOLDER = createKeyPair(new Uint8Array(32).fill(4))
const WALLET = new Uint8Array(32).fill(3)
const ACCOUNT = addressOf(secp256k1PublicKeyOf(WALLET))
/** Over TLS, and another connection's over Noise. */
const BINDING = `01${'b1'.repeat(32)}`
const OTHER_BINDING = `02${'b2'.repeat(32)}`
const TOKEN_SECRET = '7e'.repeat(32)
const CLIENT_RAND = fill(0x11, 16)
const NODE_RAND = fill(0x22, 16)
const LANE_NONCE = '65537'

/** HELLO or WELCOME: which signature, over what, and whether it holds. */
export interface Greeting extends Frame {
  readonly channelBinding: Hex
  /** WELCOME: the HELLO that it answers. */
  readonly answers?: string
  readonly signed: Hex
  readonly isSigned: boolean
}

const frameOf = (name: string, frame: string, fields: Json, lane = 0, flags = 0): Frame => {
  return { name, frame, flags, lane, fields, hex: raw(TYPES[frame]!, flags, lane, bodyOf(frame, flags, fields)) }
}

/** @param over - the channel binding that is signed, where it is not the connection's. */
function helloOf(name: string, about: Json, keys: typeof CLIENT = CLIENT, over: Hex = BINDING): Greeting {
  const plain = {
    chainId: CHAIN_ID,
    nodeKey: `0x${hexIn(NODE.publicKey)}`,
    clientKey: `0x${hexIn(keys.publicKey)}`,
    rand: CLIENT_RAND,
    ...about,
  }
  const covered = (binding: Hex): Hex => ascii('selvedge/session-hello/1\0') + binding + hello(plain)
  const fields = { ...plain, signature: `0x${hexIn(keys.sign(bytesIn(covered(over))))}` }
  return { ...frameOf(name, 'HELLO', fields), channelBinding: BINDING, signed: covered(BINDING), isSigned: over === BINDING }
}

/** @param over - the HELLO that is signed, where it is not the one that came. */
function welcomeOf(name: string, about: Json, answers: Greeting, over: Greeting = answers): Greeting {
  const base = { nodeIndex: NODE_INDEX, epoch: EPOCH, priceVersion: PRICE_VERSION, laneNonce: LANE_NONCE, rand: NODE_RAND }
  const plain: Json = { ...base, connection: 0, nodeTimeMs: String(1_000 * NOW_SECONDS), resumeToken: fill(0x33, 32), ...about }
  const covered = ({ hex }: Greeting): Hex => ascii('selvedge/session-welcome/1\0') + BINDING + sha256(hex.slice(16)) + welcome(plain)
  const fields = { ...plain, signature: `0x${hexIn(NODE.sign(bytesIn(covered(over))))}` }
  const rest = { channelBinding: BINDING, answers: answers.name, signed: covered(answers), isSigned: over === answers }
  return { ...frameOf(name, 'WELCOME', fields), ...rest }
}

/** As both ends make it of what they said: the first 16 bytes of a hash. */
function sessionOf(account: Hex): Hex {
  const keys = hexIn(CLIENT.publicKey) + hexIn(NODE.publicKey)
  const preimage =
    ascii('selvedge/dack/session/1\0') +
    u32(CHAIN_ID) +
    account +
    keys +
    u64(LANE_NONCE) +
    u64(EPOCH) +
    hexOf(CLIENT_RAND) +
    hexOf(NODE_RAND)
  return `0x${sha256(preimage).slice(0, 32)}`
}

const GUEST_SESSION = sessionOf('00'.repeat(20))
const SESSION = sessionOf(hexIn(ACCOUNT))

function delegation(services: readonly number[]): Hex {
  const fields = { account: ACCOUNT, sessionKey: CLIENT.publicKey, spendCap: 1_000_000n, notAfterEpoch: 9n, nonce: 1n, services }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), WALLET)
  return `0x${hexIn(encodeDelegation({ ...fields, signature: Uint8Array.of(...signature, v) }))}`
}

function acknowledgement(seq: number, isFinal: boolean): Hex {
  const fields = {
    chainId: CHAIN_ID,
    account: ACCOUNT,
    sessionId: bytesIn(hexOf(SESSION)),
    nodeIndex: NODE_INDEX,
    serviceId: 0,
    isFinal,
    epoch: BigInt(EPOCH),
    seq,
    cumBytes: 1_048_576n,
    cumCpuMicros: 0n,
    cumPrice: 10n,
    priceVersion: PRICE_VERSION,
    contentRoot: new Uint8Array(32).fill(0x44),
    ttfbMs: 12,
    goodputKbps: 90_000,
    payAnchor: new Uint8Array(32),
    expiryEpoch: Number(EPOCH) + 1,
  }
  return `0x${hexIn(encodeAcknowledgement(signAcknowledgement(fields, CLIENT.sign)))}`
}

function tokenOf(expirySeconds: number, scope: string, serial: number): Json {
  const fields = { sessionId: SESSION, serviceId: 0, expirySeconds, scope, serial }
  return { ...fields, mac: `0x${macOf(TOKEN_SECRET, tokenFields(fields))}` }
}

function greetings(): Greeting[] {
  const join = bodyOf('TOKEN', 1, tokenOf(NOW_SECONDS + 60, 'read', 0))
  const guest = helloOf('HELLO of a guest', { kind: 'guest', bracket: '0x' })
  const payer = helloOf('HELLO with a delegation', { kind: 'delegation', bracket: delegation([]) })
  const resume = helloOf('HELLO that resumes', { kind: 'resume', rand: fill(0x12, 16), bracket: `${SESSION}${hexOf(fill(0x33, 32))}` })
  const holder = helloOf('HELLO that joins', { kind: 'join', rand: fill(0x13, 16), bracket: `0x${join}` }, HOLDER)
  const paid = { sessionId: SESSION, window: 262_144, maxLanes: 24 }
  return [
    guest,
    payer,
    helloOf('HELLO with a delegation of two services', { kind: 'delegation', bracket: delegation([0, 7]) }),
    resume,
    holder,
    helloOf('HELLO that was signed on another channel', { kind: 'guest', bracket: '0x' }, CLIENT, OTHER_BINDING),
    welcomeOf('WELCOME of a guest', { sessionId: GUEST_SESSION, window: 0, maxLanes: 4 }, guest),
    welcomeOf('WELCOME of a client that pays', paid, payer),
    welcomeOf('WELCOME that resumes', { ...paid, rand: fill(0x23, 16), resumeToken: fill(0x34, 32) }, resume),
    welcomeOf('WELCOME that joins', { ...paid, rand: fill(0x24, 16), connection: 1, resumeToken: fill(0x35, 32) }, holder),
    welcomeOf('WELCOME that answers another HELLO', { sessionId: GUEST_SESSION, window: 0, maxLanes: 4 }, guest, payer),
  ]
}

function frames(): Frame[] {
  const epoch = { epoch: '6', rand: fill(0x25, 16), priceVersion: PRICE_VERSION }
  const price = { priceVersion: PRICE_VERSION, bytePrice: '10', cpuPrice: '50', fromEpoch: EPOCH }
  const mark = { lane: 1, isTaken: true, isEnded: false, received: 1_048_576, limit: 3_276_800 }
  return [
    frameOf('OPEN', 'OPEN', { serviceId: 7, initialCredit: 2_359_296, metadata: fill(0xaa, 5) }, 1),
    frameOf('OPEN without metadata, on the highest lane', 'OPEN', { serviceId: U32_MAX, initialCredit: 0, metadata: '0x' }, 65_535),
    frameOf('ACCEPT', 'ACCEPT', { initialCredit: 2_228_224, metadata: fill(0xbb, 3) }, 1),
    frameOf('ACCEPT without metadata', 'ACCEPT', { initialCredit: U32_MAX, metadata: '0x' }, 8_193),
    frameOf('DATA', 'DATA', { bytes: fill(0xcc, 4) }, 1),
    frameOf('DATA that ends a half', 'DATA', { bytes: fill(0xcc, 2) }, 1, 1),
    frameOf('DATA that ends a half and brings nothing', 'DATA', { bytes: '0x' }, 1, 1),
    frameOf('CREDIT of a lane', 'CREDIT', { bytes: 131_072 }, 1),
    frameOf('CREDIT of the connection', 'CREDIT', { bytes: U32_MAX }),
    frameOf('RESET', 'RESET', { code: 25, offset: '1048576', reason: 'done — enough' }, 1),
    frameOf('RESET without a reason', 'RESET', { code: 65_535, offset: U64_MAX, reason: '' }, 1),
    frameOf('ACK of two lanes', 'ACK', {
      acknowledgement: acknowledgement(1, false),
      lanes: [1, 8_193].map((lane) => ({ lane, verifiedOffset: '524288' })),
    }),
    frameOf('ACK that is FINAL, of no lane', 'ACK', { acknowledgement: acknowledgement(2, true), lanes: [] }),
    frameOf('ACK of the highest lane and offset', 'ACK', {
      acknowledgement: fill(0xff, 236),
      lanes: [{ lane: 65_535, verifiedOffset: U64_MAX }],
    }),
    frameOf('a tick', 'ACK', { epoch: EPOCH, serviceId: 7, index: 256, preimage: fill(0x55, 32) }, 0, 1),
    frameOf('EPOCH of two lanes', 'EPOCH', { ...epoch, lanes: [1, 2].map((lane) => ({ lane, offset: String(16_384 * lane) })) }),
    frameOf('EPOCH without lanes, the last one that may be', 'EPOCH', { ...epoch, epoch: String(2n ** 32n - 2n), lanes: [] }),
    frameOf('PING', 'PING', { nonce: '1' }),
    frameOf('PONG', 'PING', { nonce: U64_MAX }, 0, 1),
    frameOf('TOKEN, asked for', 'TOKEN', { serviceId: 0, ttlSeconds: 600, scope: 'any' }),
    frameOf('TOKEN, asked for, to read', 'TOKEN', { serviceId: U32_MAX, ttlSeconds: 1, scope: 'read' }),
    frameOf('TOKEN, given, to read', 'TOKEN', tokenOf(NOW_SECONDS + 60, 'read', 0), 0, 1),
    frameOf('TOKEN, given, for both halves', 'TOKEN', tokenOf(NOW_SECONDS + 600, 'any', U32_MAX), 0, 1),
    frameOf('GOAWAY', 'GOAWAY', { code: 17, retryAfterMs: 1_000, nodes: [5, 4, U32_MAX] }),
    frameOf('GOAWAY that names no node', 'GOAWAY', { code: 2, retryAfterMs: 0, nodes: [] }),
    frameOf('PRICE of two services', 'PRICE', {
      ...price,
      services: [0, 7].map((serviceId) => ({ serviceId, multiplePpm: 1_000_000 - serviceId })),
    }),
    frameOf('PRICE of none', 'PRICE', { ...price, bytePrice: U64_MAX, cpuPrice: U64_MAX, services: [] }),
    frameOf('RESUME of a client', 'RESUME', {
      epoch: EPOCH,
      lanes: [mark, { ...mark, lane: 3, isTaken: false, isEnded: true, received: 0 }],
      chains: [],
    }),
    frameOf('RESUME of a node', 'RESUME', {
      epoch: '6',
      lanes: [{ ...mark, isEnded: true, limit: Number.MAX_SAFE_INTEGER }],
      chains: [
        { epoch: '5', serviceId: 0, seq: 9 },
        { epoch: '5', serviceId: 7, seq: 0 },
        { epoch: '6', serviceId: 0, seq: 1 },
      ],
    }),
    frameOf('RESUME of nothing', 'RESUME', { epoch: '0', lanes: [], chains: [] }),
    frameOf('WINDOW', 'WINDOW', { window: 262_144, isStopped: false }),
    frameOf('WINDOW of a node that is stopped', 'WINDOW', { window: U32_MAX, isStopped: true }, 0, 1),
    frameOf('METER', 'METER', { serviceId: 7, epoch: EPOCH, cumCpuMicros: '1500' }),
    frameOf('METER of the highest values', 'METER', { serviceId: U32_MAX, epoch: String(2n ** 32n - 2n), cumCpuMicros: U64_MAX }),
  ]
}

/** What the node that made it says to a token at `nowSeconds`: `laneCode`, or none. */
export interface JudgedToken {
  readonly name: string
  readonly hex: Hex
  readonly nowSeconds: number
  readonly laneCode?: number
}

function judgedTokens(): JudgedToken[] {
  const fields = tokenFields(tokenOf(NOW_SECONDS + 60, 'read', 0))
  const whole = fields + macOf(TOKEN_SECRET, fields)
  const withMac = (name: string, changed: Hex): JudgedToken => {
    return { name, hex: changed + macOf(TOKEN_SECRET, changed), nowSeconds: NOW_SECONDS, laneCode: 1 }
  }
  return [
    { name: 'in its time', hex: whole, nowSeconds: NOW_SECONDS },
    { name: 'in its last second', hex: whole, nowSeconds: NOW_SECONDS + 59 },
    { name: 'past', hex: whole, nowSeconds: NOW_SECONDS + 60, laneCode: 5 },
    { name: 'longer good than any is', hex: whole, nowSeconds: NOW_SECONDS - 541, laneCode: 5 },
    { name: "with another's MAC", hex: fields + macOf('7d'.repeat(32), fields), nowSeconds: NOW_SECONDS, laneCode: 6 },
    {
      name: 'of another service than its MAC',
      hex: fields.slice(0, 32) + u32(1) + fields.slice(40) + whole.slice(64),
      nowSeconds: NOW_SECONDS,
      laneCode: 6,
    },
    { name: 'cut', hex: whole.slice(0, 94), nowSeconds: NOW_SECONDS, laneCode: 6 },
    { name: 'with a byte behind it', hex: `${whole}00`, nowSeconds: NOW_SECONDS, laneCode: 6 },
    withMac('of an unknown scope, with its MAC', fields.slice(0, 48) + u8(2) + fields.slice(50)),
    withMac('with something where nothing is, with its MAC', `${fields.slice(0, 62)}01`),
  ]
}

export interface FrameVectors {
  readonly nodeKey: Hex
  readonly tokenSecret: Hex
  readonly sessions: readonly { readonly fields: Json; readonly hex: Hex }[]
  readonly greetings: readonly Greeting[]
  readonly frames: readonly Frame[]
  readonly refused: readonly RefusedFrame[]
  readonly tokens: readonly JudgedToken[]
}

/** All of the file, as it stands. */
export function generate(): string {
  const inputs = (account: Hex): Json => {
    const keys = { sessionKey: `0x${hexIn(CLIENT.publicKey)}`, nodeKey: `0x${hexIn(NODE.publicKey)}` }
    return {
      chainId: CHAIN_ID,
      account: `0x${account}`,
      ...keys,
      laneNonce: LANE_NONCE,
      epoch: EPOCH,
      clientRand: CLIENT_RAND,
      nodeRand: NODE_RAND,
    }
  }
  const accepted = { greetings: greetings(), frames: frames() }
  const vectors: FrameVectors = {
    nodeKey: hexIn(NODE.publicKey),
    tokenSecret: TOKEN_SECRET,
    sessions: [
      { fields: inputs('00'.repeat(20)), hex: hexOf(GUEST_SESSION) },
      { fields: inputs(hexIn(ACCOUNT)), hex: hexOf(SESSION) },
    ],
    ...accepted,
    refused: refusedFrames([...accepted.greetings, ...accepted.frames]),
    tokens: judgedTokens(),
  }
  return `${JSON.stringify(vectors, undefined, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('frames.json', import.meta.url), generate())
