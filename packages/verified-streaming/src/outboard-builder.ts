/**
 * Root and outboard of bytes that arrive in pieces of any length, hashing each group as soon as a further one begins. Parents are
 * kept in the order in which they become known, which is post-order; pre-order is arranged at the end. Memory: the outboard (twice
 * while it is arranged), one group, one value a level.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HASH_BYTES, HEADER_BYTES, PAIR_BYTES } from './constants.ts'
import { refuse } from './errors.ts'
import { Edge } from './kernel/edge.ts'
import { PLAIN } from './kernel/engine.ts'
import { subtreeCv, subtreeCvs } from './kernel/index.ts'
import { writeSize } from './outboard.ts'
import type { OutboardOrder } from './places.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { Tail } from './tail.ts'
import { checkBytes, checkChunkGroupLog } from './tree.ts'

export interface OutboardOptions {
  /** Chunk groups of 2^chunkGroupLog KiB, 0 to 10. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  /** Parents before their children (Bao, iroh's files) or after them. @default 'pre' */
  readonly order?: OutboardOrder | undefined
  /**
   * Whether a u64le size stands in it: before the pairs in pre-order, behind them in post-order.
   * @default true at `chunkGroupLog` 0 in pre-order, which makes it Bao's outboard; false otherwise, as bao-tree's
   */
  readonly lengthField?: boolean | undefined
}

export interface Outboard {
  /** BLAKE3 hash of the content, 32 bytes: the same for every group size. */
  readonly root: Uint8Array<ArrayBuffer>
  readonly size: number
  readonly outboard: Uint8Array<ArrayBuffer>
}

export interface OutboardBuilder {
  /** Takes the next bytes; they are the caller's again when it returns. @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for what is none. */
  update(bytes: Uint8Array): OutboardBuilder
  /** Once, at the end. */
  finish(): Outboard
}

/** Pairs are collected in pieces of this many, so that growing copies nothing. */
const SEGMENT_PAIRS = 1024
/** Values asked of the kernel in one call. */
const CVS_AT_ONCE = 64

/** The builder, with a second way in for values that workers made. */
export interface TreeBuilder extends OutboardBuilder {
  /** Takes the values of the next groups instead of their bytes; the last of a blob may be short. Only of blobs of more than one group. */
  addCvs(cvs: Uint8Array, bytes: number): void
}

export function createTreeBuilder(options: OutboardOptions): TreeBuilder {
  const { chunkGroupLog: log = CHUNK_GROUP_LOG_DEFAULT, order = 'pre', lengthField = log === 0 && order === 'pre' } = options
  const groupChunks = 2 ** checkChunkGroupLog(log)
  const groupBytes = groupChunks * CHUNK_BYTES
  const fresh = new Uint8Array(CVS_AT_ONCE * HASH_BYTES)
  const segments: Uint8Array[] = []
  let pairs = 0
  let size = 0
  let isFinished = false

  const edge = new Edge(PLAIN, (cvs, at) => {
    const place = (pairs % SEGMENT_PAIRS) * PAIR_BYTES
    if (place === 0) segments.push(new Uint8Array(SEGMENT_PAIRS * PAIR_BYTES))
    const segment = segments[Math.floor(pairs++ / SEGMENT_PAIRS)]!
    for (let i = 0; i < PAIR_BYTES; i++) segment[place + i] = cvs[at + i]!
  })
  const addGroups = (bytes: Uint8Array, start: number, end: number): void => {
    const stepBytes = CVS_AT_ONCE * groupBytes
    for (let at = start; at < end; at += stepBytes) {
      const count = subtreeCvs(bytes, at, Math.min(end, at + stepBytes), edge.chunks, log, fresh, 0)
      for (let i = 0; i < count; i++) edge.push(fresh, i * HASH_BYTES, groupChunks)
    }
  }
  const tail = new Tail(groupBytes, addGroups)

  function arrange(): Uint8Array<ArrayBuffer> {
    const isPre = order === 'pre'
    const out = new Uint8Array(pairs * PAIR_BYTES + (lengthField ? HEADER_BYTES : 0))
    const walk = new PreOrderWalk(pairs + 1, 0, ChunkRanges.all, 'post')
    let to = isPre && lengthField ? HEADER_BYTES : 0
    for (let place = 0; place < pairs; place++) {
      if (isPre)
        do walk.next()
        while (walk.isLeaf)
      const from = isPre ? walk.place : place
      const at = (from % SEGMENT_PAIRS) * PAIR_BYTES
      out.set(segments[Math.floor(from / SEGMENT_PAIRS)]!.subarray(at, at + PAIR_BYTES), to)
      to += PAIR_BYTES
    }
    if (lengthField) writeSize(out, isPre ? 0 : to, size)
    return out
  }

  /** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` after `finish`. */
  const checkRunning = (): void => {
    if (isFinished) refuse('a builder that is not finished', 'a finished one')
  }
  return {
    update(bytes) {
      checkRunning()
      size += checkBytes(bytes).length
      tail.push(bytes)
      return this
    },
    addCvs(cvs, bytes) {
      size += bytes
      for (let at = 0; at < cvs.length; at += HASH_BYTES) edge.push(cvs, at, groupChunks)
    },
    finish() {
      checkRunning()
      isFinished = true
      const { held } = tail
      if (edge.depth === 0) subtreeCv(held, 0, held.length, 0, true, edge.cvs, 0)
      else if (held.length > 0) addGroups(held, 0, held.length)
      edge.fold(true)
      return { root: edge.cvs.slice(0, HASH_BYTES), size, outboard: arrange() }
    },
  }
}

/** Puts the length field that `options` ask for to an outboard made without one. */
export function withLengthField({ root, size, outboard }: Outboard, options: OutboardOptions): Outboard {
  const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, order = 'pre', lengthField = chunkGroupLog === 0 && order === 'pre' } = options
  if (!lengthField) return { root, size, outboard }
  const out = new Uint8Array(outboard.length + HEADER_BYTES)
  const isPre = order === 'pre'
  out.set(outboard, isPre ? HEADER_BYTES : 0)
  writeSize(out, isPre ? 0 : outboard.length, size)
  return { root, size, outboard: out }
}

/**
 * Root and outboard in push form, synchronous: for whoever hashes content while writing it.
 *
 * @example
 * const builder = createOutboardBuilder()
 * for await (const bytes of source) { builder.update(bytes); await file.write(bytes) }
 * const { root, size, outboard } = builder.finish()
 */
export function createOutboardBuilder(options: OutboardOptions = {}): OutboardBuilder {
  return createTreeBuilder(options)
}
