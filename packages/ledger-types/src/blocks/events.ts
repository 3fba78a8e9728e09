/**
 * Events: what subscribers hear, part of the deterministic output. `seq u64 · kind u8 · length u32 · fields`; `seq` runs on from genesis
 * and is the cursor. Fields stand in the order of the table, fixed widths, `bytes` with a u32 length.
 */
import { ByteReader, ByteWriter } from '../bytes.ts'
import { LedgerError } from '../errors.ts'

/** Kinds and fields. `amount` is a u64 of micro-units, `epoch` a u64 below 2^32. */
export const EVENTS = {
  block: {
    id: 1,
    fields: { height: 'u64', timestampMs: 'u64', baseFee: 'amount', gasUsed: 'u64', transactionCount: 'u32' },
    says: 'a block was executed; baseFee (10^-9 native a gas) is what its transactions paid',
  },
  epoch: {
    id: 2,
    fields: { epoch: 'epoch', startMs: 'u64', endMs: 'u64', version: 'u32', nodeCount: 'u32', committeeRoot: 'bytes32' },
    says: 'an epoch began',
  },
  transfer: {
    id: 3,
    fields: { token: 'u32', from: 'bytes20', to: 'bytes20', amount: 'amount' },
    says: 'a balance moved; the zero address is where tokens come from and go to',
  },
  node: {
    id: 4,
    fields: { nodeIndex: 'u32', state: 'u8', stake: 'amount' },
    says: 'a node was registered or changed',
  },
  claim: {
    id: 5,
    fields: { epoch: 'epoch', nodeIndex: 'u32', state: 'u8' },
    says: 'a claim moved on: 0 committed, 1 complete, 2 challenged, 3 passed, 4 settled, 5 void',
  },
  payment: {
    id: 6,
    fields: { epoch: 'epoch', nodeIndex: 'u32', serviceId: 'u32', paid: 'amount', burnt: 'amount' },
    says: 'what a node was paid for a service in an epoch, in µUSD, and what of it was burnt',
  },
  emission: {
    id: 7,
    fields: { epoch: 'epoch', total: 'amount', nodes: 'amount', services: 'amount', protocol: 'amount' },
    says: 'native tokens were minted for the work of an epoch',
  },
  score: {
    id: 8,
    fields: { epoch: 'epoch', nodeIndex: 'u32', score: 'u32' },
    says: "a node's score changed",
  },
  service: {
    id: 9,
    fields: { serviceId: 'u32', version: 'u32', state: 'u8' },
    says: 'a service was added (0), updated (1) or removed (2)',
  },
  slash: {
    id: 10,
    fields: { nodeIndex: 'u32', cause: 'u8', amount: 'amount' },
    says: 'a node lost stake',
  },
  governance: {
    id: 11,
    fields: { action: 'bytes32', epoch: 'epoch', state: 'u8', approvals: 'u8' },
    says: 'an action was approved (0), queued (1), applied (2), dropped (3) or put off (4)',
  },
  bridge: {
    id: 12,
    fields: { direction: 'u8', token: 'u32', id: 'u64', account: 'bytes20', amount: 'amount', remote: 'bytes' },
    says: 'tokens came over a bridge (0; remote = source id) or left over it (1; id runs, remote = where to)',
  },
  beacon: {
    id: 13,
    fields: { epoch: 'epoch', beacon: 'bytes32', revealed: 'u16', withheld: 'u16' },
    says: 'the beacon of an epoch was drawn',
  },
} as const

type FieldType = 'u8' | 'u16' | 'u32' | 'u64' | 'epoch' | 'amount' | 'bytes20' | 'bytes32' | 'bytes'
type ValueOf<T extends FieldType> = T extends 'amount' ? bigint : T extends 'bytes20' | 'bytes32' | 'bytes' ? Uint8Array : number
type FieldsOf<F extends Readonly<Record<string, FieldType>>> = { readonly [K in keyof F]: ValueOf<F[K]> }

export type EventKind = keyof typeof EVENTS
/** An event of one kind, e.g. `EventOf<'transfer'>`. */
export type EventOf<K extends EventKind> = { readonly kind: K } & FieldsOf<(typeof EVENTS)[K]['fields']>
/** Any event, told apart by `kind`. */
export type LedgerEvent = { [K in EventKind]: EventOf<K> }[EventKind]

/** Longest `bytes` field: what `bridgeOut` takes. */
const FIELD_BYTES_MAX = 64

const kindsById: ReadonlyMap<number, EventKind> = new Map(Object.entries(EVENTS).map(([kind, { id }]) => [id, kind as EventKind]))

/** The kind that `id` stands for on the wire. */
export function eventKindOf(id: number): EventKind | undefined {
  return kindsById.get(id)
}

/** One event with its number. */
export function encodeEvent(seq: number, event: LedgerEvent): Uint8Array {
  const { id, fields } = EVENTS[event.kind]
  const body = new ByteWriter(96)
  const values = event as unknown as Readonly<Record<string, never>>
  for (const [name, type] of Object.entries(fields)) writeField(body, type as FieldType, values[name]!)
  const bytes = body.finish()
  return new ByteWriter(13 + bytes.length).u64(seq).u8(id).sized(bytes).finish()
}

/** Reads one event that must have number `seq`. */
export function readEvent(reader: ByteReader, seq: number): LedgerEvent {
  const found = reader.u64()
  if (found !== seq) throw new LedgerError('LEDGER_MALFORMED', `event ${found} stands where ${seq} must`)
  return readUnnumbered(reader)
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeEvent(bytes: Uint8Array): { readonly seq: number; readonly event: LedgerEvent } {
  const reader = new ByteReader(bytes)
  const seq = reader.u64()
  const event = readUnnumbered(reader)
  reader.end()
  return { seq, event }
}

function readUnnumbered(reader: ByteReader): LedgerEvent {
  const id = reader.u8()
  const kind = kindsById.get(id)
  if (kind === undefined) throw new LedgerError('LEDGER_MALFORMED', `no event has kind ${id}`)
  const body = new ByteReader(reader.sized())
  const event: Record<string, unknown> = { kind }
  for (const [name, type] of Object.entries(EVENTS[kind].fields)) event[name] = readField(body, type as FieldType)
  body.end()
  return event as LedgerEvent
}

function writeField(out: ByteWriter, type: FieldType, value: never): void {
  switch (type) {
    case 'amount':
      out.bigU64(value)
      break
    case 'bytes20':
      out.raw(value, 20)
      break
    case 'bytes32':
      out.raw(value, 32)
      break
    case 'bytes':
      if ((value as Uint8Array).length > FIELD_BYTES_MAX) throw new LedgerError('LEDGER_OUT_OF_RANGE', 'a field has at most 64 bytes')
      out.sized(value)
      break
    default:
      out[type](value)
  }
}

function readField(reader: ByteReader, type: FieldType): number | bigint | Uint8Array {
  switch (type) {
    case 'amount':
      return reader.bigU64()
    case 'bytes20':
      return reader.raw(20)
    case 'bytes32':
      return reader.raw(32)
    case 'bytes':
      return reader.sized(FIELD_BYTES_MAX)
    default:
      return reader[type]()
  }
}
