/**
 * One request at a service: the ports bound to it, and what it opened. However it ends, all that was opened is closed but the one that is
 * answered with; what the node opens after that is closed as it comes.
 */
import { type Address, checkAddress } from './address.ts'
import { OPENS_MAX } from './constants.ts'
import { SdkError } from './errors.ts'
import { type Handle, isSameHandle, ownHandle } from './handle.ts'
import type { HostPorts } from './host-ports.ts'
import type { ContentPort, ContentStat, OpenContentOptions, OpenedContent, Session } from './ports.ts'
import { ALL_CHUNKS } from './spans.ts'
import type { StepClock } from './step-clock.ts'

export class Visit<Opened> implements ContentPort {
  readonly #ports: HostPorts<Opened>
  readonly #session: Session
  readonly #clock: StepClock
  readonly #signal: AbortSignal
  readonly #opened: { readonly handle: Handle; readonly opened: Opened }[] = []
  /** The node's own errors behind those that the service was given. */
  readonly #causes = new WeakMap<object, unknown>()
  #opens = 0
  #isOver = false

  constructor(ports: HostPorts<Opened>, session: Session, clock: StepClock, signal: AbortSignal) {
    this.#ports = ports
    this.#session = session
    this.#clock = clock
    this.#signal = signal
  }

  stat(address: Address): Promise<ContentStat> {
    return this.#clock.hand(this.#clock.pause(() => this.#stat(address)))
  }

  open(address: Address, options: OpenContentOptions = {}): Promise<OpenedContent | undefined> {
    return this.#clock.hand(this.#clock.pause(() => this.#open(address, options)))
  }

  async #stat(address: Address): Promise<ContentStat> {
    this.#checkOpen()
    checkAddress(address)
    const { state, size, pin } = await this.#asked(() => this.#ports.stat(ownAddress(address), this.#session, this.#signal))
    return { state, size, pin }
  }

  async #open(address: Address, options: OpenContentOptions): Promise<OpenedContent | undefined> {
    this.#checkOpen()
    const { ranges = ALL_CHUNKS, scope = 'entity', keep = true, priceClass = 'table' } = options
    const handle = ownHandle({ address, ranges, scope, priceClass })
    if (++this.#opens > OPENS_MAX) throw new SdkError('SDK_TOO_MANY', `more than ${OPENS_MAX} are opened for one request`)
    const found = await this.#asked(() => this.#ports.open(handle, keep, this.#signal))
    if (found === undefined) return undefined
    const { opened, facts } = found
    if (this.#isOver) {
      await this.#ports.close(opened)
      this.#checkOpen()
    }
    this.#opened.push({ handle, opened })
    const { state, kind, size, root } = facts
    return { handle: ownHandle(handle), state, kind, size, root: root?.slice() }
  }

  /**
   * Ends it. @returns what `handle` was opened as, no longer to be closed here; undefined where it was not, or none is given.
   * @throws what the node's `close` throws; then all are closed that could be, the handle's too.
   */
  async end(handle?: Handle): Promise<Opened | undefined> {
    this.#isOver = true
    const chosen = handle && this.#opened.find((each) => isSameHandle(each.handle, handle))
    const others = this.#opened.filter((each) => each !== chosen)
    const closed = await Promise.allSettled(others.map(async (each) => await this.#ports.close(each.opened)))
    const failed = closed.find((each) => each.status === 'rejected')
    if (failed === undefined) return chosen?.opened
    if (chosen !== undefined) await this.#ports.close(chosen.opened)
    throw failed.reason
  }

  /** The node's own error, where the service hands back the one that stands for it. */
  causeOf(error: unknown): unknown {
    return typeof error === 'object' && error !== null ? this.#causes.get(error) : undefined
  }

  /** The node does nothing more for a request that was answered. */
  #checkOpen(): void {
    if (this.#isOver) throw new SdkError('SDK_CONTENT_FAILED', 'the request is over')
  }

  /** Calls the node. What went wrong there names hosts and paths, which are not for a service to know. */
  async #asked<T>(call: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted()
    try {
      return await call()
    } catch (cause) {
      if (this.#signal.aborted) throw this.#signal.reason
      const hidden = new SdkError('SDK_CONTENT_FAILED', 'the node could not get it')
      this.#causes.set(hidden, cause)
      throw hidden
    }
  }
}

const ownAddress = ({ kind, bytes }: Address): Address => ({ kind, bytes: bytes.slice() })
