/** What the devnet and the process of a node tell one another, over the channel of `fork` with structured cloning. */
import type { DevnetNode } from './setup.ts'

export interface ProcessSettings {
  readonly genesisFile: Uint8Array
  readonly node: DevnetNode
  readonly folder: string
  /** Where the others give away their state and blocks. */
  readonly sources: readonly { readonly host: string; readonly port: number }[]
  /** It serves content too, for money: what it has not got it fetches from these. */
  readonly content?: { readonly origins: readonly string[] }
}

/** Where a node serves content, on 127.0.0.1. */
export interface ContentPorts {
  readonly sessions: number
  readonly websocket: number
}

export type ToNode =
  | { readonly type: 'start'; readonly settings: ProcessSettings }
  | { readonly type: 'submit'; readonly ticket: number; readonly transactions: readonly Uint8Array[] }
  | { readonly type: 'stop' }

export type FromNode =
  | { readonly type: 'started'; readonly content?: ContentPorts }
  /** By place: what was refused; the rest is durable in a batch. */
  | { readonly type: 'settled'; readonly ticket: number; readonly refused: readonly number[] }
  | { readonly type: 'applied'; readonly block: AppliedBlock }
  | { readonly type: 'certified'; readonly height: number; readonly certificate: Uint8Array }
  | { readonly type: 'joined'; readonly height: number; readonly stateRoot: string }
  /** The transaction that commits the node's claim of an epoch, hex. */
  | { readonly type: 'committing'; readonly epoch: number; readonly transaction: string }
  | { readonly type: 'failed'; readonly reason: string }

export interface AppliedBlock {
  readonly height: number
  readonly epoch: number
  /** Hex. */
  readonly stateRoot: string
  readonly timestampMs: number
  /** Hex ids of transactions with code 0, and of the others. */
  readonly done: readonly string[]
  readonly failed: readonly string[]
  /** nodeIndices of the next committee, when this block was the last of its epoch. */
  readonly nextCommittee?: readonly number[]
}
