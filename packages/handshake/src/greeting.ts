/**
 * HELLO and WELCOME (sessions.md §3): layouts, and what their signatures cover.
 *
 * Both signatures cover the channel binding, and HELLO names the node and the chain that the client means: so neither can be replayed on
 * another channel, at another node or on another chain, whatever carried it.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { CODES } from './codes.ts'
import { EPOCH_END, PROTOCOL_VERSION } from './constants.ts'
import { protocolError, viewOf, WELCOME_BODY_BYTES } from './frames.ts'

const SIGNATURE_BYTES = 64
/** `version u16 · chainId u32 · nodeKey 32 · clientKey 32 · rand 16 · flags u8`, before the bracket of the flags. */
const FIXED_BYTES = 87
/** The longest delegation: 142 + 4 × 32 services (network.md §5.2); the shortest names none. */
const DELEGATION_BYTES_MIN = 142
const DELEGATION_BYTES_MAX = 270
/** Where in a delegation the session key stands (32 bytes, after the account), and how many services it names (u8). */
const SESSION_KEY_OFFSET = 20
const SERVICE_COUNT_OFFSET = 76

/** How the client comes: the last three have one bracket each. */
export type HelloKind = 'guest' | 'delegation' | 'resume' | 'join'
const KINDS: ReadonlyMap<number, HelloKind> = new Map([
  [0, 'guest'],
  [1, 'delegation'],
  [2, 'resume'],
  [4, 'join'],
])
const FLAGS: Readonly<Record<HelloKind, number>> = { guest: 0, delegation: 1, resume: 2, join: 4 }

export interface Hello {
  readonly chainId: number
  readonly nodeKey: Uint8Array
  readonly clientKey: Uint8Array
  readonly rand: Uint8Array
  readonly kind: HelloKind
  /** guest: empty; delegation: the delegation; resume: `sessionId 16 · resumeToken 32`; join: `accessToken 48`. */
  readonly bracket: Uint8Array
}

/** The body without its signature. */
export function encodeHello({ chainId, nodeKey, clientKey, rand, kind, bracket }: Hello): Uint8Array {
  const lengthBytes = kind === 'delegation' ? 2 : 0
  const out = new Uint8Array(FIXED_BYTES + lengthBytes + bracket.length)
  const view = viewOf(out)
  view.setUint16(0, PROTOCOL_VERSION, true)
  view.setUint32(2, chainId, true)
  out.set(nodeKey, 6)
  out.set(clientKey, 38)
  out.set(rand, 70)
  out[86] = FLAGS[kind]
  if (kind === 'delegation') view.setUint16(FIXED_BYTES, bracket.length, true)
  out.set(bracket, FIXED_BYTES + lengthBytes)
  return out
}

/** Reads a whole body, signature included (returned apart). The version is judged before anything else. */
export function decodeHello(body: Uint8Array): { readonly hello: Hello; readonly signature: Uint8Array } {
  const view = viewOf(body)
  const version = view.getUint16(0, true)
  if (version !== PROTOCOL_VERSION) throw protocolError(CODES.unsupportedVersion, `HELLO of version ${version}`)
  if (body.length < FIXED_BYTES + SIGNATURE_BYTES) throw protocolError(CODES.badFrame, `HELLO of ${body.length} bytes`)
  const kind = KINDS.get(body[86]!)
  if (kind === undefined) throw protocolError(CODES.badFrame, `HELLO with flags ${body[86]}`)
  const chainId = view.getUint32(2, true)
  if (chainId === 0) throw protocolError(CODES.badFrame, 'HELLO for chain 0')
  const hello: Hello = {
    chainId,
    nodeKey: body.slice(6, 38),
    clientKey: body.slice(38, 70),
    rand: body.slice(70, 86),
    kind,
    bracket: bracketOf(kind, body.subarray(FIXED_BYTES, body.length - SIGNATURE_BYTES)),
  }
  return { hello, signature: new Uint8Array(body.subarray(-SIGNATURE_BYTES)) }
}

