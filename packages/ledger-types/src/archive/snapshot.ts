/**
 * The snapshot of a state, a stream: `"selvedge/snapshot/1\0" ‖ chainId u32 ‖ height u64 ‖ stateRoot 32`, then every entry as
 * `tableId u8 ‖ key (u32 length) ‖ value (u32 length)`, ascending by table and key. Its BLAKE3 root stands in a checkpoint, so the stream
 * is content like any other. The reader takes chunks cut anywhere and holds one entry.
 */
import { DOMAINS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, compareBytes, isSameBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { DIGEST_BYTES, type Digest } from '../hash.ts'

export interface SnapshotHeader {
  readonly chainId: number
  readonly height: number
  /** Of the state after the block of that height. */
  readonly stateRoot: Digest
}

export interface SnapshotEntry {
  readonly table: number
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const DOMAIN = /* @__PURE__ */ new TextEncoder().encode(DOMAINS.snapshot)
export const SNAPSHOT_HEADER_BYTES: number = DOMAIN.length + 4 + 8 + DIGEST_BYTES
/** Longer ones no state has; a stranger's length is refused before it is waited for. */
export const SNAPSHOT_KEY_BYTES_MAX = 1_024
export const SNAPSHOT_VALUE_BYTES_MAX: number = 2 ** 20
const KEY_LENGTH_OFFSET = 1
const ENTRY_HEAD_BYTES = 5

export function encodeSnapshotHeader({ chainId, height, stateRoot }: SnapshotHeader): Uint8Array {
  return new ByteWriter(SNAPSHOT_HEADER_BYTES).raw(DOMAIN).u32(chainId).u64(height).raw(stateRoot, DIGEST_BYTES).finish()
}

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeSnapshotEntry({ table, key, value }: SnapshotEntry): Uint8Array {
  if (key.length > SNAPSHOT_KEY_BYTES_MAX || value.length > SNAPSHOT_VALUE_BYTES_MAX) {
    throw new LedgerError('LEDGER_OUT_OF_RANGE', `an entry of ${key.length} and ${value.length} bytes is too long`)
  }
  return new ByteWriter(9 + key.length + value.length).u8(table).sized(key).sized(value).finish()
}

/** Below zero when `a` stands before `b` in the stream. */
export function compareSnapshotKeys(a: Pick<SnapshotEntry, 'table' | 'key'>, b: Pick<SnapshotEntry, 'table' | 'key'>): number {
  return a.table === b.table ? compareBytes(a.key, b.key) : a.table - b.table
}

/** A snapshot as it arrives. */
export interface SnapshotReader {
  /** Known after as many bytes as it has. */
  readonly header: SnapshotHeader | undefined
  /** The entries that are complete with these bytes. @throws {LedgerError} `LEDGER_MALFORMED`, then it is not used again. */
  push(bytes: Uint8Array): SnapshotEntry[]
  /** @throws {LedgerError} `LEDGER_MALFORMED` when the stream ends inside an entry or before its header. */
  end(): void
}

export function createSnapshotReader(): SnapshotReader {
  let header: SnapshotHeader | undefined
  let held: Uint8Array = new Uint8Array()
  let previous: SnapshotEntry | undefined
  return {
    get header() {
      return header
    },
    push(bytes) {
      const input = joined(held, bytes)
      let offset = 0
      if (header === undefined) {
        assertDomain(input)
        if (input.length < SNAPSHOT_HEADER_BYTES) {
          held = new Uint8Array(input)
          return []
        }
        header = readHeader(input)
        offset = SNAPSHOT_HEADER_BYTES
      }
      const entries: SnapshotEntry[] = []
      for (
        let size = entryBytesAt(input, offset);
        size !== undefined && offset + size <= input.length;
        size = entryBytesAt(input, offset)
      ) {
        const entry = readEntry(input.subarray(offset, offset + size))
        if (previous !== undefined && compareSnapshotKeys(previous, entry) >= 0) throw malformed('its entries do not ascend')
        entries.push(entry)
        previous = entry
        offset += size
      }
      held = new Uint8Array(input.subarray(offset))
      return entries
    },
    end() {
      if (header === undefined || held.length > 0) throw malformed('it ends too early')
    },
  }
}

function readHeader(bytes: Uint8Array): SnapshotHeader {
  const reader = new ByteReader(bytes.subarray(DOMAIN.length, SNAPSHOT_HEADER_BYTES))
  return { chainId: reader.u32(), height: reader.u64(), stateRoot: reader.raw(DIGEST_BYTES) }
}

function readEntry(bytes: Uint8Array): SnapshotEntry {
  const reader = new ByteReader(bytes)
  return { table: reader.u8(), key: reader.sized(), value: reader.sized() }
}

/** Length of the entry at `offset`, as soon as it is known. */
function entryBytesAt(bytes: Uint8Array, offset: number): number | undefined {
  const keyBytes = u32At(bytes, offset + KEY_LENGTH_OFFSET, SNAPSHOT_KEY_BYTES_MAX)
  if (keyBytes === undefined) return undefined
  const valueBytes = u32At(bytes, offset + ENTRY_HEAD_BYTES + keyBytes, SNAPSHOT_VALUE_BYTES_MAX)
  return valueBytes === undefined ? undefined : ENTRY_HEAD_BYTES + keyBytes + 4 + valueBytes
}

function u32At(bytes: Uint8Array, offset: number, max: number): number | undefined {
  if (offset + 4 > bytes.length) return undefined
  const value = new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true)
  if (value > max) throw malformed(`a length of ${value} is above ${max}`)
  return value
}

function assertDomain(bytes: Uint8Array): void {
  const size = Math.min(bytes.length, DOMAIN.length)
  if (!isSameBytes(bytes.subarray(0, size), DOMAIN.subarray(0, size))) throw malformed('it does not begin with its domain')
}

function joined(held: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (held.length === 0) return bytes
  const out = new Uint8Array(held.length + bytes.length)
  out.set(held)
  out.set(bytes, held.length)
  return out
}

function malformed(why: string): LedgerError {
  return new LedgerError('LEDGER_MALFORMED', `not a snapshot: ${why}`)
}
