/**
 * Trees and encodings as the formats' own texts tell them (spec §1.1-§1.5): recursive, slow, plain, on top of the reference
 * hash. Shares no code with `src`. A selection is a predicate over chunks, true for what an encoding has to carry.
 */
import { referenceHash, referenceParentCv, referenceSubtreeCv } from './blake3.ts'

const CHUNK = 1024

export interface ReferenceNode {
  /** Bytes covered. */
  readonly start: number
  readonly end: number
  /** As a child. The root's is `root`. */
  readonly cv: Uint8Array
  readonly left?: ReferenceNode
  readonly right?: ReferenceNode
}

export interface ReferenceTree {
  readonly data: Uint8Array
  readonly root: Uint8Array
  readonly top: ReferenceNode
}

export type Selection = (chunk: number) => boolean

export const everything: Selection = () => true

const chunksOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK))

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  pieces.reduce((at, piece) => {
    out.set(piece, at)
    return at + piece.length
  }, 0)
  return out
}

function nodeOf(data: Uint8Array, start: number, end: number): ReferenceNode {
  const chunks = chunksOf(end - start)
  if (chunks === 1) return { start, end, cv: referenceSubtreeCv(data.subarray(start, end), start / CHUNK) }
  let leftChunks = 1
  while (leftChunks * 2 < chunks) leftChunks *= 2
  const left = nodeOf(data, start, start + leftChunks * CHUNK)
  const right = nodeOf(data, start + leftChunks * CHUNK, end)
  return { start, end, left, right, cv: referenceParentCv(joined([left.cv, right.cv]), false) }
}

export function referenceTree(data: Uint8Array): ReferenceTree {
  const top = nodeOf(data, 0, data.length)
  const root = top.left && top.right ? referenceParentCv(joined([top.left.cv, top.right.cv]), true) : referenceHash(data)
  return { data, root, top }
}

/** One thing in an encoding. */
export interface ReferenceItem {
  readonly kind: 'parent' | 'leaf'
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

function selectedOf(node: ReferenceNode, selection: Selection): 'none' | 'part' | 'all' {
  const first = node.start / CHUNK
  const chunks = Array.from({ length: chunksOf(node.end - node.start) }, (_, i) => selection(first + i))
  return chunks.every(Boolean) ? 'all' : chunks.some(Boolean) ? 'part' : 'none'
}

/** Parents and leaves in pre-order, by the leaf rule of spec §1.5. */
export function referenceItems(tree: ReferenceTree, log: number, selection: Selection): ReferenceItem[] {
  const items = (node: ReferenceNode): ReferenceItem[] => {
    const { start, end, left, right } = node
    const selected = selectedOf(node, selection)
    if (selected === 'none') return []
    const isGroup = selected === 'all' && chunksOf(end - start) <= 2 ** log
    if (!left || !right || isGroup) return [{ kind: 'leaf', start, end, bytes: tree.data.subarray(start, end) }]
    return [{ kind: 'parent', start, end, bytes: joined([left.cv, right.cv]) }, ...items(left), ...items(right)]
  }
  return items(tree.top)
}

export function sizeField(size: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(size), true)
  return out
}

export function referenceEncoding(tree: ReferenceTree, log: number, selection: Selection): Uint8Array {
  return joined([sizeField(tree.data.length), ...referenceItems(tree, log, selection).map(({ bytes }) => bytes)])
}

/** The chunks that an encoding carries when `wanted` is asked of a blob of `size` bytes: what is at or beyond the last chunk means the last chunk. */
export function truncated(wanted: Selection, size: number, isBeyondWanted: boolean): Selection {
  const last = chunksOf(size) - 1
  return (chunk) => (chunk < last ? wanted(chunk) : chunk === last && (wanted(last) || isBeyondWanted))
}

/** Pairs above groups, without length field. */
export function referenceOutboard(tree: ReferenceTree, log: number, order: 'pre' | 'post'): Uint8Array {
  const pairs = ({ start, end, left, right }: ReferenceNode): Uint8Array[] => {
    if (!left || !right || chunksOf(end - start) <= 2 ** log) return []
    const own = joined([left.cv, right.cv])
    return order === 'pre' ? [own, ...pairs(left), ...pairs(right)] : [...pairs(left), ...pairs(right), own]
  }
  return joined(pairs(tree.top))
}

/** Reads an encoding strictly; throws at the first thing wrong, with what was proven until then in `parts`. */
export function referenceDecode(
  encoded: Uint8Array,
  root: Uint8Array,
  log: number,
  selectionOf: (size: number) => Selection,
  parts: { offset: number; bytes: Uint8Array }[],
): void {
  let at = 0
  const take = (length: number): Uint8Array => {
    if (at + length > encoded.length) throw new Error('truncated')
    at += length
    return encoded.subarray(at - length, at)
  }
  const same = (a: Uint8Array, b: Uint8Array): void => {
    if (!a.every((byte, i) => byte === b[i])) throw new Error('mismatch')
  }
  const size = Number(new DataView(encoded.buffer, encoded.byteOffset).getBigUint64(take(8).length - 8, true))
  const selection = selectionOf(size)
  const read = (start: number, end: number, expected: Uint8Array, isRoot: boolean): void => {
    const chunks = chunksOf(end - start)
    const wanted = Array.from({ length: chunks }, (_, i) => selection(start / CHUNK + i))
    if (!wanted.some(Boolean)) return
    if (chunks === 1 || (chunks <= 2 ** log && wanted.every(Boolean))) {
      const bytes = take(end - start)
      same(isRoot ? referenceHash(bytes) : referenceSubtreeCv(bytes, start / CHUNK), expected)
      if (bytes.length > 0) parts.push({ offset: start, bytes })
      return
    }
    const pair = take(64)
    same(referenceParentCv(pair, isRoot), expected)
    let leftChunks = 1
    while (leftChunks * 2 < chunks) leftChunks *= 2
    read(start, start + leftChunks * CHUNK, pair.subarray(0, 32), false)
    read(start + leftChunks * CHUNK, end, pair.subarray(32), false)
  }
  read(0, size, root, true)
  if (at < encoded.length) throw new Error('trailing')
}
