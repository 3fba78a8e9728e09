/** What the acknowledgement store holds, as bytes: what a claim needs of one chain, in the layout that answers to challenges have, and an account's standing. */
import type { ChainRecord, Standing } from './ack-store.ts'
import { ACCOUNT_BYTES, DELEGATION_BYTES } from './constants.ts'
import { malformed } from './errors.ts'
import { encodeOpening, OPENING_FIXED_BYTES, readOpening } from './opening.ts'
import { WireReader, WireWriter } from './wire.ts'

/** `clientIndex u32 · amount u64`. */
const HEAD_BYTES = 12

/** As long as what `encodeChainRecord` makes of it. */
export function chainRecordBytes({ evidence }: ChainRecord): number {
  return HEAD_BYTES + OPENING_FIXED_BYTES + DELEGATION_BYTES + 4 * evidence.delegation.services.length
}

export function encodeChainRecord({ evidence, clientIndex, amount }: ChainRecord): Uint8Array {
  const opening = encodeOpening({ ...evidence, path: [] })
  const writer = new WireWriter(HEAD_BYTES + opening.length).u32(clientIndex, 'clientIndex').u64(amount, 'amount')
  return writer.bytes(opening, opening.length, 'evidence').out
}

/** @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for anything that `encodeChainRecord` does not write. */
export function decodeChainRecord(bytes: Uint8Array): ChainRecord {
  const reader = new WireReader(bytes)
  const clientIndex = reader.u32('clientIndex')
  const amount = reader.u64('amount')
  const { path, ...evidence } = readOpening(reader)
  if (path.length > 0) throw malformed('a record has no path')
  reader.end('a record')
  return { evidence, clientIndex, amount }
}

/** `account 20 · epoch u64 · lost u32 · window u32 · slowUntil u32 · defaults u32`. */
const STANDING_BYTES = 44

export function encodeStanding({ account, epoch, lostBytes, windowBytes, slowUntilBytes, defaults }: Standing): Uint8Array {
  return new WireWriter(STANDING_BYTES)
    .bytes(account, ACCOUNT_BYTES, 'account')
    .epoch(epoch)
    .u32(lostBytes, 'lostBytes')
    .u32(windowBytes, 'windowBytes')
    .u32(slowUntilBytes, 'slowUntilBytes')
    .u32(defaults, 'defaults').out
}

/** @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for anything that `encodeStanding` does not write. */
export function decodeStanding(bytes: Uint8Array): Standing {
  const reader = new WireReader(bytes)
  const account = reader.bytes(ACCOUNT_BYTES, 'account')
  const epoch = reader.epoch()
  const [lostBytes, windowBytes] = [reader.u32('lostBytes'), reader.u32('windowBytes')]
  const [slowUntilBytes, defaults] = [reader.u32('slowUntilBytes'), reader.u32('defaults')]
  reader.end('a standing')
  return { account, epoch, lostBytes, windowBytes, slowUntilBytes, defaults }
}
