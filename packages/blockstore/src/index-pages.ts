/** The index, read in pages: a range is held in memory no longer than its page is looked at. */
import type { Index, Table } from './ports.ts'

/** A table whose entries stand on records of the packs. */
export type RecordTable = 'blobs' | 'blocks' | 'files' | 'entities'
export const RECORD_TABLES: readonly RecordTable[] = ['blobs', 'blocks', 'files', 'entities']

type Page = readonly [key: Uint8Array, value: Uint8Array][]

const PAGE_ENTRIES = 256

/** In order of the keys; what comes or goes between two pages may or may not be seen. The last page may be empty. */
export function* pagesOf(index: Index, table: Table, prefix: Uint8Array = new Uint8Array(0)): Generator<Page> {
  let after: Uint8Array | undefined
  for (;;) {
    const page = index.range(table, prefix, PAGE_ENTRIES, after)
    after = page.at(-1)?.[0]
    yield page
    if (page.length < PAGE_ENTRIES) return
  }
}
