// Goal: the published frames are decoded to what they say and encoded to the same bytes, what their signatures and MACs cover is what is published, the
// others are refused with their codes, and all of it is what the plain layouts make.
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { sessionIdOf, type SessionIdInputs } from '@selvedge/crypto/transcript'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeAccessToken, decodeTokenAsk, encodeTokenAsk, encodeTokenFields } from '../src/access-token.ts'
import { FrameReader } from '../src/frame-reader.ts'
import * as frames from '../src/frames.ts'
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeWelcome,
  helloTranscript,
  type Welcome,
  welcomeTranscript,
} from '../src/greeting.ts'
import * as payment from '../src/payment-frames.ts'
import { decodeResume, encodeResume } from '../src/resume-frame.ts'
import { createTokenMint } from '../src/token-mint.node.ts'
import { type FrameVectors, generate } from '../vectors/generate.ts'

const HEADER_BYTES = 8
const SIGNATURE_BYTES = 64
const text = readFileSync(new URL('../vectors/frames.json', import.meta.url), 'utf8')
const vectors = JSON.parse(text) as FrameVectors

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Bytes are `0x` and hex, a u64 is decimal text. */
function valueOf(json: unknown): unknown {
  if (typeof json === 'string') return json.startsWith('0x') ? fromHex(json.slice(2)) : /^\d+$/.test(json) ? BigInt(json) : json
  if (Array.isArray(json)) return json.map((each) => valueOf(each))
  if (typeof json === 'object' && json !== null)
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, valueOf(value)]))
  return json
}

interface Codec {
  readonly encode: (value: never) => Uint8Array
  readonly decode: (body: Uint8Array, flags: number) => unknown
}
interface Signed {
  readonly signature: Uint8Array
}
/** By frame; with flag 1 ACK is a tick, and TOKEN the answer. */
const CODECS: Readonly<Record<string, Codec>> = {
  HELLO: {
    encode: ({ signature, ...hello }: Parameters<typeof encodeHello>[0] & Signed) => joined(encodeHello(hello), signature),
    decode: (body) => {
      const { hello, signature } = decodeHello(body)
      return { ...hello, signature }
    },
  },
  WELCOME: {
    encode: ({ signature, ...welcome }: Welcome & Signed) => joined(encodeWelcome(welcome), signature),
    decode: (body) => {
      const { welcome, signature } = decodeWelcome(body)
      return { ...welcome, signature }
    },
  },
  OPEN: { encode: frames.encodeOpen, decode: frames.decodeOpen },
  ACCEPT: { encode: frames.encodeAccept, decode: frames.decodeAccept },
  DATA: { encode: ({ bytes }: { bytes: Uint8Array }) => bytes, decode: (bytes) => ({ bytes }) },
  CREDIT: {
    encode: ({ bytes }: { bytes: number }) => frames.encodeCredit(bytes),
    decode: (body) => ({ bytes: frames.decodeCredit(body) }),
  },
  RESET: { encode: frames.encodeReset, decode: frames.decodeReset },
  ACK: { encode: payment.encodeAck, decode: payment.decodeAck },
  'ACK 1': { encode: payment.encodeTick, decode: payment.decodeTick },
  EPOCH: { encode: payment.encodeEpoch, decode: payment.decodeEpoch },
  PING: {
    encode: ({ nonce }: { nonce: bigint }) => new Uint8Array(BigUint64Array.of(nonce).buffer), // its body is sent back as it came
    decode: (body) => ({ nonce: new DataView(body.buffer, body.byteOffset).getBigUint64(0, true) }),
  },
  TOKEN: { encode: encodeTokenAsk, decode: decodeTokenAsk },
  'TOKEN 1': {
    encode: ({ mac, ...fields }: ReturnType<typeof decodeAccessToken> & { mac: Uint8Array }) => joined(encodeTokenFields(fields), mac),
    decode: (body) => ({ ...decodeAccessToken(body), mac: body.slice(32) }),
  },
  GOAWAY: { encode: frames.encodeGoaway, decode: frames.decodeGoaway },
  PRICE: { encode: payment.encodePrice, decode: payment.decodePrice },
  RESUME: { encode: encodeResume, decode: decodeResume },
  WINDOW: { encode: payment.encodeWindow, decode: payment.decodeWindow },
  METER: { encode: payment.encodeMeter, decode: payment.decodeMeter },
}
const NAMES = new Map<number, string>(Object.entries(frames.FRAME).map(([name, type]) => [type, name.toUpperCase()]))
const codecOf = (frame: string, flags: number): Codec => (CODECS[`${frame} ${flags}`] ?? CODECS[frame])!

