/**
 * The state as one canonical stream: a header, then every row ascending by table and key. Equal states have equal bytes, so the stream's
 * BLAKE3 root (made elsewhere) names the state. It is read from a view of the store that stands still while blocks go on; of a block that is
 * not the last any more, through the layers of old rows (row-layers.ts).
 */
import { concatBytes, encodeSnapshotEntry, encodeSnapshotHeader } from '@selvedge/ledger-types'
import { TABLE_COUNT } from '../state/schema.ts'
import type { StoreSnapshot } from '../store/contract.ts'
import { rowsAt } from './row-layers.ts'

/** Bytes of the stream that are handed out at a time, at least; a large row makes one piece larger. */
const PIECE_BYTES = 64 * 2 ** 10

export interface LedgerSnapshot {
  readonly chainId: number
  readonly height: number
  readonly stateRoot: Uint8Array
  /** The stream from its beginning, in pieces of some 64 KiB that are the receiver's own. Can be asked for again until `close`. */
  pieces(): Iterable<Uint8Array>
  /** Gives the old pages back. An open snapshot makes the store's file grow with every block. */
  close(): void
}

export function createSnapshot(
  still: StoreSnapshot,
  header: { readonly chainId: number; readonly height: number; readonly stateRoot: Uint8Array },
): LedgerSnapshot {
  function* pieces(): Iterable<Uint8Array> {
    let parts: Uint8Array[] = [encodeSnapshotHeader(header)]
    let size = 0
    for (let table = 1; table <= TABLE_COUNT; table++) {
      for (const [key, value] of rowsAt(still, table, header.height)) {
        const row = encodeSnapshotEntry({ table, key, value })
        parts.push(row)
        size += row.length
        if (size < PIECE_BYTES) continue
        yield concatBytes(...parts)
        parts = []
        size = 0
      }
    }
    yield concatBytes(...parts)
  }
  return { ...header, pieces, close: () => still.close() }
}
