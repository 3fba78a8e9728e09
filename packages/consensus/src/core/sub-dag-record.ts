/**
 * What is stored of a sub-DAG: u32 length · encoded sub-DAG · snapshot of the rule after it. The snapshot may be empty: the order is a
 * function of the vertices, so a restart goes on from the last record that has one and finds the commits after it again.
 */
import { ByteReader, ByteWriter } from '../wire/bytes.ts'
import { decodeSubDag, encodeSubDag } from '../wire/sub-dag.ts'
import type { SubDag } from '../wire/types.ts'
import type { StoredRecord, StoreView } from './contract.ts'

export interface SubDagRecord {
  readonly subDag: SubDag
  /** Empty for none. */
  readonly snapshot: Uint8Array
}

export function subDagRecord({ subDag, snapshot }: SubDagRecord): StoredRecord {
  const encoded = encodeSubDag(subDag)
  const bytes = new ByteWriter(4 + encoded.length + snapshot.length).sized(encoded).raw(snapshot).finish()
  return { kind: 'subDag', key: `${subDag.index}`, bytes }
}

/** `undefined` where there is none. */
export function readSubDagRecord(store: StoreView, index: number): SubDagRecord | undefined {
  const bytes = store.get('subDag', `${index}`)
  if (bytes === undefined) return undefined
  const reader = new ByteReader(bytes)
  const subDag = decodeSubDag(reader.sized(bytes.length))
  return { subDag, snapshot: reader.raw(reader.remaining) }
}

export interface SubDagState {
  /** Index of the last sub-DAG stored; 0 for none. */
  readonly lastIndex: number
  /** Of the last record with one. */
  readonly snapshot: Uint8Array | undefined
  readonly snapshotIndex: number
}

/** @param fromIndex - one that is known to be stored, or 0: records follow one another without a gap. */
export function readSubDagState(store: StoreView, fromIndex: number): SubDagState {
  let lastIndex = store.has('subDag', `${fromIndex}`) ? fromIndex : 0
  while (store.has('subDag', `${lastIndex + 1}`)) lastIndex++
  for (let index = lastIndex; index > 0; index--) {
    const snapshot = readSubDagRecord(store, index)?.snapshot
    if (snapshot !== undefined && snapshot.length > 0) return { lastIndex, snapshot, snapshotIndex: index }
  }
  return { lastIndex, snapshot: undefined, snapshotIndex: 0 }
}
