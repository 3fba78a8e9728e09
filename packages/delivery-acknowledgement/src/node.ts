/** The node's end: windows, books, and what is kept for the ledger. */
export type { AckStore, ChainRecord } from './ack-store.ts'
export type { AccountMeans, Books, BooksComponents, BooksOptions } from './books.ts'
export type { Admission, NodeLink, NodePayments, PayingHello, PayingSession, PriceFrame, SessionMeter } from './ports.ts'
