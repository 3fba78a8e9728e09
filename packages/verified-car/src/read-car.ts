/**
 * CARv1 in depth-first order with duplicates, checked while it arrives (ipfs.md §1.4, mode A).
 *
 * The stream is only asked "is this the block that must come next?": its header's roots and its order decide nothing. Held
 * at any moment: the stack of the walk and one block. Bytes that were handed on before a failure stay valid.
 */
import type { CID } from 'multiformats/cid'
import { JoinBuffer } from './block-body.ts'
import { ByteSource } from './byte-source.ts'
import { headerOf, versionIn } from './car-header.ts'
import { IDENTITY, INLINE_AHEAD_MAX, SECTION_OVERHEAD_BYTES, SHA2_256 } from './constants.ts'
import { CarError } from './errors.ts'
import { drain, inlineBody, readBody, skip, truncated } from './read-block.ts'
import { readVarint } from './varint.ts'
import type { VerifiedBlock } from './verified-block.ts'
import type { Walk } from './walk.ts'

export interface ReadCarOptions {
  /** Whether the stream begins with the CAR header; a content lane's does not. @default true */
  readonly header?: boolean
  /**
   * Refuses the inline blocks that some writers put into the stream and nobody asks for: where each byte is paid for, they are padding.
   * @default false: a few small ones are passed over
   */
  readonly onlyAsked?: boolean
  /**
   * Of a walk over several sources: each block that this one sends again because an earlier one failed, once it is verified again. Such a block
   * is not yielded; `streamEnd` is as that of `VerifiedBlock`.
   */
  readonly onRepeated?: (streamEnd: number) => void
  readonly signal?: AbortSignal
}

/**
 * Continues `walk` with what `chunks` brings.
 * @param outer - blocks above the expected one that this source sends again, because an earlier source failed.
 */
export async function* readCar(
  walk: Walk,
  chunks: AsyncIterable<Uint8Array>,
  { header = true, onlyAsked = false, onRepeated, signal }: ReadCarOptions,
  outer: readonly CID[],
): AsyncGenerator<VerifiedBlock, void, undefined> {
  const source = new ByteSource(chunks, signal)
  const buffer = new JoinBuffer()
  const inline = new InlineSections(walk, onlyAsked)
  try {
    if (header) await readHeader(source, walk)
    await readOuter(source, walk, outer, inline, onRepeated)
    for (let expected = walk.next(); expected !== undefined; expected = walk.next()) {
      if (expected.cid.multihash.code === IDENTITY) {
        yield walk.accept(inlineBody(expected, buffer), source.offset)
        continue
      }
      const length = await readSectionHead(source, walk, expected.cid, inline)
      const body = await readBody(source, length, expected, walk, buffer)
      yield walk.accept(body, source.offset)
      signal?.throwIfAborted()
    }
    await drain(source, walk)
  } finally {
    await source.close()
  }
}

async function readHeader(source: ByteSource, walk: Walk): Promise<void> {
  const length = await readVarint(source)
  if (length === 'end' || length === 'cut') throw truncated(walk, 'inside the header', source.offset)
  if (length === 'bad' || length === 0 || length > walk.limits.headerBytesMax)
    throw notACar(`its header says that it is ${length} bytes long`)
  // The first byte of the map decides early: a page is told from a CAR before it has ended, or turns out to be too short.
  if (!(await source.fill(1))) throw truncated(walk, 'inside the header', source.offset)
  if (source.peek(0) >> 5 !== 5) throw notACar('it does not begin with a CBOR map')
  if (!(await source.fill(length))) throw truncated(walk, 'inside the header', source.offset)
  const bytes = source.take(length)
  if (isEqual(bytes, headerOf([walk.root]))) return // what an honest source sends need not be decoded
  let version: number | undefined
  try {
    version = versionIn(bytes)
  } catch (cause) {
    throw notACar('its header is no dag-cbor', cause)
  }
  if (version !== 1) throw notACar(`its header has version ${version}`)
}

/** Reads up to the first byte of the block: its length, once the section's CID is known to be the one that is expected. */
async function readSectionHead(source: ByteSource, walk: Walk, cid: CID, inline: InlineSections): Promise<number> {
  for (;;) {
    const start = source.offset
    const length = await readVarint(source)
    if (length === 'end') throw truncated(walk, `before block ${cid}`, start)
    if (length === 'cut') throw truncated(walk, 'inside a length', start)
    if (length === 'bad' || length === 0) throw malformed('a section has no readable length', start)
    const limit = walk.limits.blockBytesMax + SECTION_OVERHEAD_BYTES
    if (length > limit)
      throw new CarError('CAR_TOO_LARGE', `a section of ${length} bytes, at most ${limit} are allowed`, { bytes: length, offset: start })
    const bodyStart = source.offset + length
    const section = await readSectionMultihash(source, walk, length)
    const bodyLength = bodyStart - source.offset
    if (section.code === IDENTITY) {
      inline.take(bodyLength, start)
      await skip(source, walk, bodyLength) // inline blocks are not expected, and tolerated
      continue
    }
    if (!isEqual(section.bytes, cid.multihash.bytes)) throw unexpected(walk, cid, start)
    return bodyLength
  }
}

