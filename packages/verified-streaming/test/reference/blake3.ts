/**
 * BLAKE3 as the specification tells it: recursive, one compression at a time, slow and plain. Every fast path is held
 * against it, and it is held against the published vectors. It shares no code with the kernel.
 */
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const [CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL] = [1, 2, 4, 8, 16, 32, 64] as const

/** The last compression of a node, not yet done: it may become a CV, or the root's output of any length. */
interface Node {
  cv: number[]
  block: number[]
  counter: number
  length: number
  flags: number
}

const rotate = (x: number, n: number): number => ((x >>> n) | (x << (32 - n))) >>> 0

function compress({ cv, block, counter, length, flags }: Node): number[] {
  const s = [...cv, ...IV.slice(0, 4), counter % 2 ** 32, Math.floor(counter / 2 ** 32), length, flags]
  const mix = (a: number, b: number, c: number, d: number, x: number, y: number): void => {
    s[a] = (s[a]! + s[b]! + x) >>> 0
    s[d] = rotate((s[d]! ^ s[a]!) >>> 0, 16)
    s[c] = (s[c]! + s[d]!) >>> 0
    s[b] = rotate((s[b]! ^ s[c]!) >>> 0, 12)
    s[a] = (s[a]! + s[b]! + y) >>> 0
    s[d] = rotate((s[d]! ^ s[a]!) >>> 0, 8)
    s[c] = (s[c]! + s[d]!) >>> 0
    s[b] = rotate((s[b]! ^ s[c]!) >>> 0, 7)
  }
  let m = block
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 4; i++) mix(i, 4 + i, 8 + i, 12 + i, m[2 * i]!, m[2 * i + 1]!)
    for (let i = 0; i < 4; i++) mix(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4), m[8 + 2 * i]!, m[9 + 2 * i]!)
    m = ORDER.map((from) => m[from]!)
  }
  for (let i = 0; i < 8; i++) {
    s[i] = (s[i]! ^ s[i + 8]!) >>> 0
    s[i + 8] = (s[i + 8]! ^ cv[i]!) >>> 0
  }
  return s
}

function wordsOf(bytes: Uint8Array): number[] {
  const padded = new Uint8Array(Math.ceil(Math.max(bytes.length, 1) / 4) * 4)
  padded.set(bytes)
  const view = new DataView(padded.buffer)
  return Array.from({ length: padded.length / 4 }, (_, i) => view.getUint32(i * 4, true))
}

function bytesOf(words: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * 4))
  words.forEach((word, i) => view.setUint32(i * 4, word, true))
  return new Uint8Array(view.buffer)
}

function chunkNode(bytes: Uint8Array, counter: number, key: number[], mode: number): Node {
  let cv = key
  for (let at = 0; ; at += 64) {
    const part = bytes.subarray(at, at + 64)
    const block = [...wordsOf(part), ...new Array<number>(16).fill(0)].slice(0, 16)
    const isLast = at + 64 >= bytes.length
    const node = { cv, block, counter, length: part.length, flags: mode | (at === 0 ? CHUNK_START : 0) | (isLast ? CHUNK_END : 0) }
    if (isLast) return node
    cv = compress(node).slice(0, 8)
  }
}

function nodeOf(bytes: Uint8Array, startChunk: number, key: number[], mode: number): Node {
  if (bytes.length <= 1024) return chunkNode(bytes, startChunk, key, mode)
  let leftChunks = 1
  while (leftChunks * 2 * 1024 < bytes.length) leftChunks *= 2
  const left = compress(nodeOf(bytes.subarray(0, leftChunks * 1024), startChunk, key, mode)).slice(0, 8)
  const right = compress(nodeOf(bytes.subarray(leftChunks * 1024), startChunk + leftChunks, key, mode)).slice(0, 8)
  return { cv: key, block: [...left, ...right], counter: 0, length: 64, flags: mode | PARENT }
}

function outputOf(node: Node, outputBytes: number): Uint8Array {
  const out: number[] = []
  for (let counter = 0; out.length < outputBytes; counter++) out.push(...bytesOf(compress({ ...node, counter, flags: node.flags | ROOT })))
  return Uint8Array.from(out.slice(0, outputBytes))
}

export interface ReferenceMode {
  readonly key?: Uint8Array
  readonly context?: string
}

/** The BLAKE3 hash of `bytes`. */
export function referenceHash(bytes: Uint8Array, { key, context }: ReferenceMode = {}, outputBytes = 32): Uint8Array {
  if (key) return outputOf(nodeOf(bytes, 0, wordsOf(key), KEYED), outputBytes)
  if (context === undefined) return outputOf(nodeOf(bytes, 0, IV, 0), outputBytes)
  const contextKey = outputOf(nodeOf(new TextEncoder().encode(context), 0, IV, CONTEXT), 32)
  return outputOf(nodeOf(bytes, 0, wordsOf(contextKey), MATERIAL), outputBytes)
}

/** The CV of a subtree that begins at chunk `startChunk` and is not the root. */
export function referenceSubtreeCv(bytes: Uint8Array, startChunk: number): Uint8Array {
  return bytesOf(compress(nodeOf(bytes, startChunk, IV, 0)).slice(0, 8))
}

/** The parent of two CVs, as root or not. */
export function referenceParentCv(pair: Uint8Array, isRoot: boolean): Uint8Array {
  return bytesOf(compress({ cv: IV, block: wordsOf(pair), counter: 0, length: 64, flags: PARENT | (isRoot ? ROOT : 0) }).slice(0, 8))
}
