/**
 * SHA-256 over 32-bit words, made for one job: the hash of two hashes, where both and the result lie in one array of words. A tree of
 * 100,000 keys spends most of its time here, and what costs with a general hash function (a call into native code or WebAssembly, copies
 * in and out, an object for the digest) costs more than the two compressions. The second block of a 64-byte message is always the same
 * padding, so its message schedule is a constant. README "How it works" has what was measured against it.
 */

// The fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2).
// biome-ignore format: eight to a line, as in the standard
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])
// The fractional parts of the square roots of the first eight primes (§5.3.3).
const INITIAL = new Int32Array([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19])
const BLOCK_BYTES = 64

const state = new Int32Array(8)
const schedule = new Int32Array(64)
const padding = new Int32Array(64) // behind a message of exactly 64 bytes
padding[0] = 0x80000000
padding[15] = BLOCK_BYTES * 8
expand(padding)

/** Fills words 16 to 63 of a message schedule from its first 16 (§6.2.2 step 1). */
function expand(w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15]!
    const b = w[i - 2]!
    const low = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3)
    const high = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10)
    w[i] = (w[i - 16]! + w[i - 7]! + low + high) | 0
  }
}

/** One compression: `state` moves on by the block whose schedule is `w` (§6.2.2 steps 2 to 4). Eight rounds a turn, so that no variable moves. */
// biome-ignore format: a line for each round
function compress(w: Int32Array): void {
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!, e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!
  for (let i = 0; i < 64; i += 8) {
    h = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + (g ^ (e & (f ^ g))) + K[i]! + w[i]!) | 0; d = (d + h) | 0; h = (h + (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) | (c & (a | b)))) | 0
    g = (g + (((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7))) + (f ^ (d & (e ^ f))) + K[i + 1]! + w[i + 1]!) | 0; c = (c + g) | 0; g = (g + (((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10))) + ((h & a) | (b & (h | a)))) | 0
    f = (f + (((c >>> 6) | (c << 26)) ^ ((c >>> 11) | (c << 21)) ^ ((c >>> 25) | (c << 7))) + (e ^ (c & (d ^ e))) + K[i + 2]! + w[i + 2]!) | 0; b = (b + f) | 0; f = (f + (((g >>> 2) | (g << 30)) ^ ((g >>> 13) | (g << 19)) ^ ((g >>> 22) | (g << 10))) + ((g & h) | (a & (g | h)))) | 0
    e = (e + (((b >>> 6) | (b << 26)) ^ ((b >>> 11) | (b << 21)) ^ ((b >>> 25) | (b << 7))) + (d ^ (b & (c ^ d))) + K[i + 3]! + w[i + 3]!) | 0; a = (a + e) | 0; e = (e + (((f >>> 2) | (f << 30)) ^ ((f >>> 13) | (f << 19)) ^ ((f >>> 22) | (f << 10))) + ((f & g) | (h & (f | g)))) | 0
    d = (d + (((a >>> 6) | (a << 26)) ^ ((a >>> 11) | (a << 21)) ^ ((a >>> 25) | (a << 7))) + (c ^ (a & (b ^ c))) + K[i + 4]! + w[i + 4]!) | 0; h = (h + d) | 0; d = (d + (((e >>> 2) | (e << 30)) ^ ((e >>> 13) | (e << 19)) ^ ((e >>> 22) | (e << 10))) + ((e & f) | (g & (e | f)))) | 0
    c = (c + (((h >>> 6) | (h << 26)) ^ ((h >>> 11) | (h << 21)) ^ ((h >>> 25) | (h << 7))) + (b ^ (h & (a ^ b))) + K[i + 5]! + w[i + 5]!) | 0; g = (g + c) | 0; c = (c + (((d >>> 2) | (d << 30)) ^ ((d >>> 13) | (d << 19)) ^ ((d >>> 22) | (d << 10))) + ((d & e) | (f & (d | e)))) | 0
    b = (b + (((g >>> 6) | (g << 26)) ^ ((g >>> 11) | (g << 21)) ^ ((g >>> 25) | (g << 7))) + (a ^ (g & (h ^ a))) + K[i + 6]! + w[i + 6]!) | 0; f = (f + b) | 0; b = (b + (((c >>> 2) | (c << 30)) ^ ((c >>> 13) | (c << 19)) ^ ((c >>> 22) | (c << 10))) + ((c & d) | (e & (c | d)))) | 0
    a = (a + (((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7))) + (h ^ (f & (g ^ h))) + K[i + 7]! + w[i + 7]!) | 0; e = (e + a) | 0; a = (a + (((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10))) + ((b & c) | (d & (b | c)))) | 0
  }
  state[0] = (state[0]! + a) | 0; state[1] = (state[1]! + b) | 0; state[2] = (state[2]! + c) | 0; state[3] = (state[3]! + d) | 0
  state[4] = (state[4]! + e) | 0; state[5] = (state[5]! + f) | 0; state[6] = (state[6]! + g) | 0; state[7] = (state[7]! + h) | 0
}

