/** The client's end: it signs for what it verified. Runs in browsers. */
export type { Payer, Receipt } from './payer.ts'
export type { PayerOptions } from './payer-options.ts'
export { type ChainTicks, createTicks, type TickOptions, type Ticks } from './payer-ticks.ts'
export { createPayer } from './session-signer.ts'
export type { AckFrame, ClientLink, EpochFrame, PayingSession, PriceFrame, SessionPayer, TickFrame } from './ports.ts'
