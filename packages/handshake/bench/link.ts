/**
 * A wire between two ends, in a process of its own: carries TCP to a port on this machine at 1 Gbit/s each way, each byte 25 ms late.
 * What waits for the wire is bounded as in a router: then no more is read of who sends it.
 *
 *   link.ts PORT
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { answerParent } from './other-process.ts'

export interface LinkFacts {
  readonly port: number
}

const BYTES_PER_MS = 125_000
const DELAY_MS = 25
/** Of bytes that wait for the wire, and of those that the other end has not taken. */
const WAITING_MS_MAX = 20
const UNTAKEN_BYTES_MAX = 8 * 2 ** 20

interface Flight {
  readonly bytes: Uint8Array
  readonly dueMs: number
}

/** One direction. */
class Wire {
  readonly #source: Socket
  readonly #target: Socket
  readonly #flying: Flight[] = []
  #freeAtMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Socket, target: Socket) {
    this.#source = source
    this.#target = target
    source.on('data', (bytes: Uint8Array) => this.#send(bytes))
    source.on('end', () => this.#send(new Uint8Array()))
  }

  /** No bytes: the end. */
  #send(bytes: Uint8Array): void {
    const nowMs = performance.now()
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes.length / BYTES_PER_MS
    this.#flying.push({ bytes, dueMs: this.#freeAtMs + DELAY_MS })
    if (this.#isFull(nowMs)) this.#source.pause()
    this.#timer ??= setTimeout(() => this.#arrive(), 1)
  }

  #arrive(): void {
    const nowMs = performance.now()
    this.#timer = undefined
    for (let first = this.#flying[0]; first !== undefined && first.dueMs <= nowMs; first = this.#flying[0]) {
      this.#flying.shift()
      if (first.bytes.length === 0) this.#target.end()
      else this.#target.write(first.bytes)
    }
    if (this.#source.isPaused() && !this.#isFull(nowMs)) this.#source.resume()
    if (this.#flying.length > 0 || this.#source.isPaused()) this.#timer = setTimeout(() => this.#arrive(), 1)
  }

  #isFull(nowMs: number): boolean {
    return this.#freeAtMs - nowMs > WAITING_MS_MAX || this.#target.writableLength > UNTAKEN_BYTES_MAX
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

const targetPort = Number(process.argv[2])
const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true, allowHalfOpen: true })
  const wires = [new Wire(near, far), new Wire(far, near)]
  const stop = (): void => {
    near.destroy()
    far.destroy()
    for (const wire of wires) wire.stop()
  }
  near.on('error', stop).on('close', stop)
  far.on('error', stop).on('close', stop)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const facts: LinkFacts = { port: (server.address() as { port: number }).port }
answerParent(facts, {})
