/**
 * The node's end of a service that runs in its process: hands it a request with ports bound to that, checks what comes back, counts. Nothing
 * that a service does is believed: its answer is encoded and decoded as it would be between two processes, and may name only what was opened
 * for this request and what this request asked for.
 */
import { isSameAddress } from './address.ts'
import { decodeServiceAnswer, encodeServiceAnswer, type ServiceAnswer } from './answer.ts'
import { ACCOUNT_BYTES, SESSION_ID_BYTES } from './constants.ts'
import { malformed, SdkError } from './errors.ts'
import { type Handle, ownHandle } from './handle.ts'
import type { HostPorts } from './host-ports.ts'
import { createLogGate } from './log-gate.ts'
import type { ServiceContext, ServiceRequest, Session, Usage } from './ports.ts'
import type { Service } from './service.ts'
import { isSameSpans } from './spans.ts'
import { Visit } from './visit.ts'

export interface ServiceHostOptions {
  /** Bytes of log that a service may write in a minute. @default 65,536 */
  readonly logBytesPerMinMax?: number
}

/** `opened` is now the caller's to close. */
export type HostAnswer<Opened> = { readonly handle: Handle; readonly opened: Opened } | { readonly status: number }

export interface ServiceHost<Opened> {
  readonly usage: Usage
  /**
   * Has one request answered.
   * @throws {SdkError} `SDK_SERVICE_FAILED`: the service threw, or answered with what it may not; `SDK_MALFORMED`: the request is none.
   * @throws the node's own error, unchanged, where the service gave up because of one.
   * @throws the reason of `signal`, as soon as it is aborted, whatever the service does.
   */
  answer(request: ServiceRequest, session: Session, options: { readonly signal: AbortSignal }): Promise<HostAnswer<Opened>>
  /** Counts bytes that a lane took for the service. */
  countEgress(bytes: number): void
}

export function createServiceHost<Opened>(
  service: Service,
  ports: HostPorts<Opened>,
  { logBytesPerMinMax = 65_536 }: ServiceHostOptions = {},
): ServiceHost<Opened> {
  const log = createLogGate(ports.log, logBytesPerMinMax, ports.nowMs)
  let requests = 0
  let egressBytes = 0
  const usage = (): Usage => ({ requests, egressBytes })
  return {
    get usage() {
      return usage()
    },
    async answer(request, session, { signal }) {
      const own = requestOf(request)
      const who = sessionOf(session)
      signal.throwIfAborted()
      requests++
      const visit = new Visit(ports, signal)
      const context: ServiceContext = { content: visit, session: who, meter: { usage: async () => usage() }, log, signal }
      let answer: ServiceAnswer
      try {
        answer = await untilAborted(async () => await service.contentHandler(own, context), signal)
        answer = decodeServiceAnswer(encodeServiceAnswer(answer))
        if ('handle' in answer) checkFits(answer.handle, request)
      } catch (error) {
        await visit.end().catch((fault: unknown) => ports.log('error', `what a request opened could not be closed: ${textOf(fault)}`))
        if (signal.aborted) throw signal.reason
        const cause = visit.causeOf(error)
        if (cause !== undefined) throw cause
        const why = textOf(error)
        log('error', `a request failed: ${why}`)
        throw failed(service, why.slice(0, REASON_CHARACTERS), error)
      }
      if (!('handle' in answer)) {
        await visit.end()
        return answer
      }
      const { handle } = answer
      const opened = await visit.end(handle)
      if (opened === undefined) throw failed(service, 'its handle was not opened for this request')
      return { handle, opened }
    },
    countEgress(bytes) {
      egressBytes += bytes
    },
  }
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
function checkFits(handle: Handle, { address, ranges, scope }: ServiceRequest): void {
  if (isSameAddress(handle.address, address) && isSameSpans(handle.ranges, ranges) && handle.scope === scope) return
  throw malformed('its handle is not of what was asked for')
}

/** Checked, and with bytes of its own: a service may do with them what it likes. */
function requestOf({ method, address, ranges, scope, ifNoneMatch }: ServiceRequest): ServiceRequest {
  const own = ownHandle({ address, ranges, scope, priceClass: 'table' })
  return { method, address: own.address, ranges: own.ranges, scope, ifNoneMatch }
}

function sessionOf({ sessionId, account }: Session): Session {
  if (sessionId.length !== SESSION_ID_BYTES) throw malformed(`a session id must be ${SESSION_ID_BYTES} bytes, got ${sessionId.length}`)
  if (account !== undefined && account.length !== ACCOUNT_BYTES)
    throw malformed(`an account must be ${ACCOUNT_BYTES} bytes, got ${account.length}`)
  return { sessionId: sessionId.slice(), account: account?.slice() }
}
