/**
 * The secured channel where there is no TLS of our own (docs/protocol/sessions.md): Noise_NK_25519_AESGCM_SHA256 over whole messages. The
 * client knows the node's X25519 key, the prologue names the chain and the node's Ed25519 key, the payloads of both handshake messages are
 * empty, and the channel binding is `0x02` and the handshake's hash. After it, messages are a byte stream that is cut anywhere.
 *
 * Sealing and opening are asynchronous and keep the order of the calls: one chain of promises for each direction.
 */
import {
  createNoiseInitiator,
  createNoiseResponder,
  NOISE_MESSAGE_BYTES_MAX,
  NOISE_TAG_BYTES,
  X25519_BYTES,
  type NoiseChannel,
} from '@selvedge/crypto/noise'
import { transcriptOf } from '@selvedge/crypto/transcript'
import type { Carrier, CarrierEvents } from '../carrier.ts'
import { HandshakeError } from '../errors.ts'
import { Mailbox, type MessagePipe } from './message-pipe.ts'

/** Of one Noise message. */
const PLAIN_BYTES_MAX = NOISE_MESSAGE_BYTES_MAX - NOISE_TAG_BYTES
/** Of both messages of the handshake: a key, and the tag of an empty payload. */
const HANDSHAKE_MESSAGE_BYTES = X25519_BYTES + NOISE_TAG_BYTES
const BINDING_NOISE = 2

export interface NoiseNames {
  /** The node's Ed25519 key, 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly chainId: number
}

/** @throws {HandshakeError} `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_UNREACHABLE`; the pipe is then closed. */
export async function secureAsClient(
  pipe: MessagePipe,
  { x25519, ...names }: NoiseNames & { readonly x25519: Uint8Array },
): Promise<Carrier> {
  const mailbox = new Mailbox(pipe)
  try {
    const handshake = createNoiseInitiator({ prologue: prologueOf(names), remoteStatic: x25519 })
    pipe.send(await handshake.write(), () => {})
    await handshake.read(await handshakeMessage(mailbox))
    return new NoiseCarrier(pipe, mailbox, handshake.split())
  } catch (cause) {
    pipe.destroy()
    const { code, message } = cause as { readonly code?: string; readonly message: string }
    if (code === 'NOISE_REFUSED')
      throw new HandshakeError('HANDSHAKE_WRONG_KEY', 'the other side does not hold the keys of the node that was asked for', {}, { cause })
    throw new HandshakeError('HANDSHAKE_UNREACHABLE', `no Noise channel: ${message}`, {}, { cause })
  }
}

/**
 * A first message of another length costs no curve operation, one that does not open one agreement, one that opens two and a fresh key.
 * @throws what made it fail; the pipe is then closed.
 */
export async function secureAsNode(
  pipe: MessagePipe,
  { x25519Secret, x25519, ...names }: NoiseNames & { readonly x25519Secret: Uint8Array; readonly x25519?: Uint8Array | undefined },
): Promise<Carrier> {
  const mailbox = new Mailbox(pipe)
  try {
    const first = await handshakeMessage(mailbox)
    const staticKey = x25519 === undefined ? {} : { staticKey: x25519 }
    const handshake = createNoiseResponder({ prologue: prologueOf(names), staticSecret: x25519Secret, ...staticKey })
    await handshake.read(first)
    pipe.send(await handshake.write(), () => {})
    return new NoiseCarrier(pipe, mailbox, handshake.split())
  } catch (error) {
    pipe.destroy()
    throw error
  }
}

function prologueOf({ nodeKey, chainId }: NoiseNames): Uint8Array {
  const chain = new Uint8Array(4)
  new DataView(chain.buffer).setUint32(0, chainId, true)
  return transcriptOf('noise', chain, nodeKey)
}

/** The other side's. Its length says that its payload is empty, before anything is computed for it. */
async function handshakeMessage(mailbox: Mailbox): Promise<Uint8Array> {
  const message = await mailbox.next()
  if (message.length === HANDSHAKE_MESSAGE_BYTES) return message
  throw new Error(`a handshake message of ${message.length} bytes, not ${HANDSHAKE_MESSAGE_BYTES}`)
}

class NoiseCarrier implements Carrier {
  readonly channelBinding: Uint8Array
  readonly #pipe: MessagePipe
  readonly #mailbox: Mailbox
  readonly #channel: NoiseChannel
  readonly #unflushed = new Set<() => void>()
  #sealing: Promise<void> = Promise.resolve()
  #opening: Promise<void> = Promise.resolve()
  #events: CarrierEvents | undefined
  #error: Error | undefined
  /** Nothing more is handed on. */
  #isOver = false
  #isClosed = false