/** Inline blocks that stand in the stream too, for which nobody asks: as long as they are small and not many more than what has come. */
class InlineSections {
  readonly #walk: Walk
  readonly #areRefused: boolean
  #count = 0

  constructor(walk: Walk, areRefused: boolean) {
    this.#walk = walk
    this.#areRefused = areRefused
  }

  /** @throws {CarError} `CAR_MALFORMED` */
  take(bytes: number, offset: number): void {
    if (this.#areRefused) throw malformed('an inline block stands in the stream, for which nobody asks', offset)
    const { limits, blockCount, inlineCount } = this.#walk
    const { identityBytesMax } = limits
    if (bytes > identityBytesMax) throw malformed(`an inline block has ${bytes} bytes, at most ${identityBytesMax} are allowed`, offset)
    if (++this.#count > blockCount + inlineCount + INLINE_AHEAD_MAX) throw malformed('inline blocks come without end', offset)
  }
}

/** The codec of the section's CID is not looked at: the expected CID's decides. */
async function readSectionMultihash(source: ByteSource, walk: Walk, length: number): Promise<{ code: number; bytes: Uint8Array }> {
  const start = source.offset
  const wanted = Math.min(length, SECTION_OVERHEAD_BYTES + walk.limits.identityBytesMax)
  if (source.available < wanted && !(await source.fill(wanted))) throw truncated(walk, 'inside a CID', start)
  let ahead = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ahead < wanted && scale < 2 ** 35; scale *= 128) {
      const byte = source.peek(ahead++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw malformed('a section does not begin with a CID', start)
  }
  if (source.peek(0) !== SHA2_256 || wanted < 2 || source.peek(1) !== 32) {
    if (varint() !== 1) throw malformed('a section does not begin with a CID of version 0 or 1', start)
    varint() // codec
  }
  const multihashStart = ahead
  const code = varint()
  const digestBytes = varint()
  if (ahead + digestBytes > wanted) throw malformed(`a section's CID has a digest of ${digestBytes} bytes`, start)
  source.take(multihashStart)
  return { code, bytes: source.take(ahead + digestBytes - multihashStart) }
}

/** A source that continues where another one failed first sends again what lies above; it is hashed like everything else. */
async function readOuter(
  source: ByteSource,
  walk: Walk,
  outer: readonly CID[],
  inline: InlineSections,
  onRepeated: ReadCarOptions['onRepeated'],
): Promise<void> {
  const buffer = new JoinBuffer()
  for (const cid of outer) {
    const length = await readSectionHead(source, walk, cid, inline)
    await readBody(source, length, { cid, fileOffset: 0 }, walk, buffer)
    onRepeated?.(source.offset)
  }
}

/**
 * A source that begins again where another one failed: a second walk checks it from the start like the first, and hands on what `before` has
 * not accepted. `onNew` hears of that walk once it is further than `before`.
 */
export async function* readCarAgain(
  before: Walk,
  again: Walk,
  chunks: AsyncIterable<Uint8Array>,
  options: ReadCarOptions,
  onNew: (walk: Walk) => void,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  let left = before.blockCount + before.inlineCount
  for await (const block of readCar(again, chunks, options, [])) {
    if (left-- > 0) options.onRepeated?.(block.streamEnd)
    else {
      onNew(again)
      yield block
    }
  }
}

function unexpected(walk: Walk, cid: CID, offset: number): CarError {
  const details = { cid: cid.toString(), offset }
  if (walk.blockCount === 0) return new CarError('CAR_WRONG_ROOT', `the first block is not ${cid}, which was asked`, details)
  return new CarError('CAR_UNEXPECTED_BLOCK', `at byte ${offset} block ${cid} must come, another one came`, details)
}

function notACar(why: string, cause?: unknown): CarError {
  return new CarError('CAR_NOT_A_CAR', `the source is no CAR of version 1: ${why}`, {}, { cause })
}

function malformed(what: string, offset: number): CarError {
  return new CarError('CAR_MALFORMED', `at byte ${offset} ${what}`, { offset })
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}