interface Read {
  readonly header: frames.FrameHeader
  readonly body: Uint8Array
}

/** The one frame in `bytes`, as a session reads it: the header is judged before the body is waited for. */
function readFrame(bytes: Uint8Array): Read {
  const read: Read[] = []
  const reader = new FrameReader({
    onHeader: frames.verifyHeader,
    onData: (header, piece) => void read.push({ header, body: piece.slice() }),
    onFrame: (header, body) => void read.push({ header, body: body.slice() }),
  })
  reader.push(bytes)
  expect([read.length, reader.heldBytes]).toEqual([1, 0])
  return read[0]!
}

test.each([...vectors.greetings, ...vectors.frames])('$name is one value and one encoding', ({ frame, flags, lane, fields, hex }) => {
  const { header, body } = readFrame(fromHex(hex))
  expect(header).toEqual({ type: frames.FRAME[frame.toLowerCase() as keyof typeof frames.FRAME], flags, lane, length: body.length })
  const { encode, decode } = codecOf(frame, flags)
  const value = valueOf(fields)
  expect(decode(body, flags)).toEqual(value)
  expect(toHex(frames.encodeFrame(header.type, flags, lane, encode(value as never)))).toBe(hex)
})

test.each(vectors.greetings)('the signature of $name', ({ frame, fields, hex, channelBinding, answers, signed, isSigned }) => {
  const body = fromHex(hex).subarray(HEADER_BYTES)
  const [plain, binding] = [body.subarray(0, -SIGNATURE_BYTES), fromHex(channelBinding)]
  const hello = vectors.greetings.find(({ name }) => name === answers)
  const [covered, key] =
    hello === undefined
      ? [helloTranscript(binding, plain), valueOf(fields['clientKey']) as Uint8Array]
      : [welcomeTranscript(binding, fromHex(hello.hex).subarray(HEADER_BYTES), plain), fromHex(vectors.nodeKey)]
  expect([toHex(covered), hello !== undefined]).toEqual([signed, frame === 'WELCOME'])
  expect(isEd25519Signature(body.subarray(-SIGNATURE_BYTES), covered, key)).toBe(isSigned)
})

test.each(vectors.refused)('refused: $name', ({ hex, code, laneCode }) => {
  expect(() => {
    const { header, body } = readFrame(fromHex(hex))
    codecOf(NAMES.get(header.type)!, header.flags).decode(body, header.flags)
  }).toThrow(expect.objectContaining({ code, laneCode }))
})

test.each(vectors.sessions)('a session has the id $hex', ({ fields, hex }) => {
  expect(toHex(sessionIdOf(valueOf(fields) as SessionIdInputs))).toBe(hex)
})

test.each(vectors.tokens)('a token $name', ({ hex, nowSeconds, laneCode }) => {
  const mint = createTokenMint({ nowSeconds: () => nowSeconds, randomBytes: () => fromHex(vectors.tokenSecret) })
  const open = (): Uint8Array => {
    const { expirySeconds, ...about } = mint.open(fromHex(hex))
    return mint.issue({ ...about, ttlSeconds: expirySeconds - nowSeconds })
  }
  if (laneCode === undefined) expect(toHex(open())).toBe(hex)
  else expect(open).toThrow(expect.objectContaining({ code: 'HANDSHAKE_PROTOCOL', laneCode }))
})

test('every frame is among them, with each flag that it may have, and every frame is refused in some form', () => {
  const shown = new Set([...vectors.greetings, ...vectors.frames].map(({ frame, flags }) => `${frame} ${flags}`))
  const flagged = ['DATA', 'ACK', 'PING', 'TOKEN', 'WINDOW']
  expect(shown).toEqual(new Set([...[...NAMES.values()].map((name) => `${name} 0`), ...flagged.map((name) => `${name} 1`)]))
  expect(new Set(vectors.refused.map(({ hex }) => Number.parseInt(hex.slice(0, 2), 16)))).toEqual(new Set([...NAMES.keys(), 0, 0x11]))
})

test('the published data is what its generator makes', () => {
  expect(generate()).toBe(text)
})
