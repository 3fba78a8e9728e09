/** The client's end: it signs for what it verified. Runs in browsers. */
export type { Payer, PayerOptions, Receipt } from './payer.ts'
export type { ClientLink, PayingSession, SessionPayer } from './ports.ts'
