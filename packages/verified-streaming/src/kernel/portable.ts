/**
 * BLAKE3 in plain JavaScript, behind the same interface as the WebAssembly kernel: for engines that refuse WebAssembly
 * (a content security policy without `wasm-unsafe-eval`, workerd) or lack its SIMD, and for the first few kilobytes of a
 * process, which are done before a module would be compiled. State and message live in 32 local variables; the seven rounds
 * are written out, so that the message never moves. That is faster in V8 than a loop that permutes it (docs/decisions/0010), for 250 bytes more of
 * compressed bundle; words read from memory where they are used were slower than both.
 */
import { BLOCK_BYTES, CHUNK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, IV, IV_AT, MEMORY_BYTES, PARENT } from './constants.ts'
import type { Engine } from './engine.ts'

/** Words at 32-bit index: chaining value `cv`, block `block`; the new chaining value goes to `out`, and with `wide` 16 words do. */
// biome-ignore format: a line for each G, eight to a round, is easier to check against the specification than seven for each.
export function compress(w: Int32Array, cv: number, block: number, lo: number, hi: number, length: number, flags: number, out: number, wide: boolean): void {
  const m0 = w[block]!, m1 = w[block + 1]!, m2 = w[block + 2]!, m3 = w[block + 3]!, m4 = w[block + 4]!, m5 = w[block + 5]!, m6 = w[block + 6]!, m7 = w[block + 7]!
  const m8 = w[block + 8]!, m9 = w[block + 9]!, m10 = w[block + 10]!, m11 = w[block + 11]!, m12 = w[block + 12]!, m13 = w[block + 13]!, m14 = w[block + 14]!, m15 = w[block + 15]!
  let a = w[cv]!, b = w[cv + 1]!, c = w[cv + 2]!, d = w[cv + 3]!, e = w[cv + 4]!, f = w[cv + 5]!, g = w[cv + 6]!, h = w[cv + 7]!
  let i = 0x6a09e667, j = 0xbb67ae85 | 0, k = 0x3c6ef372, l = 0xa54ff53a | 0, m = lo | 0, n = hi | 0, o = length, p = flags
  a = (a + e + m0) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m1) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m2) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m3) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m4) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m5) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m6) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m7) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m8) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m9) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m10) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m11) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m12) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m13) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m14) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m15) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m2) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m6) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m3) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m10) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m7) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m0) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m4) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m13) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m1) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m11) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m12) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m5) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m9) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m14) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m15) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m8) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m3) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m4) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m10) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m12) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m13) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m2) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m7) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m14) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m6) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m5) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m9) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m0) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m11) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m15) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m8) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m1) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m10) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m7) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m12) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m9) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m14) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m3) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m13) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m15) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m4) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m0) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m11) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m2) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m5) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m8) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m1) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m6) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m12) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m13) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m9) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m11) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m15) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m10) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m14) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m8) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m7) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m2) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m5) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m3) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m0) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m1) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m6) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m4) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m9) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m14) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m11) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m5) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m8) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m12) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m15) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m1) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m13) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m3) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m0) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m10) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m2) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m6) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m4) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m7) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  a = (a + e + m11) | 0; m ^= a; m = (m << 16) | (m >>> 16); i = (i + m) | 0; e ^= i; e = (e << 20) | (e >>> 12); a = (a + e + m15) | 0; m ^= a; m = (m << 24) | (m >>> 8); i = (i + m) | 0; e ^= i; e = (e << 25) | (e >>> 7)
  b = (b + f + m5) | 0; n ^= b; n = (n << 16) | (n >>> 16); j = (j + n) | 0; f ^= j; f = (f << 20) | (f >>> 12); b = (b + f + m0) | 0; n ^= b; n = (n << 24) | (n >>> 8); j = (j + n) | 0; f ^= j; f = (f << 25) | (f >>> 7)
  c = (c + g + m1) | 0; o ^= c; o = (o << 16) | (o >>> 16); k = (k + o) | 0; g ^= k; g = (g << 20) | (g >>> 12); c = (c + g + m9) | 0; o ^= c; o = (o << 24) | (o >>> 8); k = (k + o) | 0; g ^= k; g = (g << 25) | (g >>> 7)
  d = (d + h + m8) | 0; p ^= d; p = (p << 16) | (p >>> 16); l = (l + p) | 0; h ^= l; h = (h << 20) | (h >>> 12); d = (d + h + m6) | 0; p ^= d; p = (p << 24) | (p >>> 8); l = (l + p) | 0; h ^= l; h = (h << 25) | (h >>> 7)
  a = (a + f + m14) | 0; p ^= a; p = (p << 16) | (p >>> 16); k = (k + p) | 0; f ^= k; f = (f << 20) | (f >>> 12); a = (a + f + m10) | 0; p ^= a; p = (p << 24) | (p >>> 8); k = (k + p) | 0; f ^= k; f = (f << 25) | (f >>> 7)
  b = (b + g + m2) | 0; m ^= b; m = (m << 16) | (m >>> 16); l = (l + m) | 0; g ^= l; g = (g << 20) | (g >>> 12); b = (b + g + m12) | 0; m ^= b; m = (m << 24) | (m >>> 8); l = (l + m) | 0; g ^= l; g = (g << 25) | (g >>> 7)
  c = (c + h + m3) | 0; n ^= c; n = (n << 16) | (n >>> 16); i = (i + n) | 0; h ^= i; h = (h << 20) | (h >>> 12); c = (c + h + m4) | 0; n ^= c; n = (n << 24) | (n >>> 8); i = (i + n) | 0; h ^= i; h = (h << 25) | (h >>> 7)
  d = (d + e + m7) | 0; o ^= d; o = (o << 16) | (o >>> 16); j = (j + o) | 0; e ^= j; e = (e << 20) | (e >>> 12); d = (d + e + m13) | 0; o ^= d; o = (o << 24) | (o >>> 8); j = (j + o) | 0; e ^= j; e = (e << 25) | (e >>> 7)
  if (wide) {
    w[out + 8] = w[cv]! ^ i; w[out + 9] = w[cv + 1]! ^ j; w[out + 10] = w[cv + 2]! ^ k; w[out + 11] = w[cv + 3]! ^ l
    w[out + 12] = w[cv + 4]! ^ m; w[out + 13] = w[cv + 5]! ^ n; w[out + 14] = w[cv + 6]! ^ o; w[out + 15] = w[cv + 7]! ^ p
  }
  w[out] = a ^ i; w[out + 1] = b ^ j; w[out + 2] = c ^ k; w[out + 3] = d ^ l; w[out + 4] = e ^ m; w[out + 5] = f ^ n; w[out + 6] = g ^ o; w[out + 7] = h ^ p
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Makes a portable engine with its own static memory. */
export function createPortableEngine(): Engine {
  if (!isLittleEndian) throw new Error('the portable kernel reads words in the byte order of the machine, which must be little endian')
  const memory = new Uint8Array(MEMORY_BYTES)
  const words = new Int32Array(memory.buffer)
  words.set(IV, IV_AT / 4)

  function chunk(input: number, length: number, lo: number, hi: number, flags: number, endFlags: number, key: number, out: number): void {
    let cv = key >> 2
    let blockFlags = flags | CHUNK_START
    let at = input
    for (let left = length; left > BLOCK_BYTES; left -= BLOCK_BYTES, at += BLOCK_BYTES) {
      compress(words, cv, at >> 2, lo, hi, BLOCK_BYTES, blockFlags, out >> 2, false)
      cv = out >> 2
      blockFlags = flags
    }
    const rest = input + length - at
    compress(words, cv, at >> 2, lo, hi, rest, blockFlags | CHUNK_END | endFlags, out >> 2, false)
  }

  function chunks(input: number, length: number, lo: number, hi: number, flags: number, endFlags: number, key: number, out: number): void {
    let low = lo >>> 0
    let high = hi
    let at = 0
    do {
      chunk(input + at, Math.min(CHUNK_BYTES, length - at), low, high, flags, endFlags, key, out)
      at += CHUNK_BYTES
      out += CV_BYTES
      low++
      if (low === 0x1_0000_0000) {
        low = 0
        high++
      }
    } while (at < length)
  }

  function parents(input: number, count: number, flags: number, key: number, out: number): void {
    for (let i = 0; i < count; i++) {
      compress(words, key >> 2, (input + i * BLOCK_BYTES) >> 2, 0, 0, BLOCK_BYTES, flags | PARENT, (out + i * CV_BYTES) >> 2, false)
    }
  }

  function reduce(at: number, count: number, limit: number, flags: number, rootFlag: number, key: number): void {
    for (let left = count; left > limit; ) {
      const pairs = left >> 1
      parents(at, pairs, left === 2 ? flags | rootFlag : flags, key, at)
      // A value without a sibling rises a level as it is: that is how BLAKE3's left-full tree looks from below.
      if (left & 1) memory.copyWithin(at + pairs * CV_BYTES, at + (left - 1) * CV_BYTES, at + left * CV_BYTES)
      left = pairs + (left & 1)
    }
  }

  function output(cv: number, block: number, lo: number, hi: number, length: number, flags: number, out: number): void {
    compress(words, cv >> 2, block >> 2, lo, hi, length, flags, out >> 2, true)
  }

  return { memory, words, chunks, parents, reduce, output }
}
