/** Joins the session server to the content server: a lane's request in, its answer and bytes out, its failure as a RESET. */
import { CONTENT_SERVICE_ID, ContentError, LANE_INTERNAL, type ContentServer } from '@selvedge/content'

/** What this needs of a lane request; `onLane` of the session server hands out such. */
export interface LaneRequest {
  readonly serviceId: number
  readonly metadata: Uint8Array
  readonly signal: AbortSignal
  accept(metadata: Uint8Array, initialCredit: number): ServedLane
  reset(code: number, reason: string): void
}

export interface ServedLane {
  /** `unitEnds`: where in `parts` a reader can verify all that came; a lane that is paid for pauses only there. */
  write(parts: readonly Uint8Array[], options: { readonly unitEnds: readonly number[] }): Promise<void>
  end(): Promise<void> | void
  reset(code: number, reason?: string): void
}

export interface LaneEvent {
  readonly status: number
  readonly mode: string
  readonly bytes: number
  readonly ms: number
  /** The code of the RESET that ended it, where one did. */
  readonly laneCode?: number
  readonly reason?: string
}

const LANE_UNKNOWN_SERVICE = 9
/** A client of content sends nothing after its request: what it could send nobody would read, and it would stay in memory. */
const CLIENT_CREDIT_BYTES = 0

/** Serves one lane to its end. Never rejects: what goes wrong is what the lane is reset with, and an event. */
export async function serveLane(content: ContentServer, request: LaneRequest, onEvent: (event: LaneEvent) => void): Promise<void> {
  const began = performance.now()
  const tally = { status: 0, mode: 'none', bytes: 0 }
  let reset: (code: number, reason: string) => void = (code, reason) => request.reset(code, reason)
  try {
    if (request.serviceId !== CONTENT_SERVICE_ID)
      return request.reset(LANE_UNKNOWN_SERVICE, `service ${request.serviceId} is not offered here`)
    const { fields, answer, units } = await content.serve(request.metadata, { signal: request.signal })
    tally.status = fields.status
    tally.mode = fields.mode ?? 'none'
    const pieces = units()[Symbol.asyncIterator]()
    try {
      const lane = request.accept(answer, CLIENT_CREDIT_BYTES)
      reset = (code, reason) => lane.reset(code, reason)
      for (let step = await pieces.next(); step.done !== true; step = await pieces.next()) {
        const { parts, unitEnds } = step.value
        await lane.write(parts, { unitEnds })
        tally.bytes += unitEnds.at(-1)!
      }
      await lane.end()
    } finally {
      await pieces.return?.() // also where the lane was over before it could be accepted
    }
    onEvent({ ...tally, ms: performance.now() - began })
  } catch (error) {
    // The client's own end of the lane, or of the session, is nobody's failure: there is nobody left to tell.
    if (request.signal.aborted) return onEvent({ ...tally, ms: performance.now() - began, reason: 'cancelled' })
    const known = error instanceof ContentError ? error : undefined
    const laneCode = known?.laneCode ?? LANE_INTERNAL
    const reason = known?.reason ?? 'CONTENT_INTERNAL'
    reset(laneCode, reason)
    onEvent({ ...tally, ms: performance.now() - began, laneCode, reason: known === undefined ? String(error) : reason })
  }
}
