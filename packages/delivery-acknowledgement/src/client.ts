/** The client's end: it signs for what it verified. Runs in browsers. */
export { createPayer, type Payer, type Receipt } from './payer.ts'
export type { PayerOptions, TickOptions } from './payer-options.ts'
export type { AckFrame, ClientLink, EpochFrame, PayingSession, PriceFrame, SessionPayer, TickFrame } from './ports.ts'
