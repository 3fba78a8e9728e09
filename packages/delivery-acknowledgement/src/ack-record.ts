/** One record of the acknowledgement store: what a claim needs of one chain, in the layout that answers to challenges have. */
import type { ChainRecord } from './ack-store.ts'
import { malformed } from './errors.ts'
import { encodeOpening, readOpening } from './opening.ts'
import { WireReader, WireWriter } from './wire.ts'

/** `clientIndex u32 · amount u64`. */
const HEAD_BYTES = 12

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
