/**
 * BLAKE3 in plain JavaScript, behind the same interface as the WebAssembly kernel: for engines that refuse WebAssembly
 * (a content security policy without `wasm-unsafe-eval`, workerd) or lack its SIMD, and for the first few kilobytes of a
 * process, which are done before a module would be compiled. State and message live in 32 local variables; two of the seven rounds are
 * written out, so that the message moves only every other time (docs/decisions/0012 has what was faster or smaller).
 */
import { BLOCK_BYTES, CHUNK_BYTES, CHUNK_START, CV_BYTES, MEMORY_BYTES } from './constants.ts'
import { refuse } from '../errors.ts'
import type { Engine, Hashing } from './engine.ts'
import { engineOf } from './wasm.ts'

/** Words at 32-bit index: the IV at 0, chaining value `cv`, block `block`; the new chaining value goes to `out`, and with `wide` 16 words do. */
// biome-ignore format: a line for each G, eight to a round, is easier to check against the specification than seven for each.
export function compress(w: Int32Array, cv: number, block: number, lo: number, hi: number, length: number, flags: number, out: number, wide: boolean): void {
  let m0 = w[block]!, m1 = w[block + 1]!, m2 = w[block + 2]!, m3 = w[block + 3]!, m4 = w[block + 4]!, m5 = w[block + 5]!, m6 = w[block + 6]!, m7 = w[block + 7]!
  let m8 = w[block + 8]!, m9 = w[block + 9]!, m10 = w[block + 10]!, m11 = w[block + 11]!, m12 = w[block + 12]!, m13 = w[block + 13]!, m14 = w[block + 14]!, m15 = w[block + 15]!
  let a = w[cv]!, b = w[cv + 1]!, c = w[cv + 2]!, d = w[cv + 3]!, e = w[cv + 4]!, f = w[cv + 5]!, g = w[cv + 6]!, h = w[cv + 7]!
  let i = w[0]!, j = w[1]!, k = w[2]!, l = w[3]!, m = lo | 0, n = hi | 0, o = length, p = flags
  for (let double = 0; ; double++) {
    a = (a + e + m0) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m1) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
    b = (b + f + m2) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m3) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
    c = (c + g + m4) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m5) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
    d = (d + h + m6) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m7) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
    a = (a + f + m8) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m9) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
    b = (b + g + m10) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m11) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
    c = (c + h + m12) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m13) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
    d = (d + e + m14) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m15) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
    if (double === 3) break
    a = (a + e + m2) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m6) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
    b = (b + f + m3) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m10) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
    c = (c + g + m7) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m0) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
    d = (d + h + m4) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m13) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
    a = (a + f + m1) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m11) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
    b = (b + g + m12) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m5) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
    c = (c + h + m9) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m14) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
    d = (d + e + m15) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m8) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
    // The message for the next two rounds: the permutation twice, cycle by cycle.
    let t = 0
    t = m0; m0 = m3; m3 = m12; m12 = m11; m11 = t
    t = m1; m1 = m4; m4 = m13; m13 = m15; m15 = t
    t = m2; m2 = m10; m10 = m9; m9 = m5; m5 = t
    t = m6; m6 = m7; m7 = m14; m14 = m8; m8 = t
  }
  if (wide) {
    w[out + 8] = w[cv]! ^ i; w[out + 9] = w[cv + 1]! ^ j; w[out + 10] = w[cv + 2]! ^ k; w[out + 11] = w[cv + 3]! ^ l
    w[out + 12] = w[cv + 4]! ^ m; w[out + 13] = w[cv + 5]! ^ n; w[out + 14] = w[cv + 6]! ^ o; w[out + 15] = w[cv + 7]! ^ p
  }
  w[out] = a ^ i; w[out + 1] = b ^ j; w[out + 2] = c ^ k; w[out + 3] = d ^ l; w[out + 4] = e ^ m; w[out + 5] = f ^ n; w[out + 6] = g ^ o; w[out + 7] = h ^ p
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Makes a portable engine with its own static memory. */
export function createPortableEngine(): Engine {
  if (!isLittleEndian) refuse('a little-endian machine', 'another')
  const buffer = new ArrayBuffer(MEMORY_BYTES)
  const one: Hashing = (input, length, lo, hi, flags, endFlags, key, out) => {
    let cv = key
    let blockFlags = flags
    let left = length
    for (let at = input; ; at += BLOCK_BYTES) {
      const isLast = left <= BLOCK_BYTES
      compress(
        engine.words,
        cv >> 2,
        at >> 2,
        lo,
        hi,
        isLast ? left : BLOCK_BYTES,
        isLast ? blockFlags | endFlags : blockFlags,
        out >> 2,
        false,
      )
      if (isLast) return
      cv = out
      blockFlags = flags & ~CHUNK_START
      left -= BLOCK_BYTES
    }
  }
  const lanes: Hashing = (input, length, lo, hi, flags, endFlags, key, out, count) => {
    const first = (lo >>> 0) + hi * 2 ** 32
    for (let i = 0; i < count; i++) {
      const counter = length === CHUNK_BYTES ? first + i : 0
      one(input + i * length, length, counter | 0, (counter / 2 ** 32) | 0, flags, endFlags, key, out + i * CV_BYTES, 1)
    }
  }
  const engine = engineOf(buffer, lanes, one)
  return engine
}