  constructor(pipe: MessagePipe, mailbox: Mailbox, channel: NoiseChannel) {
    this.#pipe = pipe
    this.#mailbox = mailbox
    this.#channel = channel
    this.channelBinding = Uint8Array.of(BINDING_NOISE, ...channel.hash)
  }

  start(events: CarrierEvents): void {
    this.#events = events
    this.#mailbox.handOver({ onMessage: (message) => this.#open(message), onClosed: (error) => this.#close(error) })
  }

  send(parts: readonly Uint8Array[], onFlushed: () => void): void {
    const flushed = (): void => {
      if (this.#unflushed.delete(flushed)) onFlushed()
    }
    this.#unflushed.add(flushed)
    if (this.#isClosed) return queueMicrotask(flushed)
    this.#pipe.trust() // what a session sends first is HELLO, before which no node speaks, or WELCOME, by which the client is known
    const sealed = messagesOf(parts).map((plain) => this.#channel.send.encrypt(plain))
    const send = async (): Promise<void> => {
      for (const [i, each] of sealed.entries()) this.#pipe.send(await each, i === sealed.length - 1 ? flushed : () => {})
      if (sealed.length === 0) flushed()
    }
    this.#sealing = this.#sealing.then(send).catch((error: unknown) => this.#fail(error as Error))
  }

  pause(): void {
    this.#pipe.pause()
  }

  resume(): void {
    this.#pipe.resume()
  }

  end(): void {
    void this.#sealing.then(() => this.#pipe.end())
  }

  destroy(): void {
    this.#isOver = true
    this.#pipe.destroy()
  }

  #open(message: Uint8Array): void {
    const opened = this.#channel.receive.decrypt(message)
    const handOn = async (): Promise<void> => {
      const bytes = await opened
      if (!this.#isOver && bytes.length > 0) this.#events?.onBytes(bytes)
    }
    this.#opening = this.#opening.then(handOn).catch((error: unknown) => this.#fail(error as Error))
    opened.catch(() => {}) // it is told in its turn
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.destroy()
  }

  /** What came before the end is handed on first. */
  #close(error: Error | undefined): void {
    void this.#opening.then(() => {
      this.#isOver = true
      this.#isClosed = true
      this.#events?.onClosed(this.#error ?? error)
      for (const flushed of this.#unflushed) flushed() // each removes itself, which a Set allows
    })
  }
}

/** The bytes of `parts` as messages, as few as there can be; a part that is a message of its own is not copied. */
function messagesOf(parts: readonly Uint8Array[]): Uint8Array[] {
  let left = parts.reduce((sum, { length }) => sum + length, 0)
  const messages: Uint8Array[] = []
  let message: Uint8Array | undefined
  let filled = 0
  for (const part of parts) {
    if (message === undefined && part.length === Math.min(left, PLAIN_BYTES_MAX) && part.length > 0) {
      messages.push(part)
      left -= part.length
      continue
    }
    for (let at = 0; at < part.length; ) {
      message ??= new Uint8Array(Math.min(left, PLAIN_BYTES_MAX))
      const taken = part.subarray(at, at + message.length - filled)
      message.set(taken, filled)
      at += taken.length
      filled += taken.length
      if (filled < message.length) continue
      messages.push(message)
      left -= filled
      message = undefined
      filled = 0
    }
  }
  return messages
}
