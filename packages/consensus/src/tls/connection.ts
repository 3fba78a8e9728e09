/**
 * One connection to one peer whose key TLS has proven: greets, splits into frames, keeps alive, and ends what does not live.
 *
 * A connection ends when the other side's greeting is late or another chain's, when a frame is too long, when nothing comes for 20 s
 * (each side sends an empty frame every 5 s), or when what waits to be sent does not shrink for 30 s.
 */
import type { TLSSocket } from 'node:tls'
import { FrameSplitter, LENGTH_BYTES } from './framing.ts'
import { encodeHello, type HelloParts, isHello } from './hello.ts'

/** What a peer may take to say which chain it means, and a stranger to show a key. */
export const HANDSHAKE_TIMEOUT_MS = 5_000
/** A peer that is silent so long is gone. */
export const SILENCE_TIMEOUT_MS = 20_000
/** A peer that reads nothing so long while something waits for it is gone. */
export const STALL_TIMEOUT_MS = 30_000
const ALIVE_EVERY_MS = 5_000
/** Of what frames are joined in. */
const JOINED_BYTES_MIN = 64 * 2 ** 10
/** What is given to the socket beyond what it has passed on. */
const SOCKET_BYTES_MAX = 2 ** 20

export type ClosedReason =
  | 'closed' // by the other side, or the network
  | 'stopped' // by this one
  | 'replaced' // by a newer connection of the same peer
  | 'badHello' // another chain, another version, or nonsense
  | 'oversize' // a frame beyond 4 MiB
  | 'late' // no greeting in time
  | 'silent'
  | 'stalled'

export interface ConnectionEvents {
  readonly onReady: () => void
  readonly onFrame: (frame: Uint8Array) => void
  readonly onClosed: (reason: ClosedReason) => void
}

export class Connection {
  readonly #socket: TLSSocket
  readonly #due: HelloParts
  readonly #events: ConnectionEvents
  readonly #splitter = new FrameSplitter()
  readonly #alive: NodeJS.Timeout
  readonly #late: NodeJS.Timeout
  #isReady = false
  #isPaused = false
  #isFlushing = false
  #outbox: Uint8Array[] = []
  #outboxBytes = 0
  #reason: ClosedReason | undefined
  #heardAtMs = performance.now()
  #flushedAtMs = performance.now()
  /** What frames are joined in, while no write uses it. */
  #spare: Buffer | undefined

  /** @param greeting - ours to them; what is due from them is its mirror image. */
  constructor(socket: TLSSocket, greeting: HelloParts, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    this.#due = { ...greeting, sender: greeting.receiver, receiver: greeting.sender }
    this.#late = setTimeout(() => this.#end('late'), HANDSHAKE_TIMEOUT_MS)
    this.#alive = setInterval(() => this.#look(), ALIVE_EVERY_MS)
    socket.setNoDelay(true)
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => this.#end('closed'))
    socket.on('end', () => this.#end('closed'))
    socket.on('data', (chunk: Uint8Array) => {
      this.#heardAtMs = performance.now()
      this.#splitter.push(chunk)
      this.#drain()
    })
    this.send(encodeHello(greeting))
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get queuedBytes(): number {
    return this.#outboxBytes + this.#socket.writableLength
  }

  send(frame: Uint8Array): void {
    if (this.#reason !== undefined) return
    this.#outbox.push(frame)
    this.#outboxBytes += LENGTH_BYTES + frame.length
    if (this.#isFlushing) return
    this.#isFlushing = true
    process.nextTick(() => this.#flush()) // what one turn sends goes out together
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#heardAtMs = performance.now() // it could not be heard
    this.#drain()
    if (!this.#isPaused) this.#socket.resume()
  }

  close(reason: ClosedReason): void {
    this.#end(reason)
  }

  #drain(): void {
    while (!this.#isPaused && this.#reason === undefined) {
      const frame = this.#splitter.take()
      if (frame === 'incomplete') return
      if (frame === 'oversize') return this.#end('oversize')
      if (!this.#isReady) this.#greet(frame)
      else if (frame.length > 0) this.#events.onFrame(frame)
    }
  }

  #greet(frame: Uint8Array): void {
    if (!isHello(frame, this.#due)) return this.#end('badHello')
    clearTimeout(this.#late)
    this.#isReady = true
    this.#events.onReady()
  }

  /** A socket counts what it was given as one: it gets little at a time, so that one can see whether the other side reads. */
  #flush(): void {
    const socket = this.#socket
    this.#isFlushing = false
    if (this.#reason !== undefined) return
    while (this.#outbox.length > 0 && socket.writableLength < SOCKET_BYTES_MAX) {
      const size = this.#nextSize()
      const whole = this.#takeBuffer(size)
      this.#takeJoined(whole, size)
      socket.write(whole.subarray(0, size), () => {
        this.#flushedAtMs = performance.now()
        if (whole.length <= SOCKET_BYTES_MAX) this.#spare = whole // written: TLS and the system have what was in it
        if (this.#outbox.length > 0) this.#flush()
      })
    }
  }

  /** The same again where it is free and large enough: new ones, a megabyte many times a second, would keep the collector busy. */
  #takeBuffer(size: number): Buffer {
    const spare = this.#spare
    this.#spare = undefined
    return spare !== undefined && spare.length >= size ? spare : Buffer.allocUnsafeSlow(Math.max(size, JOINED_BYTES_MIN))
  }

  /**
   * Of frames with their lengths in one piece: each write is a way through TLS and a call of the system, and TLS copies several pieces
   * into one anyway. At least one frame; no more than a socket is to hold.
   */
  #nextSize(): number {
    let count = 0
    let size = 0
    do size += LENGTH_BYTES + (this.#outbox[count++] as Uint8Array).length
    while (count < this.#outbox.length && size + LENGTH_BYTES + (this.#outbox[count] as Uint8Array).length <= SOCKET_BYTES_MAX)
    return size
  }

  /** Moves frames of `size` bytes, lengths included, to the front of `whole`. */
  #takeJoined(whole: Buffer, size: number): void {
    let offset = 0
    let count = 0
    while (offset < size) {
      const frame = this.#outbox[count++] as Uint8Array
      whole.writeUInt32LE(frame.length, offset)
      whole.set(frame, offset + LENGTH_BYTES)
      offset += LENGTH_BYTES + frame.length
    }
    this.#outbox.splice(0, count)
    this.#outboxBytes -= size
  }

  /** Every five seconds. */
  #look(): void {
    const now = performance.now()
    if (!this.#isPaused && now - this.#heardAtMs > SILENCE_TIMEOUT_MS) return this.#end('silent')
    if (this.queuedBytes > 0 && now - this.#flushedAtMs > STALL_TIMEOUT_MS) return this.#end('stalled')
    if (this.queuedBytes === 0) this.send(new Uint8Array()) // says that this end lives; while anything else is sent that says it
  }

  #end(reason: ClosedReason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    clearTimeout(this.#late)
    clearInterval(this.#alive)
    this.#socket.destroy()
    this.#events.onClosed(reason)
  }
}
