/**
 * System transactions: what a member of the committee says in a header, `kind u8 · body`. In `txRoot` and archive one stands as
 * `0x01 · height u64 · author u16 · kind u8 · body`, so that equal words of two authors or heights are two leaves.
 */
import { ByteReader, ByteWriter } from '../bytes.ts'
import type { Checks } from '../codes.ts'
import { LedgerError } from '../errors.ts'
import type { Digest } from '../hash.ts'
import type { SystemTransaction } from './types.ts'

export const SYSTEM_TRANSACTION_TYPE = 0x01

export interface SystemKindSchema {
  readonly id: number
  /** Layout of the body. */
  readonly body: string
  /** What is no message in its form, or not of a member, leaves no trace. */
  readonly checks: Checks
  readonly does: string
}

export type SystemKindName = 'readyToClose' | 'evidence' | 'beaconCommit' | 'beaconReveal' | 'epochFile'

/** Kinds by name. */
export const SYSTEM_KINDS: Readonly<Record<SystemKindName, SystemKindSchema>> = {
  readyToClose: {
    id: 0,
    body: 'epoch u64',
    checks: [
      [46, 'of this epoch'],
      [52, 'at its planned end or later, in block time'],
      [51, 'once a member'],
    ],
    does: 'votes to close the epoch; at stake ≥ Q the epoch changes',
  },
  evidence: {
    id: 1,
    body: 'evidence',
    checks: [
      [46, 'in its one form'],
      [52, 'of this epoch or the last unbondEpochs'],
      [42, 'the signer was of that committee, or is a node'],
      [51, 'the first of its cause and epoch'],
      [42, 'both signatures are good'],
    ],
    does: 'slashes who signed two things for one slot',
  },
  beaconCommit: {
    id: 2,
    body: 'commitment 32',
    checks: [
      [52, 'until 20 %'],
      [51, 'once a member'],
    ],
    does: 'binds its author to a secret of the randomness beacon',
  },
  beaconReveal: {
    id: 3,
    body: 'secret 32',
    checks: [
      [52, 'from 20 to 30 %'],
      [42, 'it was committed'],
      [51, 'once a member'],
      [42, 'it opens the commitment'],
    ],
    does: 'opens the commitment',
  },
  epochFile: {
    id: 4,
    body: 'epoch u64 · root 32',
    checks: [
      [46, 'of a closed epoch whose committee is known'],
      [51, 'no root is kept yet'],
      [51, 'once a member and epoch'],
    ],
    does: "names a closed epoch's file; at stake ≥ Q the root is kept",
  },
}

/** What is said. Evidence stays bytes: its layout is that of order, not of the ledger. */
export type SystemMessage =
  | { readonly kind: 'readyToClose'; readonly epoch: number }
  | { readonly kind: 'evidence'; readonly evidence: Uint8Array }
  | { readonly kind: 'beaconCommit'; readonly commitment: Digest }
  | { readonly kind: 'beaconReveal'; readonly secret: Uint8Array }
  | { readonly kind: 'epochFile'; readonly epoch: number; readonly root: Digest }

/** `kind u8 · body`, as it stands in a header. */
export function encodeSystemMessage(message: SystemMessage): Uint8Array {
  const out = new ByteWriter(41).u8(SYSTEM_KINDS[message.kind].id)
  switch (message.kind) {
    case 'readyToClose':
      return out.epoch(message.epoch).finish()
    case 'evidence':
      return out.raw(message.evidence).finish()
    case 'beaconCommit':
      return out.raw(message.commitment, 32).finish()
    case 'beaconReveal':
      return out.raw(message.secret, 32).finish()
    case 'epochFile':
      return out.epoch(message.epoch).raw(message.root, 32).finish()
  }
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeSystemMessage(bytes: Uint8Array): SystemMessage {
  const reader = new ByteReader(bytes)
  const message = readMessage(reader)
  reader.end()
  return message
}

export function encodeSystemTransaction({ height, author, kind, body }: SystemTransaction): Uint8Array {
  return new ByteWriter(12 + body.length).u8(SYSTEM_TRANSACTION_TYPE).u64(height).u16(author).u8(kind).raw(body).finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED`. The body may be anything. */
export function decodeSystemTransaction(bytes: Uint8Array): SystemTransaction {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== SYSTEM_TRANSACTION_TYPE) throw new LedgerError('LEDGER_MALFORMED', 'a system transaction begins with 0x01')
  return { form: 'system', height: reader.u64(), author: reader.u16(), kind: reader.u8(), body: reader.raw(reader.remaining) }
}

/** How the words of `author`'s header stand in the block of `height`. @param message - `kind u8 · body`, not empty. */
export function recordSystemMessage(height: number, author: number, message: Uint8Array): Uint8Array {
  return new ByteWriter(11 + message.length).u8(SYSTEM_TRANSACTION_TYPE).u64(height).u16(author).raw(message).finish()
}

function readMessage(reader: ByteReader): SystemMessage {
  const kind = reader.u8()
  switch (kind) {
    case 0:
      return { kind: 'readyToClose', epoch: reader.epoch() }
    case 1:
      return { kind: 'evidence', evidence: reader.raw(reader.remaining) }
    case 2:
      return { kind: 'beaconCommit', commitment: reader.raw(32) }
    case 3:
      return { kind: 'beaconReveal', secret: reader.raw(32) }
    case 4:
      return { kind: 'epochFile', epoch: reader.epoch(), root: reader.raw(32) }
    default:
      throw new LedgerError('LEDGER_MALFORMED', `no system transaction has kind ${kind}`)
  }
}
