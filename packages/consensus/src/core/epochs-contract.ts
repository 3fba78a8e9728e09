/**
 * The epochs of one validator as one synchronous thing: what `createEpochs` (epochs.ts) takes and gives. Above it stands the driver,
 * below it one core for each epoch that is alive.
 *
 * Peers are named by their node key here, since an authority index means something in one epoch only. Everything that belongs to an
 * epoch says which. Effects are done in order and a `persist` is a barrier for all that follows, whatever its epoch.
 *
 * Source: docs/protocol/consensus-uncertified.md, "Epochs".
 */
import type { Digest, Member } from '../wire/types.ts'
import type { Mode } from '../dag/contract.ts'
import type { ClosedBy, CoreComponents, CoreEffect, CoreEvent, CoreGauges, CoreOptions, EpochSetup, StoreView, Time } from './contract.ts'

/** A node's Ed25519 key as lower-case hex. */
export type PeerKey = string

/** What follows a closed epoch, by the executor's last block of it; `previous` is taken from the final sub-DAG. */
export interface NextEpoch {
  readonly epoch: number
  readonly committee: readonly Member[]
  readonly mode: Mode
  readonly beacon: Digest
  readonly parameters?: CoreOptions['parameters']
}

/** What goes straight to the core of one epoch. */
export type EpochEvent = Extract<
  CoreEvent,
  { readonly type: 'verified' | 'checkpoint' | 'checkpointSigned' | 'checkpointChecked' | 'certificateChecked' }
>

export interface PeerFrame {
  readonly from: PeerKey
  readonly frame: Uint8Array
}

export type EpochsEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'frame'; readonly from: PeerKey; readonly frame: Uint8Array }
  /** Several at once, in order: a turn's worth costs little more than one. */
  | { readonly type: 'frames'; readonly frames: readonly PeerFrame[] }
  /** Anew: it may have missed what was said before. */
  | { readonly type: 'connected'; readonly peer: PeerKey }
  | { readonly type: 'transactions'; readonly transactions: readonly Uint8Array[] } // for the current epoch
  | { readonly type: 'systemTransaction'; readonly bytes: Uint8Array } // for the current epoch
  /** `next` when this sub-DAG was the epoch's last, `closedBy` when not all of it was executed. */
  | {
      readonly type: 'executed'
      readonly epoch: number
      readonly index: number
      readonly next?: NextEpoch
      readonly closedBy?: ClosedBy | undefined
    }
  /** The committee of the epoch after the current one is known to the application: early frames of its members are held. */
  | { readonly type: 'nextCommittee'; readonly epoch: number; readonly members: readonly PeerKey[] }
  | { readonly type: 'epoch'; readonly epoch: number; readonly event: EpochEvent }

/**
 * What comes from one epoch's core and keeps its meaning. But for `retry`: those that were told of are carried into the next epoch here,
 * durably, and nothing more is heard of them; `retry` brings the rest (all of them when this node has no seat in the next epoch).
 */
export type EpochEffect = Exclude<CoreEffect, { readonly type: 'send' | 'answer' | 'timer' }>

export type EpochsEffect =
  | { readonly type: 'send'; readonly to: readonly PeerKey[]; readonly frame: Uint8Array }
  | { readonly type: 'answer'; readonly epoch: number; readonly to: PeerKey; readonly request: Uint8Array }
  | { readonly type: 'timer'; readonly atMs: number } // replaces the one before; monotonic
  /** An epoch begins: who may be a peer now (members of this epoch and of those still served). Before any effect of that epoch. */
  | { readonly type: 'begin'; readonly setup: EpochSetup; readonly peers: readonly PeerKey[] }
  /** This node has no seat in the epoch that follows: it goes on serving the old one, and nothing else. */
  | { readonly type: 'leave'; readonly epoch: number }
  /** Nobody needs its records any more. */
  | { readonly type: 'forget'; readonly epoch: number; readonly peers: readonly PeerKey[] }
  | { readonly type: 'epoch'; readonly epoch: number; readonly effect: EpochEffect }

export interface EpochsComponents {
  readonly crypto: CoreComponents['crypto']
  readonly random: CoreComponents['random']
  /** The records of one epoch. An epoch without any gives an empty view. */
  readonly storeOf: (epoch: number) => StoreView
}

export interface ClosedEpoch extends EpochSetup {
  readonly parameters?: CoreOptions['parameters']
}

export interface EpochsSetup {
  /** The epoch that the executor stands in. `self` is -1 when this node has no seat in it. */
  readonly current: EpochSetup
  readonly parameters?: CoreOptions['parameters']
  /** Closed epochs whose records are still here, for serving. Where they ended is found in the records: `lastApplied` is not looked at. */
  readonly closed?: readonly ClosedEpoch[]
  /** How the epoch before the current one ended. */
  readonly closedBy?: ClosedBy | undefined
}

export interface Epochs {
  /** The epoch that the executor stands in. */
  readonly epoch: number
  /** Of its core, for metrics; `undefined` while this node has no seat. */
  readonly gauges: CoreGauges | undefined
  step(event: EpochsEvent, time: Time, effects: EpochsEffect[]): void
}
