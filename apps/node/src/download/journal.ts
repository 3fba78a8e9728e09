/**
 * What a partial download keeps beside its bytes so that a later process can prove them again: the nodes of the DAG in the order in which
 * they came, and of each leaf only its place. Together with the bytes it is the node's answer in mode `proof`, so the one verifier there is
 * reads it again, and nothing on disk is believed.
 *
 * A record is `flags u8 (1 raw leaf) · before u32 · data u32 · after u32 · before bytes · after bytes`, little endian: the block is `before`,
 * then `data` bytes of the partial file, then `after` (the frame of a wrapped leaf; an interior node is all `before`).
 */
import { verifyProof, type VerifiedBlock } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { open, type FileHandle } from 'node:fs/promises'
import { LOOK } from './own-file.ts'

const RAW = 0x55
const IDENTITY = 0x00
const HEAD_BYTES = 13
/** A block is at most 2 MiB; a record that says more is damage. */
const BLOCK_BYTES_MAX = 2 * 2 ** 20

interface JournalRecord {
  readonly isRaw: boolean
  readonly frame: Uint8Array
  readonly before: number
  readonly data: number
  readonly after: number
  /** Where the record ends in the journal. */
  readonly end: number
}

export interface Verified {
  /** Every byte of the partial file below it is proven. */
  readonly offset: number
  /** All of the file is. */
  readonly isComplete: boolean
  /** Length of the part of the journal that goes with it. */
  readonly journalBytes: number
}

/** Whether the block is part of what is sent: an inline one lies in its link. */
export function isSent(block: Pick<VerifiedBlock, 'cid'>): boolean {
  return block.cid.multihash.code !== IDENTITY
}

/** The record of a block. Only nodes are copied; the bytes of a leaf are in the file. */
export function encodeRecord({
  cid,
  block,
  dataStart,
  dataEnd,
}: Pick<VerifiedBlock, 'cid' | 'block' | 'dataStart' | 'dataEnd'>): Uint8Array {
  const data = dataEnd - dataStart
  const isRaw = cid.code === RAW
  const after = isRaw ? 0 : block.length - dataEnd
  const out = new Uint8Array(HEAD_BYTES + (isRaw ? 0 : dataStart + after))
  const view = new DataView(out.buffer)
  out[0] = isRaw ? 1 : 0
  view.setUint32(1, isRaw ? 0 : dataStart, true)
  view.setUint32(5, data, true)
  view.setUint32(9, after, true)
  if (isRaw) return out
  out.set(block.subarray(0, dataStart), HEAD_BYTES)
  out.set(block.subarray(dataEnd), HEAD_BYTES + dataStart)
  return out
}

/**
 * Verifies the partial file against `cid` as far as it goes. Damage of any kind ends it at the last good leaf; it never throws for it.
 * @param journal - the whole journal as it lies on disk.
 */
export async function verifyPartial(part: FileHandle, journal: Uint8Array, cid: CID): Promise<Verified> {
  const records = decodeRecords(journal)
  const first = records[0]
  const size = first?.isRaw === true ? { size: first.data } : {}
  let place = 0
  let offset = 0
  let journalBytes = 0
  let fileSize: number | undefined
  try {
    for await (const block of verifyProof(replay(part, records), cid, size)) {
      const record = isSent(block) ? records[place++] : undefined
      fileSize = block.fileSize
      const data = block.dataEnd - block.dataStart
      if (data === 0) continue
      if (record === undefined) break // an inline leaf proves itself, and says nothing of what is on disk
      offset = block.fileOffset + data
      journalBytes = record.end
    }
  } catch {
    // A journal that ends early, a leaf that does not match, a file that is shorter than it says: what was proven before stands.
  }
  return { offset, isComplete: fileSize !== undefined && offset === fileSize, journalBytes }
}

function decodeRecords(journal: Uint8Array): JournalRecord[] {
  const view = new DataView(journal.buffer, journal.byteOffset, journal.length)
  const records: JournalRecord[] = []
  for (let offset = 0, end = recordEnd(journal, 0); end !== undefined; end = recordEnd(journal, offset)) {
    const [before, data, after] = [view.getUint32(offset + 1, true), view.getUint32(offset + 5, true), view.getUint32(offset + 9, true)]
    records.push({ isRaw: journal[offset] === 1, frame: journal.subarray(offset + HEAD_BYTES, end), before, data, after, end })
    offset = end
  }
  return records
}

/** Where the record at `offset` ends; undefined where there is no whole one. */
export function recordEnd(journal: Uint8Array, offset: number): number | undefined {
  if (offset + HEAD_BYTES > journal.length) return undefined
  const view = new DataView(journal.buffer, journal.byteOffset, journal.length)
  const [before, data, after] = [view.getUint32(offset + 1, true), view.getUint32(offset + 5, true), view.getUint32(offset + 9, true)]
  const end = offset + HEAD_BYTES + before + after
  return before + data + after > BLOCK_BYTES_MAX || end > journal.length ? undefined : end
}

/** The records and the bytes as the stream that they once were. */
async function* replay(part: FileHandle, records: readonly JournalRecord[]): AsyncGenerator<Uint8Array> {
  let offset = 0
  for (const { isRaw, frame, before, data, after } of records) {
    if (!isRaw) yield varint(before + data + after)
    if (before > 0) yield frame.subarray(0, before)
    if (data > 0) {
      const bytes = new Uint8Array(data)
      const { bytesRead } = await part.read(bytes, 0, data, offset)
      yield bytes.subarray(0, bytesRead)
      if (bytesRead < data) return
      offset += data
    }
    if (after > 0) yield frame.subarray(before)
  }
}

function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 0x80)) out.push((value & 0x7f) | 0x80)
  return Uint8Array.from([...out, value])
}

/** The bytes of a journal, or none where there is no such file. */
export async function readJournal(path: string): Promise<Uint8Array> {
  let handle: FileHandle
  try {
    handle = await open(path, LOOK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0)
    throw error
  }
  try {
    return new Uint8Array(await handle.readFile())
  } finally {
    await handle.close()
  }
}
