/** The client's end: it signs for what it verified. Runs in browsers. */
export { createPayer, type Payer, type PayerOptions, type Receipt } from './payer.ts'
export type { AckFrame, ClientLink, EpochFrame, PayingSession, PriceFrame, SessionPayer } from './ports.ts'
