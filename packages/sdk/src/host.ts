/**
 * The node's end of a service that runs in its process: hands it a request with ports bound to that, checks what comes back, counts. Nothing
 * that a service does is believed: its answer is encoded and decoded as it would be between two processes, and may name only what was opened
 * for this request and what this request asked for.
 */
import { type Address, checkAddress, isSameAddress } from './address.ts'
import { decodeServiceAnswer, encodeServiceAnswer, type ServiceAnswer } from './answer.ts'
import { ACCOUNT_BYTES, SESSION_ID_BYTES, WORTH_ADDRESSES_MAX } from './constants.ts'
import { malformed, SdkError } from './errors.ts'
import { type Handle, ownHandle } from './handle.ts'
import type { HostPorts } from './host-ports.ts'
import { createLogGate } from './log-gate.ts'
import type { LogPort, ServiceContext, ServiceRequest, Session, Usage } from './ports.ts'
import type { Service } from './service.ts'
import { isSameSpans } from './spans.ts'
import { StepClock } from './step-clock.ts'
import { Visit } from './visit.ts'

export interface ServiceHostOptions {
  /** Bytes of log that a service may write in a minute. @default 65,536 */
  readonly logBytesPerMinMax?: number
}

/** `opened` is now the caller's to close. */
export type HostAnswer<Opened> = { readonly handle: Handle; readonly opened: Opened } | { readonly status: number }

export interface AnswerOptions {
  readonly signal: AbortSignal
  /** Hears once, however the request ends, how many microseconds the service's own steps took for it (`StepClock`). */
  readonly onCpu?: (micros: number) => void
}

export interface ServiceHost<Opened> {
  readonly usage: Usage
  /**
   * Has one request answered.
   * @throws {SdkError} `SDK_SERVICE_FAILED`: the service threw, or answered with what it may not; `SDK_MALFORMED`: the request is none.
   * @throws the node's own error, unchanged, where the service gave up because of one.
   * @throws the reason of `signal`, as soon as it is aborted, whatever the service does.
   */
  answer(request: ServiceRequest, session: Session, options: AnswerOptions): Promise<HostAnswer<Opened>>
  /**
   * How much the service finds each content worth keeping, from 0 on; all is worth 0 to one that fails at it.
   * @param addresses - at most 1,024.
   * @throws {SdkError} `SDK_MALFORMED`; the reason of `signal`.
   */
  worthOf(addresses: readonly Address[], options: { readonly signal: AbortSignal }): Promise<readonly number[]>
  /** Counts bytes that a lane took for the service. */
  countEgress(bytes: number): void
}

export function createServiceHost<Opened>(
  service: Service,
  ports: HostPorts<Opened>,
  { logBytesPerMinMax = 65_536 }: ServiceHostOptions = {},
): ServiceHost<Opened> {
  return new ProcessHost(service, ports, createLogGate(ports.log, logBytesPerMinMax, ports.nowMs))
}

class ProcessHost<Opened> implements ServiceHost<Opened> {
  readonly #service: Service
  readonly #ports: HostPorts<Opened>
  readonly #log: LogPort
  #requests = 0
  #egressBytes = 0
  #cpuMicros = 0

  constructor(service: Service, ports: HostPorts<Opened>, log: LogPort) {
    this.#service = service
    this.#ports = ports
    this.#log = log
  }

