/** What a ledger node is told when it is made. */
import type { Outcome } from '@selvedge/application'
import type { Joined } from '@selvedge/synchronizer'
import type { AttachToLedger } from '../ledger-tools/attachment.ts'
import type { OrderingSettings } from './ordering.ts'
import type { Pin } from './pin.ts'

export interface LedgerNodeSettings
  extends Omit<OrderingSettings, 'onBlock' | 'onCertificate' | 'onEvidence' | 'onFinal' | 'onRetry' | 'words'> {
  readonly rpcPort: number
  /** Where wallets connect. @default 127.0.0.1 */
  readonly rpcHost?: string
  readonly syncPort: number
  /** Keeps all blocks, so that others can follow from any of them. @default false */
  readonly isArchive?: boolean
  /** Who is asked for the state and for blocks, and brought transactions, while this node has no seat. */
  readonly sources?: readonly { readonly host: string; readonly port: number }[]
  /** Trusted in place of genesis' committee while there is no state here: after a restart by decree no certificate leads past it. */
  readonly pin?: Pin
  /** Newest version of the rules that this node can execute. @default the newest that the state machine has */
  readonly newestVersion?: number
  /** What else hears of blocks and speaks as this node: made when the state is there, and again when another took its place. */
  readonly attachments?: readonly AttachToLedger[]
  /** How often a member without a new block asks whether its epoch is over. @default 10 s */
  readonly stuckMs?: number
  /** Without a newly certified block for so long, or so far behind its clock, the node is not well (`/health` is 503). @default 60 s */
  readonly healthyMsMax?: number
  readonly onBlock?: (outcome: Outcome, timestampMs: number) => void
  readonly onCertificate?: (height: number, certificate: Uint8Array) => void
  /** The end of a transaction that this node had promised and could not order before it lost its seat: executed, or why not, in words. */
  readonly onReturned?: (transaction: Uint8Array, refusal: string | undefined) => void
  readonly onJoined?: (joined: Joined) => void
  /** There is no state here and none to take over yet, for these reasons; heard with each round of asking, about once a second. */
  readonly onWaiting?: (reasons: string) => void
  /** Something did not work, for one stranger or beside what the node does; it goes on. */
  readonly onWarning?: (error: unknown) => void
  /** The node has ended by itself. */
  readonly onFailure?: (error: Error) => void
}
