/** Joins the session server to a service: a lane's request in, its answer and bytes out, its failure as a RESET. */
import { CONTENT_SERVICE_ID, ContentError, LANE_INTERNAL, type Resend, type WholeUnits } from '@selvedge/content'
import { SdkError } from '@selvedge/sdk'
import type { LaneContent } from './served-content.ts'

/** What this needs of a lane request; `onLane` of the session server hands out such. */
export interface LaneRequest {
  readonly serviceId: number
  readonly metadata: Uint8Array
  /** 16 bytes. */
  readonly sessionId: Uint8Array
  /** 20 bytes: who pays; undefined for a guest. */
  readonly account: Uint8Array | undefined
  readonly signal: AbortSignal
  /** `resend` makes bytes again that a cut of the connection has lost. */
  accept(metadata: Uint8Array, initialCredit: number, resend?: Resend): ServedLane
  reset(code: number, reason: string): void
}

export interface ServedLane {
  /** `unitEnds`: where in `parts` a reader can verify all that came; a lane that is paid for pauses only there. */
  write(parts: readonly Uint8Array[], options: { readonly unitEnds: readonly number[] }): Promise<void>
  end(): Promise<void> | void
  reset(code: number, reason?: string): void
}

/** One request that is over, and what it used. */
export interface LaneEvent {
  readonly status: number
  readonly mode: string
  /** That the lane took, proofs included. */
  readonly bytes: number
  readonly ms: number
  /** Microseconds of the service's own steps, as far as they can be told apart (`StepClock` of the SDK); nobody pays for them. */
  readonly cpuMicros: number
  /** Who pays, in hex; none for a guest. */
  readonly account?: string
  /** The code of the RESET that ended it, where one did. */
  readonly laneCode?: number
  readonly reason?: string
}

const LANE_UNKNOWN_SERVICE = 9
const LANE_SERVICE_FAILED = 10
/** Finer codes of what went wrong between this node and its origins. */
const OF_FETCHING = /^(?:ORIGIN|FETCHER)_/
/** A client of content sends nothing after its request: what it could send nobody would read, and it would stay in memory. */
const CLIENT_CREDIT_BYTES = 0
/**
 * So long an answer waits for the first of its units, as what is in the store needs: they leave in one write then, and arrive in one turn of
 * the client (decision 0028). What has to come from elsewhere does not keep its answer any longer.
 */
const TOGETHER_MS = 2

/** Serves one lane to its end. Never rejects: what goes wrong is what the lane is reset with, and an event. */
export async function serveLane(content: LaneContent, request: LaneRequest, onEvent: (event: LaneEvent) => void): Promise<void> {
  const began = performance.now()
  const { sessionId, account, signal } = request
  const payer = account === undefined ? {} : { account: Buffer.from(account).toString('hex') }
  const tally = { ...payer, status: 0, mode: 'none', bytes: 0, cpuMicros: 0 }
  let reset: (code: number, reason: string) => void = (code, reason) => request.reset(code, reason)
  try {
    if (request.serviceId !== CONTENT_SERVICE_ID)
      return request.reset(LANE_UNKNOWN_SERVICE, `service ${request.serviceId} is not offered here`)
    const onCpu = (micros: number): void => void (tally.cpuMicros += micros)
    const { fields, answer, units, resend } = await content.serve(request.metadata, { signal, session: { sessionId, account }, onCpu })
    tally.status = fields.status
    tally.mode = fields.mode ?? 'none'
    const pieces = units()[Symbol.asyncIterator]()
    try {
      const first = pieces.next()
      await settledOr(first, TOGETHER_MS)
      const lane = request.accept(answer, CLIENT_CREDIT_BYTES, resend)
      reset = (code, reason) => lane.reset(code, reason)
      await send(lane, pieces, first, (bytes) => {
        tally.bytes += bytes
        content.countEgress?.(bytes)
      })
    } finally {
      await pieces.return?.() // also where the lane was over before it could be accepted
    }
    onEvent({ ...tally, ms: performance.now() - began })
  } catch (error) {
    // The client's own end of the lane, or of the session, is nobody's failure: there is nobody left to tell.
    if (signal.aborted) return onEvent({ ...tally, ms: performance.now() - began, reason: 'cancelled' })
    const { laneCode, reason } = resetOf(error)
    reset(laneCode, reason)
    onEvent({ ...tally, ms: performance.now() - began, laneCode, reason: error instanceof ContentError ? error.reason : String(error) })
  }
}

/** Until `promise` has settled, in whatever way, and at most `ms`. Never rejects. */
function settledOr(promise: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const settled = (): void => {
      clearTimeout(timer)
      resolve()
    }
    promise.then(settled, settled)
  })
}

/**
 * The next units are read while others leave, so that neither waits for the other, and END goes with the last of them. Two writes of a lane are on their
 * way at most. Where the body fails, what came before it is sent: it is whole.
 */
async function send(
  lane: ServedLane,
  pieces: AsyncIterator<WholeUnits>,
  first: Promise<IteratorResult<WholeUnits>>,
  onTaken: (bytes: number) => void,
): Promise<void> {
  let before: Promise<void> | undefined
  for (let next = first; ; next = pieces.next()) {
    let step: IteratorResult<WholeUnits>
    try {
      step = await next
    } catch (error) {
      await before
      throw error
    }
    if (step.done === true) break
    const { parts, unitEnds, release } = step.value
    const writing = lane.write(parts, { unitEnds }).then(() => {
      release?.() // the carrier has let go of them
      onTaken(unitEnds.at(-1)!)
    })
    writing.catch(() => {}) // it is waited for when the one before it has left, unless that one fails
    await before
    before = writing
  }
  await lane.end()
  await before
}

/** What the client is told; of a service's own failure no more than that it was one, and of an origin's no more than its code: the text says where it is. */
function resetOf(error: unknown): { readonly laneCode: number; readonly reason: string } {
  if (error instanceof ContentError) {
    const { laneCode, reason, details } = error
    const finer = String(details['finer'])
    return { laneCode, reason: OF_FETCHING.test(finer) ? finer : reason }
  }
  if (error instanceof SdkError && error.code === 'SDK_SERVICE_FAILED') return { laneCode: LANE_SERVICE_FAILED, reason: error.code }
  return { laneCode: LANE_INTERNAL, reason: 'CONTENT_INTERNAL' }
}
