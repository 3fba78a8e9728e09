/**
 * What the download of a folder keeps beside it until all of it is there: of each file that has nodes, the journal that proves it
 * (`journal.ts`), by its CID. With it a later process knows the files that are whole without fetching anything; one whose root is a raw leaf
 * proves itself. In `FOLDER.part.files`: `2 u8 · length u32 · 0 u64 · CID`, then the journal's own records; what was written last counts.
 */
import type { CID } from 'multiformats/cid'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { NodeError } from '../errors.ts'
import { readJournal, recordEnd, verifyPartial } from './journal.ts'
import { APPEND, LOOK } from './own-file.ts'

const RAW = 0x55
const IDENTITY = 0x00
const MARK = 2
const HEAD_BYTES = 13

export interface TreeProofs {
  /** The file that the last journal speaks of: the one that was being written when its process ended, unless that was whole. */
  readonly last: string | undefined
  /** The journal of a file; undefined where there is none. */
  of(cid: CID): Uint8Array | undefined
  /** Bytes of the whole and proven file at `path`; undefined where it is not. */
  wholeSize(path: string, cid: CID): Promise<number | undefined>
  /** The records that follow are of `cid`. */
  begin(cid: CID): Promise<void>
  append(records: readonly Uint8Array[]): Promise<void>
  /** A whole journal of `cid`. */
  keep(cid: CID, journal: Uint8Array): Promise<void>
  close(): Promise<void>
  remove(): Promise<void>
}

/** @throws {NodeError} `NODE_OUTPUT` where it cannot be written. */
export async function openTreeProofs(path: string): Promise<TreeProofs> {
  const { journals, last, length } = split(await readJournal(path))
  const file = await open(path, APPEND).catch((cause: unknown) => {
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })
  })
  await file.truncate(length) // half a record, left by a process that was killed
  let isEmpty = length === 0
  let tail: Promise<void> = Promise.resolve()
  /** One after the other: several files may be completed at once. */
  const append = (records: readonly Uint8Array[]): Promise<void> => {
    if (records.length === 0) return Promise.resolve()
    isEmpty = false
    const writing = tail.then(() => file.appendFile(Buffer.concat(records)))
    tail = writing.catch(() => {})
    return writing
  }
  return {
    last,
    of: (cid) => journals.get(cid.toString()),
    wholeSize: (target, cid) => wholeSize(target, cid, journals.get(cid.toString())),
    begin: (cid) => append([markOf(cid)]),
    append,
    keep: (cid, journal) => append([markOf(cid), journal]),
    async close() {
      await file.close()
      if (isEmpty) await rm(path, { force: true })
    },
    async remove() {
      await file.close()
      await rm(path, { force: true })
    },
  }
}

function markOf(cid: CID): Uint8Array {
  const name = new TextEncoder().encode(cid.toString())
  const out = new Uint8Array(HEAD_BYTES + name.length)
  out[0] = MARK
  new DataView(out.buffer).setUint32(1, name.length, true)
  out.set(name, HEAD_BYTES)
  return out
}

interface Split {
  readonly journals: ReadonlyMap<string, Uint8Array>
  readonly last: string | undefined
  /** Of what can be read. */
  readonly length: number
}

function split(bytes: Uint8Array): Split {
  const journals = new Map<string, Uint8Array>()
  let last: string | undefined
  let start = 0
  let offset = 0
  for (let end = recordEnd(bytes, offset); end !== undefined; end = recordEnd(bytes, offset)) {
    if (bytes[offset] === MARK) {
      last = new TextDecoder().decode(bytes.subarray(offset + HEAD_BYTES, end))
      start = end
    }
    offset = end
    if (last !== undefined) journals.set(last, bytes.subarray(start, offset))
  }
  return { journals, last, length: offset }
}

async function wholeSize(path: string, cid: CID, journal: Uint8Array | undefined): Promise<number | undefined> {
  if (cid.multihash.code === IDENTITY || (cid.code !== RAW && journal === undefined)) return undefined
  let file: FileHandle
  try {
    file = await open(path, LOOK)
  } catch {
    return undefined // whatever keeps it from being read, it is of no use
  }
  try {
    const stat = await file.stat()
    if (!stat.isFile()) return undefined
    const { isComplete, offset } = await verifyPartial(file, cid.code === RAW ? leafRecord(stat.size) : journal!, cid)
    return isComplete && offset === stat.size ? offset : undefined
  } finally {
    await file.close()
  }
}

/** Of a raw leaf that is the whole file. */
function leafRecord(size: number): Uint8Array {
  const out = new Uint8Array(HEAD_BYTES)
  out[0] = 1
  new DataView(out.buffer).setUint32(5, Math.min(size, 2 ** 32 - 1), true)
  return out
}