  get usage(): Usage {
    return { requests: this.#requests, egressBytes: this.#egressBytes, cpuMicros: this.#cpuMicros }
  }

  countEgress(bytes: number): void {
    this.#egressBytes += bytes
  }

  async answer(request: ServiceRequest, session: Session, { signal, onCpu }: AnswerOptions): Promise<HostAnswer<Opened>> {
    const own = requestOf(request)
    const who = sessionOf(session)
    signal.throwIfAborted()
    this.#requests++
    const clock = new StepClock(this.#ports.nowMs)
    const visit = new Visit(this.#ports, sessionOf(session), clock, signal)
    const context: ServiceContext = {
      content: visit,
      session: who,
      meter: { usage: () => clock.hand(Promise.resolve(this.usage)) },
      log: (level, text) => clock.pause(() => this.#log(level, text)),
      signal,
    }
    try {
      const answer = await this.#answered(request, visit, () => clock.run(() => this.#service.contentHandler(own, context)), signal)
      if (!('handle' in answer)) {
        await visit.end()
        return answer
      }
      const { handle } = answer
      const opened = await visit.end(handle)
      if (opened === undefined) throw failed(this.#service, 'its handle was not opened for this request')
      return { handle, opened }
    } finally {
      this.#cpuMicros += clock.micros
      onCpu?.(clock.micros)
    }
  }

  /** What the service says, checked; where it says nothing that it may say, what it opened is closed. */
  async #answered(
    request: ServiceRequest,
    visit: Visit<Opened>,
    call: () => ReturnType<Service['contentHandler']>,
    signal: AbortSignal,
  ): Promise<ServiceAnswer> {
    try {
      const answer = decodeServiceAnswer(encodeServiceAnswer(await untilAborted(async () => await call(), signal)))
      if ('handle' in answer) checkFits(answer.handle, request)
      return answer
    } catch (error) {
      await visit.end().catch((fault: unknown) => this.#ports.log('error', `what a request opened could not be closed: ${textOf(fault)}`))
      if (signal.aborted) throw signal.reason
      const cause = visit.causeOf(error)
      if (cause !== undefined) throw cause
      const why = textOf(error)
      this.#log('error', `a request failed: ${why}`)
      throw failed(this.#service, why.slice(0, REASON_CHARACTERS), error)
    }
  }

  async worthOf(addresses: readonly Address[], { signal }: { readonly signal: AbortSignal }): Promise<readonly number[]> {
    if (addresses.length > WORTH_ADDRESSES_MAX) throw malformed(`at most ${WORTH_ADDRESSES_MAX} contents are valued at once`)
    for (const address of addresses) checkAddress(address)
    const own = addresses.map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }))
    signal.throwIfAborted()
    const clock = new StepClock(this.#ports.nowMs)
    try {
      return worthsIn(await untilAborted(async () => await clock.run(() => this.#service.worthHandler(own)), signal), addresses.length)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.#log('error', `contents could not be valued: ${textOf(error)}`)
      return addresses.map(() => 0)
    } finally {
      this.#cpuMicros += clock.micros
    }
  }
}

function worthsIn(given: unknown, count: number): readonly number[] {
  if (!Array.isArray(given) || given.length !== count) throw malformed(`of ${count} contents it says something else`)
  return Array.from({ length: count }, (_, i) => {
    const worth: unknown = given[i]
    if (typeof worth !== 'number' || !(worth >= 0 && worth < Number.POSITIVE_INFINITY)) throw malformed('a worth is a number from 0 on')
    return worth
  })
}

/** Of what a service threw, in the error that the node is given. */
const REASON_CHARACTERS = 256

/** What a service throws may be anything, also something that cannot be made into text. */
function textOf(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'what it threw has no text'
  }
}

const failed = ({ name }: Service, why: string, cause?: unknown): SdkError =>
  new SdkError('SDK_SERVICE_FAILED', `service ${name}: ${why}`, { name }, { cause })

/** Rejects with the reason of `signal` as soon as it is aborted; what the call comes to after that nobody hears. */
async function untilAborted<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let leave = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error)
  })
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([call(), aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** A client verifies against what it asked for, so nothing else would be of use to it. */
function checkFits(handle: Handle, { address, ranges, scope, pin }: ServiceRequest): void {
  const isAsked = isSameAddress(handle.address, address) && isSameSpans(handle.ranges, ranges) && handle.scope === scope
  if (!isAsked) throw malformed('its handle is not of what was asked for')
  if ((handle.priceClass === 'pin') !== pin) throw malformed(`its handle is of price class ${handle.priceClass}, which was not asked for`)
}

/** Checked, and with bytes of its own: a service may do with them what it likes. */
function requestOf({ method, address, ranges, scope, ifNoneMatch, pin }: ServiceRequest): ServiceRequest {
  const own = ownHandle({ address, ranges, scope, priceClass: pin ? 'pin' : 'table' })
  return { method, address: own.address, ranges: own.ranges, scope, ifNoneMatch, pin }
}

function sessionOf({ sessionId, account }: Session): Session {
  if (sessionId.length !== SESSION_ID_BYTES) throw malformed(`a session id must be ${SESSION_ID_BYTES} bytes, got ${sessionId.length}`)
  if (account !== undefined && account.length !== ACCOUNT_BYTES)
    throw malformed(`an account must be ${ACCOUNT_BYTES} bytes, got ${account.length}`)
  return { sessionId: sessionId.slice(), account: account?.slice() }
}
