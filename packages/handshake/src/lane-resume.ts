/**
 * Lanes that go on over a new connection (sessions.md §6): what each side says of them, and what it makes of the other's word. Whatever was lost with
 * the old connection follows from the two: OPEN, ACCEPT, RESET and END are said again, credit is where the reader stands, and DATA goes on at the
 * byte that the other side has.
 */
import { CODES } from './codes.ts'
import { LANE_CREDIT_BYTES_MAX } from './constants.ts'
import { FRAME, protocolError } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import type { LaneHost, LaneProtocol } from './lane-protocol.ts'
import { decodeResume, encodeResume, type LaneMark } from './resume-frame.ts'

const MARKS_MAX = 256

/** What this side says first on a new connection, which has a credit of its own. */
export function resumeBodyOf(lanes: LaneProtocol, host: LaneHost): Uint8Array {
  lanes.credit.restart()
  lanes.resets.restart()
  const { epoch, chains } = lanes.payment!.place
  return encodeResume({ epoch, lanes: marksOf(lanes, host), chains })
}

/**
 * What the other side said. The order matters: money first, so that what becomes of lanes is told to books that know of the connection; then lanes;
 * then epochs, which name them. @returns the code that ends the session, if one does. Throws where what is said cannot be.
 */
export function goOn(lanes: LaneProtocol, host: LaneHost, body: Uint8Array, nowMs: number): number | undefined {
  const payment = lanes.payment!
  const frame = decodeResume(body)
  lanes.outbox.attach()
  const code = payment.resumed(frame, nowMs)
  if (code !== undefined) return code
  continueLanes(lanes, host, frame.lanes)
  payment.caughtUp(frame)
  lanes.askForPlaces()
  return undefined
}

/** What this side has of each lane. */
function marksOf({ table }: LaneProtocol, { role }: LaneHost): LaneMark[] {
  return [...table.all, ...table.ended, ...table.left]
    .map((lane) => ({
      lane: lane.id,
      isTaken: role === 'node' || lane.isAccepted,
      isEnded: lane.isEndReceived,
      received: lane.received,
      limit: Math.max(lane.receiveLimit, lane.received),
    }))
    .toSorted((a, b) => a.lane - b.lane)
    .slice(-MARKS_MAX)
}

/** @param marks - what the other side has. */
function continueLanes(lanes: LaneProtocol, host: LaneHost, marks: readonly LaneMark[]): void {
  const markOf = new Map(marks.map((mark) => [mark.lane, mark]))
  for (const { lane: id } of marks) {
    if (host.role === 'client' && !lanes.table.wasUsed(id)) throw protocolError(CODES.badFrame, `RESUME: lane ${id} never was`)
  }
  for (const lane of [...lanes.table.all, ...lanes.table.ended]) {
    const mark = markOf.get(lane.id)
    if (mark === undefined) onUnknown(lanes, host, lane)
    else onMark(lanes, host, lane, mark)
  }
}

/** The other side knows nothing of the lane: not yet, or not any more. */
function onUnknown(lanes: LaneProtocol, host: LaneHost, lane: CoreLane): void {
  const { role } = host
  if (lane.isOver) return // it ended for both
  if (lane.isResetSent) {
    if (role === 'client') lanes.table.left.push(lane)
    return lanes.remove(lane) // our RESET came, its answer did not
  }
  if (role === 'client' && lane.request !== undefined) {
    lanes.outbox.pushControl(FRAME.open, 0, lane.id, lane.request.openBody)
    if (lane.isEndSent) lanes.pushEnd(lane)
    return
  }
  if (role === 'client' || !lane.isEndSent) return lanes.lose(lane)
  lane.isEndReceived = true // it went only when both had ended
  host.emit({ type: 'end', lane })
  lanes.remove(lane)
}

function onMark(lanes: LaneProtocol, host: LaneHost, lane: CoreLane, mark: LaneMark): void {
  const isBeforeAccept = host.role === 'client' && !lane.isAccepted
  verifyMark(lane, mark, isBeforeAccept)
  const { received, limit, isTaken, isEnded } = mark
  if (!isBeforeAccept) lane.sendLimit = limit
  if (lane.isResetSent) {
    lane.sent = received // of what was lost nothing is sent again
    return lanes.pushReset(lane)
  }
  if (host.role === 'node' && !isTaken && lane.acceptBody !== undefined) lanes.outbox.pushControl(FRAME.accept, 0, lane.id, lane.acceptBody)
  if (isEnded) return lane.isOver ? lanes.table.forget(lane) : undefined
  if (received < (lane.again?.until ?? lane.sent)) sendAgain(lanes, host, lane, received)
  else if (lane.isEndSent) lanes.pushEnd(lane)
  lanes.outbox.schedule(lane)
}

function sendAgain(lanes: LaneProtocol, host: LaneHost, lane: CoreLane, offset: number): void {
  if (lane.isOver) {
    lanes.table.restore(lane)
    lanes.payment?.restored(lane)
  }
  lane.isEndSent = false
  lanes.outbox.gate?.rewind(lane, offset)
  const again = lane.rewind(offset)
  if (lane.resend !== undefined) return host.emit({ type: 'resend', lane, again })
  host.emit({ type: 'reset', lane, code: CODES.resumeLost, reason: '' })
  lanes.reset(lane, CODES.resumeLost, '')
}

function verifyMark(lane: CoreLane, { received, limit, isEnded }: LaneMark, isBeforeAccept: boolean): void {
  const hasAll = lane.isEndSent && received === lane.written
  if (received > lane.sent || (isEnded && !hasAll))
    throw protocolError(CODES.badFrame, `RESUME: lane ${lane.id} at ${received}, of ${lane.sent} bytes`)
  if ((!isBeforeAccept && limit < lane.sendLimit) || limit - received > LANE_CREDIT_BYTES_MAX)
    throw protocolError(CODES.flowViolation, `RESUME: the limit of lane ${lane.id} is ${limit}, after ${lane.sendLimit}`)
}
