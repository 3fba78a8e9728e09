/**
 * One WebSocket connection: requests in turn, and subscriptions that go no faster than the reader.
 *
 * A feed holds a position in the ledger, so nothing is queued for a reader but what its socket holds, `bufferBytesMax` and one message.
 * Requests are answered one after the other and the socket is not read meanwhile, nor while answers wait: a client that sends without
 * reading waits for itself.
 */
import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { JSON_RPC_CODES, RpcError } from '../errors.ts'
import { AGAIN, LATER, type Caller, errorObject, errorText, type Feed, type JsonRpc, notificationText } from '../json-rpc.ts'
import type { AnswerBudget } from './answer-budget.ts'
import { noRoom } from './http.ts'

export interface ConnectionParts {
  readonly rpc: JsonRpc
  readonly budget: AnswerBudget
  /** What the WebSocket runs over. */
  readonly wire: Duplex
  readonly take: Caller['take']
  readonly owe: (cost: number) => void
}

export interface ConnectionOptions {
  readonly subscriptionsMax: number
  readonly bufferBytesMax: number
}

/** A reader that fell behind may still have to read a full buffer before it hears why. */
const SLOW_CLOSE_MS = 10_000
/** After which a feed is asked again whose reader has used up its allowance, if no block comes before. */
const LATER_MS = 250

export class Connection {
  readonly #socket: WebSocket
  readonly #parts: ConnectionParts
  readonly #caller: Caller
  readonly #options: ConnectionOptions
  readonly #feeds = new Map<string, Feed>()
  /** Made by the request that is being answered: they begin after its answer, which names them. */
  readonly #fresh = new Map<string, Feed>()
  readonly #leaving = new AbortController()
  #turn: Promise<void> = Promise.resolve()
  #drained: (() => void) | undefined
  #isPumpDue = false
  #later: NodeJS.Timeout | undefined
  #isAlive = true
  #made = 0

  constructor(socket: WebSocket, parts: ConnectionParts, options: ConnectionOptions) {
    this.#socket = socket
    this.#parts = parts
    this.#options = options
    this.#caller = {
      take: parts.take,
      owe: parts.owe,
      signal: this.#leaving.signal,
      subscriptions: { add: (feed) => this.#add(feed), remove: (id) => this.#feeds.delete(id) || this.#fresh.delete(id) },
    }
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => (this.#isAlive = true))
    socket.on('error', () => socket.terminate()) // a frame that breaks the protocol, or a lost peer; `close` follows
    socket.on('close', () => this.#leave())
  }

  get subscriptionCount(): number {
    return this.#feeds.size + this.#fresh.size
  }

  /** Sends what the feeds have, as far as the reader keeps up. To be called after every block. */
  pump(): void {
    const { wire } = this.#parts
    wire.cork() // many small notifications leave in one write
    for (const [id, feed] of this.#feeds) {
      while (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount < this.#options.bufferBytesMax) {
        if (!this.#advance(id, feed)) break
      }
    }
    wire.uncork()
  }

  /** Ends a connection that has not answered since the last call, and asks the others whether they live. */
  checkAlive(): void {
    if (!this.#isAlive) return this.#socket.terminate()
    this.#isAlive = false
    this.#socket.ping()
  }

  /** Says why, and ends when the peer has answered or `withinMs` are over. Resolves then. */
  close(error: RpcError, withinMs: number): Promise<void> {
    const socket = this.#socket
    if (socket.readyState === socket.CLOSED) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.terminate(), withinMs)
      socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.resume() // a paused socket would not hear the peer's close
      socket.close(JSON_RPC_CODES[error.code], `${error.code}: ${error.message}`.slice(0, 120))
    })
  }

  /** Whether the feed may have more at once. */
  #advance(id: string, feed: Feed): boolean {
    try {
      const next = feed.next()
      if (next === undefined) return false
      if (next === AGAIN || next === LATER) {
        if (next === AGAIN) this.#pumpSoon()
        else this.#later ??= setTimeout(() => this.#pumpLater(), LATER_MS)
        return false
      }
      this.#send(notificationText(feed.notification, id, next))
      return true
    } catch (error) {
      this.#feeds.delete(id)
      const known = error instanceof RpcError ? error : new RpcError('RPC_INTERNAL', 'internal error')
      if (known.code === 'RPC_SLOW_READER') void this.close(known, SLOW_CLOSE_MS)
      else {
        const params = { subscription: id, error: errorObject(known) }
        this.#send(JSON.stringify({ jsonrpc: '2.0', method: feed.notification, params }))
      }
      return false
    }
  }

  #pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    setImmediate(() => {
      this.#isPumpDue = false
      this.pump()
    })
  }

  #pumpLater(): void {
    this.#later = undefined
    this.pump()
  }

  #send(text: string, sent?: () => void): void {
    this.#socket.send(text, () => {
      sent?.()
      this.#sent()
    })
  }

  /** An answer may be long, and its reader slow: then it is answered that there is no room. */
  #sendAnswer(text: string): void {
    const giveBack = this.#parts.budget.hold(text.length)
    if (giveBack === undefined) this.#send(errorText(null, noRoom()))
    else this.#send(text, giveBack)
  }

  #sent(): void {
    if (this.#socket.bufferedAmount >= this.#options.bufferBytesMax / 2) return
    this.#drained?.()
    if (this.#feeds.size > 0) this.#pumpSoon()
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#socket.pause()
    this.#turn = this.#turn.then(async () => {
      if (this.#leaving.signal.aborted) return
      const text = isBinary
        ? errorText(null, new RpcError('RPC_PARSE', 'a request is a text message'))
        : await this.#parts.rpc.answer(bytesOf(data), this.#caller)
      if (text !== undefined) this.#sendAnswer(text)
      for (const [id, feed] of this.#fresh) this.#feeds.set(id, feed)
      this.#fresh.clear()
      this.pump()
      while (this.#socket.bufferedAmount >= this.#options.bufferBytesMax && !this.#leaving.signal.aborted)
        await new Promise<void>((resolve) => (this.#drained = resolve))
      if (!this.#leaving.signal.aborted) this.#socket.resume()
    })
  }

  #add(feed: Feed): string {
    const { subscriptionsMax } = this.#options
    if (this.subscriptionCount >= subscriptionsMax)
      throw new RpcError('RPC_LIMIT', `at most ${subscriptionsMax} subscriptions a connection`)
    const id = `0x${(++this.#made).toString(16)}`
    this.#fresh.set(id, feed)
    return id
  }

  #leave(): void {
    this.#leaving.abort()
    clearTimeout(this.#later)
    this.#feeds.clear()
    this.#fresh.clear()
    this.#drained?.()
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
