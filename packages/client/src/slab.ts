/**
 * Copies that share buffers. A buffer for each chunk group of 16 KiB made the collector take 45 % of a paying client's time, since V8 collects the whole heap when
 * enough bytes were made outside of it.
 */
const SLAB_BYTES_MAX: number = 256 * 1024

/** @returns copies bytes; a copy that is kept keeps up to 256 KiB of its neighbours alive. The first buffer is as small as what is copied first, each twice the last. */
export function createSlab(): (bytes: Uint8Array) => Uint8Array {
  let slab = new Uint8Array(0)
  let used = 0
  return (bytes) => {
    if (used + bytes.length > slab.length) {
      slab = new Uint8Array(Math.max(bytes.length, Math.min(2 * slab.length, SLAB_BYTES_MAX)))
      used = 0
    }
    const copy = slab.subarray(used, used + bytes.length)
    copy.set(bytes)
    used += bytes.length
    return copy
  }
}
