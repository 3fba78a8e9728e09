/** Everything by CID through one client session, compared with the files it came from. */
import type { Client } from '@selvedge/client'
import type { ByteRange } from '@selvedge/content'
import type { CID } from 'multiformats/cid'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import type { ListedFile } from '../dag/file-list.ts'
import { equalsFile } from './comparing.ts'
import type { InputEntity } from './input.ts'

export interface Timed {
  readonly firstByteMs: number
  readonly wholeMs: number
  readonly bytes: number
  readonly receivedBytes: number
  readonly mode: string
  /** Every byte is that of the file. */
  readonly isTrue: boolean
}

/**
 * One file, or a range of it, into `memory` with the clock on it; compared when the clock has stopped.
 * @param memory - as large as what is fetched, at least.
 */
export async function fetchTimed(
  memory: Uint8Array,
  client: Client,
  address: CID | Uint8Array,
  file: ListedFile,
  range: ByteRange = { start: 0 },
): Promise<Timed> {
  const { start, end = file.size } = range
  const bytes = memory.subarray(0, end - start)
  const began = performance.now()
  let firstByteMs: number | undefined
  let place = 0
  const download = await client.get(address, range.start === 0 && range.end === undefined ? {} : { range })
  for await (const part of download) {
    firstByteMs ??= performance.now() - began
    bytes.set(part.bytes, part.offset - start)
    place = part.offset - start + part.bytes.length
  }
  const wholeMs = performance.now() - began
  const { receivedBytes, mode } = download
  const isTrue = place === bytes.length && (await equalsFile(bytes, file.file, start))
  return { firstByteMs: firstByteMs ?? wholeMs, wholeMs, bytes: place, receivedBytes, mode, isTrue }
}

export interface Everything {
  readonly files: number
  readonly bytes: number
  readonly ms: number
  /** What did not come, came and is not in the folder, or came wrong. */
  readonly wrong: readonly string[]
}

/** All files below an entity's CID as one stream: the names from its directories' verified blocks, the bytes compared file by file. */
export async function fetchEverything(client: Client, entity: InputEntity): Promise<Everything> {
  const began = performance.now()
  const wrong: string[] = []
  const missing = new Map(entity.files)
  let bytes = 0
  let files = 0

  for await (const { path, kind, content: coming } of client.getTree(entity.cid)) {
    if (kind === 'directory') continue
    const parts: Uint8Array[] = []
    for await (const part of coming) parts.push(part.slice())
    const content = Buffer.concat(parts)
    const file = missing.get(path)
    missing.delete(path)
    files++
    bytes += content.length
    if (file === undefined || !content.equals(file.bytes ?? readFileSync(file.file))) wrong.push(path)
  }

  return { files, bytes, ms: performance.now() - began, wrong: [...wrong, ...missing.keys()] }
}