/** Words `out` to `out + 8` of `target` become the SHA-256 of the eight at `left` and the eight at `right`, most significant byte first. */
export function hashPair(lefts: Int32Array, left: number, rights: Int32Array, right: number, target: Int32Array, out: number): void {
  for (let i = 0; i < 8; i++) {
    schedule[i] = lefts[left + i]!
    schedule[i + 8] = rights[right + i]!
    state[i] = INITIAL[i]!
  }
  expand(schedule)
  compress(schedule)
  compress(padding)
  for (let i = 0; i < 8; i++) target[out + i] = state[i]!
}

const block = new Uint8Array(BLOCK_BYTES)

/** SHA-256 of `first` (0 to 255, as one byte) and `bytes`, or of `bytes` alone when `first` is undefined. 32 bytes. */
export function sha256(bytes: Uint8Array, first?: number): Uint8Array {
  const lead = first === undefined ? 0 : 1
  const length = bytes.length + lead
  state.set(INITIAL)
  if (first !== undefined) block[0] = first
  let held = lead
  let at = 0
  for (; bytes.length - at >= BLOCK_BYTES - held; held = 0) {
    const taken = BLOCK_BYTES - held
    for (let i = 0; i < taken; i++) block[held + i] = bytes[at + i]!
    at += taken
    compressBlock()
  }
  for (; at < bytes.length; at++) block[held++] = bytes[at]!
  block[held++] = 0x80
  if (held > BLOCK_BYTES - 8) {
    block.fill(0, held)
    compressBlock()
    held = 0
  }
  block.fill(0, held)
  readBlock()
  schedule[14] = Math.floor(length / 2 ** 29) // the length in bits, 64 of them
  schedule[15] = length << 3
  expand(schedule)
  compress(schedule)
  const digest = new Uint8Array(32)
  writeWords(state, 0, digest, 0)
  return digest
}

function compressBlock(): void {
  readBlock()
  expand(schedule)
  compress(schedule)
}

function readBlock(): void {
  readWords(block, 0, schedule, 0)
  readWords(block, 32, schedule, 8)
}

/** The 32 bytes at `offset` as eight words at `at`. */
export function readWords(bytes: Uint8Array, offset: number, words: Int32Array, at: number): void {
  for (let i = 0, from = offset; i < 8; i++, from += 4) {
    words[at + i] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
  }
}

/** The eight words at `at` as 32 bytes at `offset`. */
export function writeWords(words: Int32Array, at: number, bytes: Uint8Array, offset: number): void {
  for (let i = 0, to = offset; i < 8; i++, to += 4) {
    const word = words[at + i]!
    bytes[to] = word >>> 24
    bytes[to + 1] = word >>> 16
    bytes[to + 2] = word >>> 8
    bytes[to + 3] = word
  }
}
