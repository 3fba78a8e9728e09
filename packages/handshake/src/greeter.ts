/**
 * The two ends of the greeting, as data and one function each: what the client says first, and what either side makes of the other's word.
 * Signatures are deterministic and synchronous, so this is part of the core; randomness comes in.
 */
import { isEd25519Signature, type KeyPair } from '@selvedge/crypto/ed25519'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { CODES } from './codes.ts'
import { protocolError } from './frames.ts'
import { decodeHello, decodeWelcome, encodeHello, encodeWelcome, helloTranscript, type Welcome, welcomeTranscript } from './greeting.ts'

export interface Greeted {
  readonly welcome: Welcome
  readonly clientKey: Uint8Array
  /** What the node answers; the client answers nothing. */
  readonly welcomeBody: Uint8Array | undefined
}
export interface Greeter {
  /** The client's first word. */
  readonly helloBody: Uint8Array | undefined
  /** Judges the other side's greeting; throws a protocol error when it is not to be believed. */
  answer(body: Uint8Array): Greeted
}

const GUEST_ACCOUNT = new Uint8Array(20)

export interface ClientGreeterOptions {
  readonly identity: KeyPair
  readonly nodeKey: Uint8Array
  readonly chainId: number
  readonly channelBinding: Uint8Array
  /** 16 random bytes. */
  readonly rand: Uint8Array
}

export function createClientGreeter({ identity, nodeKey, chainId, channelBinding, rand }: ClientGreeterOptions): Greeter {
  const unsigned = encodeHello({ chainId, nodeKey, clientKey: identity.publicKey, rand, kind: 'guest', bracket: new Uint8Array() })
  const helloBody = concat(unsigned, identity.sign(helloTranscript(channelBinding, unsigned)))
  return {
    helloBody,
    answer(body) {
      const { welcome, signature } = decodeWelcome(body)
      const transcript = welcomeTranscript(channelBinding, helloBody, body.subarray(0, body.length - signature.length))
      if (!isEd25519Signature(signature, transcript, nodeKey))
        throw protocolError(CODES.badSignature, 'WELCOME is not signed by the node key')
      const expected = sessionIdOf({
        chainId,
        account: GUEST_ACCOUNT,
        sessionKey: identity.publicKey,
        nodeKey,
        laneNonce: welcome.laneNonce,
        epoch: welcome.epoch,
        clientRand: rand,
        nodeRand: welcome.rand,
      })
      const isNewGuest = welcome.window === 0 && welcome.connection === 0 && expected.every((byte, i) => byte === welcome.sessionId[i])
      if (!isNewGuest) throw protocolError(CODES.badFrame, 'WELCOME is not for the new session of a guest')
      return { welcome, clientKey: identity.publicKey, welcomeBody: undefined }
    },
  }
}

export interface NodeGreeterOptions {
  readonly identity: KeyPair
  readonly chainId: number
  readonly channelBinding: Uint8Array
  /** 16 and 32 random bytes. */
  readonly rand: Uint8Array
  readonly resumeToken: Uint8Array
  /** The node's counter of sessions, never repeated. */
  readonly laneNonce: bigint
  readonly nodeTimeMs: bigint
  readonly maxLanes: number
  readonly nodeIndex: number
  readonly epoch: bigint
  readonly priceVersion: number
}

export function createNodeGreeter(options: NodeGreeterOptions): Greeter {
  const { identity, chainId, channelBinding, rand, resumeToken, laneNonce, nodeTimeMs, maxLanes, nodeIndex, epoch, priceVersion } = options
  return {
    helloBody: undefined,
    answer(body) {
      const { hello, signature } = decodeHello(body)
      const isMeantForUs = hello.chainId === chainId && hello.nodeKey.every((byte, i) => byte === identity.publicKey[i])
      if (!isMeantForUs) throw protocolError(CODES.notAuthorised, 'HELLO is for another node or chain')
      const transcript = helloTranscript(channelBinding, body.subarray(0, body.length - signature.length))
      if (!isEd25519Signature(signature, transcript, hello.clientKey))
        throw protocolError(CODES.badSignature, 'HELLO is not signed by its key')
      if (hello.kind === 'delegation') throw protocolError(CODES.notAuthorised, 'no ledger: every client is a guest')
      if (hello.kind !== 'guest') throw protocolError(CODES.unknownSession, `HELLO to ${hello.kind} a session that is not known`)
      const sessionId = sessionIdOf({
        chainId,
        account: GUEST_ACCOUNT,
        sessionKey: hello.clientKey,
        nodeKey: identity.publicKey,
        laneNonce,
        epoch,
        clientRand: hello.rand,
        nodeRand: rand,
      })
      const welcome: Welcome = {
        nodeIndex,
        epoch,
        priceVersion,
        laneNonce,
        rand,
        sessionId,
        window: 0,
        maxLanes,
        connection: 0,
        nodeTimeMs,
        resumeToken,
      }
      const unsigned = encodeWelcome(welcome)
      const welcomeBody = concat(unsigned, identity.sign(welcomeTranscript(channelBinding, body, unsigned)))
      return { welcome, clientKey: hello.clientKey, welcomeBody }
    },
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
