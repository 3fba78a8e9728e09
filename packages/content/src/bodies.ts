/** The bytes behind an answer, in each mode, from their start or from any of their offsets on. */
import { gathered, writeCar, writeProof } from '@selvedge/verified-car'
import { encodeRangesFrom } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { byteRangesOf } from './chunk-bytes.ts'
import { CHUNK_GROUP_LOG, GATHER_BYTES } from './constants.ts'
import { contentErrorOf } from './failures.ts'
import type { ContentMode } from './modes.ts'
import type { AbortOptions, OpenedEntity, StoredBlob } from './ports.ts'
import type { ContentRequest } from './request.ts'

export interface BodyOptions extends AbortOptions {
  /** Told where a reader can verify everything, in bytes from the body's start. */
  readonly onUnitEnd?: (offset: number) => void
  /** Of mode `blake3`: memory of just so many bytes for its next piece. @default a fresh one each */
  readonly newPiece?: (bytes: number) => Uint8Array<ArrayBuffer>
  /** Bytes of the body that are left out. @default 0 */
  readonly fromOffset?: number
}

/** Mode `blake3`. */
export function bodyOfBlob(
  { data, outboard, root, size }: StoredBlob,
  { ranges }: Pick<ContentRequest, 'ranges'>,
  { fromOffset = 0, ...writing }: BodyOptions,
): AsyncIterable<Uint8Array> {
  return encodeRangesFrom({ data, outboard, root, size }, fromOffset, ranges, { chunkGroupLog: CHUNK_GROUP_LOG, ...writing })
}

/** Modes `proof` and `car`. */
export function bodyOfBlocks(
  blocks: OpenedEntity['blocks'],
  mode: ContentMode,
  request: Pick<ContentRequest, 'address' | 'ranges' | 'scope'>,
  writing: BodyOptions,
): AsyncIterable<Uint8Array> {
  const cid = CID.decode(request.address)
  const ranges = byteRangesOf(request.ranges)
  const walk = ranges === undefined ? writing : { ...writing, ranges }
  if (mode === 'proof') return writeProof(cid, blocks, walk)
  const sections = writeCar(cid, blocks, { ...walk, scope: request.scope, header: false })
  return request.scope === 'all' ? gathered(sections, GATHER_BYTES) : sections
}

/** `body`, with `close` called once however it ends; also where it is ended before its first byte, which a generator that never began does not tell. */
export function closing(
  body: AsyncIterable<Uint8Array>,
  close: () => Promise<void>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const parts = partsOf(body, close, signal)
  let hasBegun = false
  const iterator: AsyncIterator<Uint8Array> = {
    next() {
      hasBegun = true
      return parts.next()
    },
    async return() {
      if (!hasBegun) await close()
      hasBegun = true
      return await parts.return(undefined)
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** Closes what was opened however the body ends, and names what went wrong. */
async function* partsOf(
  body: AsyncIterable<Uint8Array>,
  close: () => Promise<void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body
  } catch (error) {
    throw contentErrorOf(error, signal)
  } finally {
    await close()
  }
}
