/**
 * What an executor has applied: one record a block, appended and synced before the block counts. It is also the delivered log that the
 * story compares.
 *
 *   length u32 | first 4 bytes of SHA-256 of the body | body:
 *   epoch u32 · index u32 · subDagDigest 32 · timestampMs u64 · count u32 · items: author u16 · kind u8 (0 system, 1 transaction) · length u32 · bytes
 *
 * A torn record at the end is what a kill left of a write that nobody was told of; it is cut.
 */
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

const HEAD_BYTES = 8
const BODY_HEAD_BYTES = 52
const ITEM_HEAD_BYTES = 7

export interface JournalItem {
  readonly author: number
  readonly isSystem: boolean
  readonly bytes: Uint8Array
}

export interface JournalBlock {
  readonly epoch: number
  readonly index: number
  readonly digest: Uint8Array
  readonly timestampMs: number
  readonly items: readonly JournalItem[]
}

export interface Journal {
  /** Resolves nothing, returns when the block is durable. */
  append(block: JournalBlock): void
  close(): void
}

/** Opens the file, hands every whole record to `onBlock`, cuts what follows the last. */
export function openJournal(path: string, onBlock: (block: JournalBlock) => void): Journal {
  const fd = openSync(path, 'a+')
  const bytes = readFileSync(path)
  const end = readBlocks(bytes, onBlock)
  if (end < bytes.length) ftruncateSync(fd, end)
  return {
    append(block) {
      const record = encodeBlock(block)
      for (let at = 0; at < record.length; ) at += writeSync(fd, record, at)
      fdatasyncSync(fd)
    },
    close: () => closeSync(fd),
  }
}

/** All whole records from the start, each with where it ends. @returns where the last one ends. */
export function readBlocks(file: Uint8Array, onBlock: (block: JournalBlock, end: number) => void): number {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  let at = 0
  while (bytes.length - at >= HEAD_BYTES) {
    const end = at + HEAD_BYTES + bytes.readUInt32LE(at)
    if (end > bytes.length) break
    const body = bytes.subarray(at + HEAD_BYTES, end)
    if (!checksumOf(body).equals(bytes.subarray(at + 4, at + HEAD_BYTES))) break
    onBlock(decodeBody(body), end)
    at = end
  }
  return at
}

const checksumOf = (body: Uint8Array): Buffer => createHash('sha256').update(body).digest().subarray(0, 4)

function encodeBlock({ epoch, index, digest, timestampMs, items }: JournalBlock): Buffer {
  const size = items.reduce((sum, { bytes }) => sum + ITEM_HEAD_BYTES + bytes.length, BODY_HEAD_BYTES)
  const record = Buffer.alloc(HEAD_BYTES + size)
  const body = record.subarray(HEAD_BYTES)
  body.writeUInt32LE(epoch, 0)
  body.writeUInt32LE(index, 4)
  body.set(digest, 8)
  body.writeBigUInt64LE(BigInt(timestampMs), 40)
  body.writeUInt32LE(items.length, 48)
  let at = BODY_HEAD_BYTES
  for (const { author, isSystem, bytes } of items) {
    body.writeUInt16LE(author, at)
    body.writeUInt8(isSystem ? 0 : 1, at + 2)
    body.writeUInt32LE(bytes.length, at + 3)
    body.set(bytes, at + ITEM_HEAD_BYTES)
    at += ITEM_HEAD_BYTES + bytes.length
  }
  record.writeUInt32LE(size, 0)
  record.set(checksumOf(body), 4)
  return record
}

/** Checked by the checksum already, so that its lengths are its writer's. */
function decodeBody(body: Buffer): JournalBlock {
  const items: JournalItem[] = []
  let at = BODY_HEAD_BYTES
  for (let left = body.readUInt32LE(48); left > 0; left--) {
    const end = at + ITEM_HEAD_BYTES + body.readUInt32LE(at + 3)
    items.push({ author: body.readUInt16LE(at), isSystem: body.readUInt8(at + 2) === 0, bytes: body.subarray(at + ITEM_HEAD_BYTES, end) })
    at = end
  }
  return {
    epoch: body.readUInt32LE(0),
    index: body.readUInt32LE(4),
    digest: body.subarray(8, 40),
    timestampMs: Number(body.readBigUInt64LE(40)),
    items,
  }
}
