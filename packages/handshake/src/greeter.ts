/**
 * The two ends of the greeting, as data and one function each: what the client says first, and what either side makes of the other's word.
 * Signatures are deterministic and synchronous, so this is part of the core; randomness comes in.
 */
import { isEd25519Signature, type KeyPair } from '@selvedge/crypto/ed25519'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { decodeAccessToken, tokenNameOf } from './access-token.ts'
import { CODES, nameOfCode } from './codes.ts'
import { CONNECTIONS_A_SESSION } from './constants.ts'
import { protocolError } from './frames.ts'
import { decodeHello, decodeWelcome, encodeHello, encodeWelcome, type Hello, helloTranscript, welcomeTranscript } from './greeting.ts'
import type { Welcome } from './greeting.ts'
import type { Admission, NodePayments, PayingSession, SessionPayer } from './paying.ts'
import { createHolderPayment, createJoinedPayment } from './joined-payment.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { JoinableSessions } from './joinable-sessions.ts'
import type { Sharing } from './owner-sharing.ts'
import { createClientPayment, createNodePayment } from './paying-core.ts'
import type { CreatePayment } from './payment-base.ts'
import { SessionConnections } from './session-connections.ts'

export interface Greeted {
  readonly welcome: Welcome
  readonly clientKey: Uint8Array
  /** What the node answers; the client answers nothing. */
  readonly welcomeBody: Uint8Array | undefined
  /** Of a paying session: 20 bytes, and what keeps its books. */
  readonly account?: Uint8Array
  readonly createPayment?: CreatePayment
  /** Node: a new session that pays, with the connections that may join it. */
  readonly connections?: SessionConnections
  /** Node: HELLO names this session, which the channel is for from here on. */
  readonly resumes?: ResumeTarget
}
/** A session that HELLO may name: what its first WELCOME said. */
export interface ResumeTarget {
  readonly welcome: Welcome
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
  /** Of a client that pays; its session key is `identity`. */
  readonly paying?: { readonly delegation: Uint8Array; readonly payer: SessionPayer; readonly sharing?: Pick<Sharing, 'begin'> | undefined }
}

export function createClientGreeter({ identity, nodeKey, chainId, channelBinding, rand, paying }: ClientGreeterOptions): Greeter {
  const bracket = paying?.delegation ?? new Uint8Array()
  const kind = paying === undefined ? 'guest' : 'delegation'
  const account = paying === undefined ? GUEST_ACCOUNT : bracket.slice(0, GUEST_ACCOUNT.length)
  const helloBody = helloOf({ chainId, nodeKey, clientKey: identity.publicKey, rand, kind, bracket }, channelBinding, identity)
  return {
    helloBody,
    answer(body) {
      const welcome = welcomeIn(body, { channelBinding, helloBody, nodeKey })
      const expected = sessionIdOf({
        chainId,
        account,
        sessionKey: identity.publicKey,
        nodeKey,
        laneNonce: welcome.laneNonce,
        epoch: welcome.epoch,
        clientRand: rand,
        nodeRand: welcome.rand,
      })
      const isNew = welcome.connection === 0 && expected.every((byte, i) => byte === welcome.sessionId[i])
      if (!isNew || (paying === undefined) !== (welcome.window === 0))
        throw protocolError(
          CODES.badFrame,
          `WELCOME is not for the new session of a ${paying === undefined ? 'guest' : 'client that pays'}`,
        )
      const greeted = { welcome, clientKey: identity.publicKey, welcomeBody: undefined }
      if (paying === undefined) return greeted
      const session = payingSessionOf(welcome, { account, clientRand: rand, channelBinding })
      return { ...greeted, account, createPayment: createClientPayment(session, paying.payer, paying.sharing) }
    },
  }
}

export type ClientResumeOptions = Omit<ClientGreeterOptions, 'paying'> & {
  /** The session's first WELCOME, and the token of the newest. */
  readonly welcome: Welcome
  readonly resumeToken: Uint8Array
}

