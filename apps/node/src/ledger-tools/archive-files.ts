/**
 * Epoch files read block by block: a file of a day has gigabytes, and no more than one block of it is held.
 *
 * The layout is `ledger-types`' (an epoch file: header, then blocks); here only its lengths are walked, to know where a block ends. What a
 * block is and whether its bytes are well formed, `readEpochFile` decides, which is given each block as a file of one.
 */
import { encodeEpochFileHeader, LedgerError, readEpochFile, type ArchivedBlock, type EpochFileHeader } from '@selvedge/ledger-types'

/** Bytes at a place: a file, or a blob of a store. */
export interface RandomBytes {
  readonly size: number
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
}

export interface EpochFileReader {
  readonly header: EpochFileHeader
  /** In the order of the file. @throws {LedgerError} `LEDGER_MALFORMED` as far as it is read */
  blocks(): AsyncGenerator<{ readonly block: ArchivedBlock; readonly bytes: Uint8Array }, void, undefined>
}

/** What is read ahead. */
const WINDOW_BYTES: number = 2 ** 20
/** A block with more bytes is taken for a lie: nobody can have executed it. */
export const ARCHIVED_BLOCK_BYTES_MAX: number = 256 * 2 ** 20
const HEADER_BYTES = encodeEpochFileHeader({ chainId: 1, epoch: 0, count: 0 }).length
const COUNT_BYTES = 4
const DIGEST_BYTES = 32

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export async function openEpochFile(source: RandomBytes): Promise<EpochFileReader> {
  const head = await source.readAt(0, Math.min(HEADER_BYTES, source.size))
  const header = headerOf(head, source.size)
  return { header, blocks: () => blocksOf(source, header) }
}

/** The header alone says how many blocks follow; that so many can be there, the size of the file must allow. */
function headerOf(head: Uint8Array, size: number): EpochFileHeader {
  const none = head.slice()
  if (none.length === HEADER_BYTES) none.fill(0, HEADER_BYTES - COUNT_BYTES) // "no block follows": then the header is a file
  const { header } = readEpochFile(none)
  const count = new DataView(head.buffer, head.byteOffset).getUint32(HEADER_BYTES - COUNT_BYTES, true)
  if (count > size / DIGEST_BYTES) throw malformed(`${count} blocks in ${size} bytes`)
  return { ...header, count }
}

async function* blocksOf(
  source: RandomBytes,
  header: EpochFileHeader,
): AsyncGenerator<{ readonly block: ArchivedBlock; readonly bytes: Uint8Array }, void, undefined> {
  const one = encodeEpochFileHeader({ ...header, count: 1 })
  let offset = HEADER_BYTES
  let window: Uint8Array = new Uint8Array(0)
  for (let left = header.count; left > 0; left--) {
    let size = blockBytesOf(window)
    while (size === undefined) {
      const wanted = Math.min(Math.max(WINDOW_BYTES, 2 * window.length), source.size - offset)
      if (wanted <= window.length) throw malformed('it ends inside a block')
      if (wanted > ARCHIVED_BLOCK_BYTES_MAX) throw malformed(`a block of more than ${ARCHIVED_BLOCK_BYTES_MAX} bytes`)
      window = await source.readAt(offset, wanted)
      size = blockBytesOf(window)
    }
    const bytes = window.slice(0, size)
    for (const block of readEpochFile(joined(one, bytes)).blocks) yield { block, bytes }
    offset += size
    window = window.subarray(size)
  }
  if (offset !== source.size) throw malformed('bytes follow its last block')
}

/** Length of the block at the beginning of `bytes`; `undefined` while its end is not there. */
function blockBytesOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const u32At = (at: number): number | undefined => (at + 4 <= bytes.length ? view.getUint32(at, true) : undefined)
  const certificate = u32At(0)
  if (certificate === undefined) return undefined
  let at = 4 + certificate + DIGEST_BYTES
  const transactions = u32At(at)
  if (transactions === undefined) return undefined
  at += 4
  for (let left = 2 * transactions + 1; left > 0; left--) {
    const size = u32At(at)
    if (size === undefined) return undefined
    at += 4 + size
  }
  return at <= bytes.length ? at : undefined
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

function malformed(why: string): LedgerError {
  return new LedgerError('LEDGER_MALFORMED', `not an epoch file: ${why}`)
}
