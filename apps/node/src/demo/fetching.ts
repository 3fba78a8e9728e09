/** Everything by CID through one client session, compared with the files it came from. */
import type { Client } from '@selvedge/client'
import type { ByteRange } from '@selvedge/content'
import type { CID } from 'multiformats/cid'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
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
 * One file, or a range of it, with the clock on it; each piece is compared as it comes.
 * @param truth - the whole file.
 */
export async function fetchTimed(
  truth: Uint8Array,
  client: Client,
  address: CID | Uint8Array,
  range: ByteRange = { start: 0 },
): Promise<Timed> {
  const { start, end = truth.length } = range
  const began = performance.now()
  let firstByteMs: number | undefined
  let isTrue = true
  let place = start
  const download = await client.get(address, start === 0 && range.end === undefined ? {} : { range })
  for await (const { offset, bytes } of download) {
    firstByteMs ??= performance.now() - began
    isTrue &&= offset === place && Buffer.compare(bytes, truth.subarray(place, place + bytes.length)) === 0
    place += bytes.length
  }
  const wholeMs = performance.now() - began
  const { receivedBytes, mode } = download
  return { firstByteMs: firstByteMs ?? wholeMs, wholeMs, bytes: place - start, receivedBytes, mode, isTrue: isTrue && place === end }
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
    const file = missing.get(path)
    missing.delete(path)
    const truth = file === undefined ? undefined : (file.bytes ?? readFileSync(file.file))
    let size = 0
    let isTrue = truth !== undefined
    for await (const part of coming) {
      isTrue &&= Buffer.compare(part, truth!.subarray(size, size + part.length)) === 0
      size += part.length
    }
    files++
    bytes += size
    if (!isTrue || size !== truth!.length) wrong.push(path)
  }

  return { files, bytes, ms: performance.now() - began, wrong: [...wrong, ...missing.keys()] }
}
