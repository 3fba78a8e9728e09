/**
 * What a pack holds by the word of the index: for one whose records cannot be read one after the other any more, because some byte of it went bad. Content is
 * written again as it stands, so that what is whole stays so; whether it is, is found out by whoever reads it, as ever. What is not there at all (the pack
 * was cut) is forgotten.
 */
import { concatBytes, equalBytes } from './bytes.ts'
import { decodeBlobEntry, decodeBlockEntry, decodeEntityEntry, decodeFileEntry, packOf } from './index-entries.ts'
import { pagesOf, type RecordTable } from './index-pages.ts'
import { outboardBytesOf } from './layout.ts'
import type { LateChange } from './pack-log.ts'
import type { Index, OpenFile } from './ports.ts'
import { encodeBlob, encodeBlock, encodeDelete, encodeEntity, encodeFile, encodeMoved, type RecordParts } from './record.ts'

/** A pack, to be read. */
export type PackSource = Pick<OpenFile, 'read'>

export interface StandingEntry {
  readonly table: RecordTable
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Entries of a table that stand on a pack, or of which the index does not know on which; for each page of the table those that it has. */
export function* standingIn(index: Index, table: RecordTable, pack: number): Generator<readonly StandingEntry[]> {
  for (const page of pagesOf(index, table)) {
    yield page.flatMap(([key, value]) => ([pack, 0].includes(packOf(table, value) ?? -1) ? [{ table, key, value }] : []))
  }
}

export function isStanding(index: Index, { table, key, value }: StandingEntry): boolean {
  const now = index.get(table, key)
  return now !== undefined && equalBytes(now, value)
}

/** The record that an entry came from, or the end of it where its content is not there. */
export async function encodeStanding({ table, key, value }: StandingEntry, pack: PackSource): Promise<LateChange> {
  if (table === 'entities') {
    const { kind } = decodeEntityEntry(value)
    return { records: [encodeEntity(kind, key)], forgotten: [] }
  }
  if (table === 'blocks') {
    const { place, length } = decodeBlockEntry(value)
    const bytes = await pack.read(place.offset, length)
    return bytes.length === length ? { records: [encodeBlock(key, bytes)], forgotten: [] } : { records: [], forgotten: [{ table, key }] }
  }
  if (table === 'files') return await encodeStandingFile(key, value, pack)
  return { records: [await encodeStandingBlob(key, value, pack)], forgotten: [] }
}

async function encodeStandingBlob(root: Uint8Array, value: Uint8Array, pack: PackSource): Promise<RecordParts> {
  const { size, place } = decodeBlobEntry(root, value)
  if (place === undefined) return encodeBlob(root, size, new Uint8Array(0), undefined)
  const length = size + outboardBytesOf(size)
  const bytes = await pack.read(place.offset, length)
  return bytes.length === length ? encodeBlob(root, size, bytes.subarray(size), bytes.subarray(0, size)) : encodeDelete(root)
}

/** Without its skeleton a file is one no more; its bytes are a blob all the same, which other files may be made of and others have paid for. */
async function encodeStandingFile(id: Uint8Array, value: Uint8Array, pack: PackSource): Promise<LateChange> {
  const { root, size, cid, skeletonBytes, skeletonPlace } = decodeFileEntry(id, value)
  const skeleton = skeletonPlace && (await pack.read(skeletonPlace.offset, skeletonBytes))
  if (skeleton !== undefined && skeleton.length < skeletonBytes) {
    const forgotten = [
      { table: 'files', key: id },
      { table: 'roots', key: concatBytes([root, id]) },
    ] as const
    return { records: [], forgotten }
  }
  const [header, ...body] = encodeFile(root, size, cid, skeletonBytes, skeleton) as [Uint8Array, ...Uint8Array[]]
  return { records: [encodeMoved(header, concatBytes(body), id)], forgotten: [] }
}
