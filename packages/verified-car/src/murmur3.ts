/**
 * The first 64 bits of MurmurHash3 (x64, 128 bits, seed 0): where a name stands in a sharded directory. It secures nothing.
 *
 * Short rather than fast: a name costs some microseconds, reading its entry a hundred.
 * Source: Austin Appleby's MurmurHash3, in the public domain.
 */
const C1 = 0x87c37b91114253d5n
const C2 = 0x4cf5ad432745937fn
const BLOCK_BYTES = 16

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotated = (value: bigint, bits: bigint): bigint => u64(value << bits) | (value >> (64n - bits))
const scrambled = (word: bigint, first: bigint, bits: bigint, second: bigint): bigint => u64(rotated(u64(word * first), bits) * second)

/** Eight bytes, big endian. */
export function murmur3Of(bytes: Uint8Array): Uint8Array {
  const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES))
  new Uint8Array(padded.buffer).set(bytes)
  let [h1, h2] = [0n, 0n]
  for (let at = 0; at < padded.byteLength; at += BLOCK_BYTES) {
    const isWhole = bytes.length - at >= BLOCK_BYTES // the last block may not be, and is not mixed on
    h1 ^= scrambled(padded.getBigUint64(at, true), C1, 31n, C2)
    if (isWhole) h1 = u64(u64(rotated(h1, 27n) + h2) * 5n + 0x52dce729n)
    h2 ^= scrambled(padded.getBigUint64(at + 8, true), C2, 33n, C1)
    if (isWhole) h2 = u64(u64(rotated(h2, 31n) + h1) * 5n + 0x38495ab5n)
  }
  const length = BigInt(bytes.length)
  h1 ^= length
  h2 ^= length
  h1 = u64(h1 + h2)
  h2 = u64(h2 + h1)
  const out = new DataView(new ArrayBuffer(8))
  out.setBigUint64(0, finished(h1) + finished(h2))
  return new Uint8Array(out.buffer)
}

function finished(value: bigint): bigint {
  let mixed = u64((value ^ (value >> 33n)) * 0xff51afd7ed558ccdn)
  mixed = u64((mixed ^ (mixed >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return mixed ^ (mixed >> 33n)
}
