/**
 * Which frame may come in which state, as a table (sessions.md §9): every frame type in every phase of both roles has an answer here.
 *
 * greeting: HELLO is on its way. open: lanes may be opened. draining: one side said GOAWAY, what is open goes on. closing: our last word is
 * being sent. closed: nothing follows. (The phases before, `connecting` and `securing`, belong to the carrier; `suspended` comes with resume.)
 */
import { CODES } from './codes.ts'
import { FRAME } from './frames.ts'

export type Role = 'client' | 'node'
export type Phase = 'greeting' | 'open' | 'draining' | 'closing' | 'closed'

/** What happens to a frame: taken in, passed over in silence, or the code that ends the session. */
export type Verdict = 'take' | 'ignore' | number

const COMMON = [FRAME.data, FRAME.credit, FRAME.reset, FRAME.ping, FRAME.goaway]
const TAKEN: Readonly<Record<Role, Readonly<Record<'greeting' | 'open' | 'draining', readonly number[]>>>> = {
  client: { greeting: [FRAME.welcome, FRAME.goaway], open: [...COMMON, FRAME.accept], draining: [...COMMON, FRAME.accept] },
  node: { greeting: [FRAME.hello], open: [...COMMON, FRAME.open], draining: [...COMMON, FRAME.open] },
}
/** What only a paying client or a resumed session may send: a guest is told so. */
const NOT_FOR_GUESTS: readonly number[] = [FRAME.ack, FRAME.token, FRAME.resume]

export function verdictOf(role: Role, phase: Phase, type: number): Verdict {
  if (phase === 'closing' || phase === 'closed') return 'ignore'
  if (TAKEN[role][phase].includes(type)) return 'take'
  if (role === 'node' && phase !== 'greeting' && NOT_FOR_GUESTS.includes(type)) return CODES.notAuthorised
  return CODES.badFrame
}