/** For a session that goes on over another connection. */
export function createResumeGreeter(options: ClientResumeOptions): Greeter {
  const { identity, nodeKey, chainId, channelBinding, rand, welcome: first, resumeToken } = options
  const bracket = concat(first.sessionId, resumeToken)
  const helloBody = helloOf({ chainId, nodeKey, clientKey: identity.publicKey, rand, kind: 'resume', bracket }, channelBinding, identity)
  return {
    helloBody,
    answer(body) {
      const welcome = welcomeIn(body, { channelBinding, helloBody, nodeKey })
      const { sessionId, laneNonce, epoch, window, connection } = welcome
      const isSame = sessionId.every((byte, i) => byte === first.sessionId[i]) && laneNonce === first.laneNonce && epoch === first.epoch
      if (!isSame || window === 0 || connection !== 0) throw protocolError(CODES.badFrame, 'WELCOME is not for the session that goes on')
      return { welcome, clientKey: identity.publicKey, welcomeBody: undefined }
    },
  }
}

export type ClientJoinOptions = Omit<ClientGreeterOptions, 'paying'> & {
  readonly accessToken: Uint8Array
  /** Tells the owner of the session. Throws nothing. */
  readonly report: (report: HolderReport) => void
}

/** For a connection that joins a session with a token of its owner's. `identity` is a fresh key, which only ties the token to this channel. */
export function createJoinGreeter(options: ClientJoinOptions): Greeter {
  const { identity, nodeKey, chainId, channelBinding, rand, accessToken, report } = options
  const token = decodeAccessToken(accessToken)
  const hello = { chainId, nodeKey, clientKey: identity.publicKey, rand, kind: 'join', bracket: accessToken } as const
  const helloBody = helloOf(hello, channelBinding, identity)
  return {
    helloBody,
    answer(body) {
      const welcome = welcomeIn(body, { channelBinding, helloBody, nodeKey })
      const { sessionId, window, connection } = welcome
      const isSame = sessionId.every((byte, i) => byte === token.sessionId[i])
      if (!isSame || window === 0 || connection === 0 || connection >= CONNECTIONS_A_SESSION)
        throw protocolError(CODES.badFrame, 'WELCOME is not for the session that is joined')
      const createPayment = createHolderPayment(welcome, tokenNameOf(accessToken), report)
      return { welcome, clientKey: identity.publicKey, welcomeBody: undefined, createPayment }
    },
  }
}

function helloOf(hello: Hello, channelBinding: Uint8Array, identity: KeyPair): Uint8Array {
  const unsigned = encodeHello(hello)
  return concat(unsigned, identity.sign(helloTranscript(channelBinding, unsigned)))
}

interface Asked {
  readonly channelBinding: Uint8Array
  readonly helloBody: Uint8Array
  readonly nodeKey: Uint8Array
}

/** WELCOME, proven by the node key. */
function welcomeIn(body: Uint8Array, { channelBinding, helloBody, nodeKey }: Asked): Welcome {
  const { welcome, signature } = decodeWelcome(body)
  const transcript = welcomeTranscript(channelBinding, helloBody, body.subarray(0, body.length - signature.length))
  if (!isEd25519Signature(signature, transcript, nodeKey)) throw protocolError(CODES.badSignature, 'WELCOME is not signed by the node key')
  return welcome
}

export interface NodeGreeterOptions {
  readonly identity: KeyPair
  readonly chainId: number
  readonly channelBinding: Uint8Array
  /** 16 and 32 random bytes. */
  readonly rand: Uint8Array
  readonly resumeToken: Uint8Array
  readonly nodeTimeMs: bigint
  /** Of a guest. */
  readonly maxLanes: number
  /** The session that HELLO names, where its token and its key are right; WELCOME will say `resumeToken`. @default none can go on */
  readonly resume?: ((hello: Hello, resumeToken: Uint8Array) => ResumeTarget | undefined) | undefined
  /** Those that others may join, with a token. @default none */
  readonly joinable?: JoinableSessions | undefined
  /** Whether no more sessions are taken now: whoever comes is told 17. @default never */
  readonly isFull?: (() => boolean) | undefined
  /** Where there is a ledger; without it every client is a guest, and HELLO with a delegation is refused. */
  readonly payments?: NodePayments | undefined
  /** Hears what they throw. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Without `payments`: the node's counter of sessions, never repeated, and what WELCOME says of the ledger. */
  readonly laneNonce: bigint
  readonly nodeIndex: number
  readonly epoch: bigint
  readonly priceVersion: number
}

