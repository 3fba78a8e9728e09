/** The node's end: windows, books, and what is kept for the ledger. Under Node.js. */
export type { AckStore, ChainRecord, Standing } from './ack-store.ts'
export { createFileAckStore, type FileAckStoreOptions } from './ack-store.node.ts'
export { createBooks, type Books, type BooksComponents, type BooksOptions, type EpochPlace } from './books.ts'
export type { AccountMeans } from './means.ts'
export type { Admission, NodeLink, NodePayments, PayingHello, PayingSession, PriceFrame, SessionMeter } from './ports.ts'
