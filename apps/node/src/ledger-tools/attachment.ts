/** What can be joined to a ledger node beside its place in the order: it hears of blocks and certificates, and may speak as a member. */
import type { Application, Outcome } from '@selvedge/application'

export interface LedgerAttachment {
  /** After a block is on disk, and once when the node starts. */
  onBlock(outcome: Outcome | undefined): void
  /** After a certificate is on disk. */
  onCertificate(height: number): void
  /** System transactions for this node's next proposal; asked after each block while the node has a seat. */
  sayAfterBlock(): readonly Uint8Array[]
  /** Waits for what runs. Nothing happens afterwards. */
  stop(): Promise<void>
}

export interface AttachedNode {
  /** Brings a transaction into the order: of this node, or of one that it follows. Rejects when nobody takes it. */
  submit(bytes: Uint8Array): Promise<void>
}

export type AttachToLedger = (application: Application, node: AttachedNode) => LedgerAttachment