function bracketOf(kind: HelloKind, bytes: Uint8Array): Uint8Array {
  if (kind === 'delegation') {
    const length = bytes.length < 2 ? -1 : viewOf(bytes).getUint16(0, true)
    const isRight = length === bytes.length - 2 && length >= DELEGATION_BYTES_MIN && length <= DELEGATION_BYTES_MAX
    if (!isRight) throw protocolError(CODES.badFrame, 'HELLO: the delegation is not as long as it says')
    return new Uint8Array(bytes.subarray(2)) // `slice` of a Buffer is a view
  }
  if (bytes.length !== (kind === 'guest' ? 0 : 48))
    throw protocolError(CODES.badFrame, `HELLO: ${bytes.length} bytes where ${kind} has others`)
  return new Uint8Array(bytes)
}

/** The key that a delegation speaks for; undefined when it is not as long as the services that it names make it. */
export function sessionKeyIn(delegation: Uint8Array): Uint8Array | undefined {
  const length = DELEGATION_BYTES_MIN + 4 * (delegation[SERVICE_COUNT_OFFSET] ?? 0)
  if (delegation.length !== length || length > DELEGATION_BYTES_MAX) return undefined
  return delegation.subarray(SESSION_KEY_OFFSET, SESSION_KEY_OFFSET + 32)
}

/** What `clientKey` signs. `body` is without the signature. */
export function helloTranscript(channelBinding: Uint8Array, body: Uint8Array): Uint8Array {
  return transcriptOf('sessionHello', channelBinding, body)
}

export interface Welcome {
  readonly nodeIndex: number
  readonly epoch: bigint
  readonly priceVersion: number
  readonly laneNonce: bigint
  readonly rand: Uint8Array
  readonly sessionId: Uint8Array
  /** Bytes that may be unpaid; 0 = guest, no acknowledgements. */
  readonly window: number
  readonly maxLanes: number
  readonly connection: number
  readonly nodeTimeMs: bigint
  readonly resumeToken: Uint8Array
}

/** The body without its signature: 105 bytes. */
export function encodeWelcome(welcome: Welcome): Uint8Array {
  const out = new Uint8Array(WELCOME_BODY_BYTES - SIGNATURE_BYTES)
  const view = viewOf(out)
  view.setUint16(0, PROTOCOL_VERSION, true)
  view.setUint32(2, welcome.nodeIndex, true)
  view.setBigUint64(6, welcome.epoch, true)
  view.setUint32(14, welcome.priceVersion, true)
  view.setBigUint64(18, welcome.laneNonce, true)
  out.set(welcome.rand, 26)
  out.set(welcome.sessionId, 42)
  view.setUint32(58, welcome.window, true)
  view.setUint16(62, welcome.maxLanes, true)
  out[64] = welcome.connection
  view.setBigUint64(65, welcome.nodeTimeMs, true)
  out.set(welcome.resumeToken, 73)
  return out
}

/** Reads a whole body of 169 bytes, signature included (returned apart). */
export function decodeWelcome(body: Uint8Array): { readonly welcome: Welcome; readonly signature: Uint8Array } {
  const view = viewOf(body)
  const version = view.getUint16(0, true)
  if (version !== PROTOCOL_VERSION) throw protocolError(CODES.unsupportedVersion, `WELCOME of version ${version}`)
  const welcome: Welcome = {
    nodeIndex: view.getUint32(2, true),
    epoch: view.getBigUint64(6, true),
    priceVersion: view.getUint32(14, true),
    laneNonce: view.getBigUint64(18, true),
    rand: body.slice(26, 42),
    sessionId: body.slice(42, 58),
    window: view.getUint32(58, true),
    maxLanes: view.getUint16(62, true),
    connection: body[64]!,
    nodeTimeMs: view.getBigUint64(65, true),
    resumeToken: body.slice(73, 105),
  }
  if (welcome.epoch >= EPOCH_END) throw protocolError(CODES.badFrame, `WELCOME of epoch ${welcome.epoch}`)
  return { welcome, signature: body.slice(-SIGNATURE_BYTES) }
}

/** What the node key signs. `helloBody` is with its signature, `body` without. */
export function welcomeTranscript(channelBinding: Uint8Array, helloBody: Uint8Array, body: Uint8Array): Uint8Array {
  return transcriptOf('sessionWelcome', channelBinding, sha256(helloBody), body)
}
