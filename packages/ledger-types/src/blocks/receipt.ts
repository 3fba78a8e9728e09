/**
 * Receipts: `id 32 · index u32 · code u16 · gasUsed u64 · fee u64 · firstEvent u64 · count u16 · events`. The last one of each block has
 * a zero id and holds the events of no transaction (clock, epoch).
 */
import { ByteReader, ByteWriter } from '../bytes.ts'
import { type Code, isCode, isRefused } from '../codes.ts'
import { LedgerError } from '../errors.ts'
import { DIGEST_BYTES, type Digest } from '../hash.ts'
import { encodeEvent, type LedgerEvent, readEvent } from './events.ts'

export interface Receipt {
  /** Of the transaction; zero in the block's own receipt. */
  readonly id: Digest
  /** Place in the block. */
  readonly index: number
  /** 0, or 32 and above: what was refused has no receipt. */
  readonly code: Code
  readonly gasUsed: number
  /** Native micro-units, burnt. */
  readonly fee: bigint
  /** Number of the first event; of the next one to come where there is none. */
  readonly firstEvent: number
  /** At most 65,535. */
  readonly events: readonly LedgerEvent[]
}

const FIXED_BYTES = 64
const EVENT_BYTES_MIN = 13

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeReceipt({ id, index, code, gasUsed, fee, firstEvent, events }: Receipt): Uint8Array {
  if (!isCode(code) || isRefused(code)) throw new LedgerError('LEDGER_OUT_OF_RANGE', `no receipt has code ${code}`)
  const out = new ByteWriter(FIXED_BYTES + events.length * 80).raw(id, DIGEST_BYTES).u32(index).u16(code).u64(gasUsed)
  out.bigU64(fee).u64(firstEvent).u16(events.length)
  for (const [i, event] of events.entries()) out.raw(encodeEvent(firstEvent + i, event))
  return out.finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const reader = new ByteReader(bytes)
  const head = { id: reader.raw(DIGEST_BYTES), index: reader.u32(), code: readCode(reader), gasUsed: reader.u64(), fee: reader.bigU64() }
  const firstEvent = reader.u64()
  const events: LedgerEvent[] = []
  for (let left = reader.count16(EVENT_BYTES_MIN); left > 0; left--) events.push(readEvent(reader, firstEvent + events.length))
  reader.end()
  return { ...head, firstEvent, events }
}

/** Whether it holds what no transaction did. */
export function isBlockReceipt({ id }: Receipt): boolean {
  return id.every((byte) => byte === 0)
}

function readCode(reader: ByteReader): Code {
  const code = reader.u16()
  if (!isCode(code) || isRefused(code)) throw new LedgerError('LEDGER_MALFORMED', `no receipt has code ${code}`)
  return code
}
