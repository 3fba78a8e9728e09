/**
 * Which frame may come in which state, as a table (sessions.md §9): every frame type in every phase of both roles has an answer here.
 *
 * greeting: HELLO is on its way. open: lanes may be opened. draining: one side said GOAWAY, what is open goes on. closing: our last word is
 * being sent. closed: nothing follows. suspended: a session that pays has lost its connection and waits for another one; on it the client is greeting
 * again. resuming: both sides say where they are. (The phases before, `connecting` and `securing`, belong to the carrier.)
 */
import { CODES } from './codes.ts'
import { FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { LaneTable } from './lane-table.ts'

export type Role = 'client' | 'node'
export type Phase = 'greeting' | 'open' | 'draining' | 'suspended' | 'resuming' | 'closing' | 'closed'

/** What happens to a frame: taken in, passed over in silence, or the code that ends the session. */
export type Verdict = 'take' | 'ignore' | number

const COMMON = [FRAME.data, FRAME.credit, FRAME.reset, FRAME.ping, FRAME.goaway]
const RESUMING = [FRAME.resume, FRAME.goaway]
const TAKEN: Readonly<Record<Role, Readonly<Record<'greeting' | 'open' | 'draining' | 'resuming', readonly number[]>>>> = {
  client: {
    greeting: [FRAME.welcome, FRAME.goaway],
    open: [...COMMON, FRAME.accept],
    draining: [...COMMON, FRAME.accept],
    resuming: RESUMING,
  },
  node: { greeting: [FRAME.hello], open: [...COMMON, FRAME.open], draining: [...COMMON, FRAME.open], resuming: RESUMING },
}
/** What the other side of a paying session says too, once it is open. */
const TAKEN_PAYING: Readonly<Record<Role, readonly number[]>> = {
  client: [FRAME.price, FRAME.epoch, FRAME.window, FRAME.meter, FRAME.token],
  node: [FRAME.ack, FRAME.token],
}
/** What only a paying client or a resumed session may send: a guest is told so. */
const NOT_FOR_GUESTS: readonly number[] = [FRAME.ack, FRAME.token, FRAME.resume]

export function verdictOf(role: Role, phase: Phase, type: number, isPaying = false): Verdict {
  if (phase === 'closing' || phase === 'closed' || phase === 'suspended') return 'ignore'
  if (TAKEN[role][phase].includes(type)) return 'take'
  if (phase === 'resuming') return CODES.badFrame
  if (isPaying && phase !== 'greeting' && TAKEN_PAYING[role].includes(type)) return 'take'
  if (role === 'node' && phase !== 'greeting' && NOT_FOR_GUESTS.includes(type)) return CODES.notAuthorised
  return CODES.badFrame
}

/** Throws unless the frame's lane can have it: it is one of this connection, and DATA has an open half and credit. */
export function verifyPlace({ type, lane: id, length }: FrameHeader, role: Role, lanes: LaneTable, connectionBytes: number): void {
  if (!lanes.isOurs(id)) throw protocolError(CODES.badFrame, `lane ${id} belongs to another connection`)
  if (type !== FRAME.data) return
  const lane = lanes.heardOn(id)
  if (lane === undefined || lane.isEndReceived) throw protocolError(CODES.badFrame, `DATA on lane ${id}, which takes none`)
  if (length > lane.receiveLimit - lane.received || length > connectionBytes) {
    throw protocolError(CODES.flowViolation, `DATA of ${length} bytes on lane ${id} exceeds its credit`)
  }
  if (role === 'client' && !lane.isAccepted) throw protocolError(CODES.badFrame, `DATA on lane ${id} before ACCEPT`)
}
