/**
 * Sessions that others join (sessions.md §7), both ends: what their owner hands to `connectSession`, and how a holder of a token joins. An entry of its own, so that
 * who shares nothing does not load it.
 */
export type { TokenScope } from './access-token.ts'
export type { HolderReport } from './holder-lanes.ts'
export { createSharing, type Sharing, type TokenOptions } from './owner-sharing.ts'
export { joinSession, type JoinedSession, type JoinOptions } from './session-joining.ts'