export function createNodeGreeter(options: NodeGreeterOptions): Greeter {
  const { identity, chainId, channelBinding, rand, resumeToken, nodeTimeMs, maxLanes, payments } = options
  return {
    helloBody: undefined,
    answer(body) {
      const { hello, signature } = decodeHello(body)
      const isMeantForUs = hello.chainId === chainId && hello.nodeKey.every((byte, i) => byte === identity.publicKey[i])
      if (!isMeantForUs) throw protocolError(CODES.notAuthorised, 'HELLO is for another node or chain')
      const transcript = helloTranscript(channelBinding, body.subarray(0, body.length - signature.length))
      if (!isEd25519Signature(signature, transcript, hello.clientKey))
        throw protocolError(CODES.badSignature, 'HELLO is not signed by its key')
      const signed = (welcome: Welcome): Uint8Array => {
        const unsigned = encodeWelcome(welcome)
        return concat(unsigned, identity.sign(welcomeTranscript(channelBinding, body, unsigned)))
      }
      const asGreeted = (welcome: Welcome): Greeted => ({ welcome, clientKey: hello.clientKey, welcomeBody: signed(welcome) })
      const resumes = hello.kind === 'resume' ? options.resume?.(hello, resumeToken) : undefined
      if (resumes !== undefined) {
        return { ...asGreeted({ ...resumes.welcome, rand, nodeTimeMs, resumeToken }), resumes }
      }
      if (hello.kind === 'join' && options.joinable !== undefined) {
        const place = options.joinable.place(hello.bracket)
        const { account, welcome: first } = place.connections.session
        const welcome = { ...first, rand, nodeTimeMs, resumeToken, connection: place.number }
        return { ...asGreeted(welcome), account, createPayment: createJoinedPayment(place) }
      }
      if (options.isFull?.() === true) throw protocolError(CODES.draining, 'no more sessions are taken')
      const admitted = hello.kind === 'delegation' ? admit(hello, options) : undefined
      if (admitted === undefined && hello.kind !== 'guest')
        throw protocolError(CODES.unknownSession, `HELLO to ${hello.kind} a session that is not known`)
      const { nodeIndex, epoch, priceVersion } = payments?.place ?? options
      const account = admitted?.account ?? GUEST_ACCOUNT
      const laneNonce =
        admitted?.laneNonce ?? (payments === undefined ? options.laneNonce : askBooks(() => payments.nextLaneNonce(), options))
      const sessionId = sessionIdOf({
        chainId,
        account,
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
        window: admitted?.window ?? 0,
        maxLanes: admitted?.maxLanes ?? maxLanes,
        connection: 0,
        nodeTimeMs,
        resumeToken,
      }
      const greeted = asGreeted(welcome)
      if (admitted === undefined) return greeted
      const session = payingSessionOf(welcome, { account, clientRand: hello.rand, channelBinding })
      const shared = { welcome, account, ownerKey: hello.clientKey, meter: admitted.meter, mint: options.joinable?.mint }
      const connections = new SessionConnections(shared)
      return { ...greeted, account, connections, createPayment: createNodePayment(session, admitted, connections) }
    },
  }
}

type Admitted = Exclude<Admission, { readonly refuse: number }>

/** The account, or a refusal with the code that the books name. HELLO's own signature was checked. */
function admit({ bracket, clientKey, rand: clientRand }: Hello, options: NodeGreeterOptions): Admitted {
  const { payments, rand, channelBinding } = options
  if (payments === undefined) throw protocolError(CODES.notAuthorised, 'no ledger: every client is a guest')
  const paying = { delegation: bracket, clientKey, clientRand, nodeRand: rand, channelBinding }
  const admission = askBooks(() => payments.admit(paying), options)
  if ('refuse' in admission) throw protocolError(admission.refuse, `the account is not served (${nameOfCode(admission.refuse)})`)
  return admission
}

/** Books that cannot be written, on a full disk say, send this client away with 23; the node and its other sessions go on. */
function askBooks<Answer>(ask: () => Answer, { onError }: NodeGreeterOptions): Answer {
  try {
    return ask()
  } catch (error) {
    onError?.(error)
    throw protocolError(CODES.internal, 'the books of the node failed')
  }
}

function payingSessionOf(
  { sessionId, laneNonce, epoch, nodeIndex, priceVersion, window, rand: nodeRand }: Welcome,
  client: Pick<PayingSession, 'account' | 'clientRand' | 'channelBinding'>,
): PayingSession {
  return { sessionId, laneNonce, epoch, nodeIndex, priceVersion, window, nodeRand, ...client }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
