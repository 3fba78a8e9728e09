import type { ByteRange } from '@selvedge/content'

/** Only the bytes of `range`; views of what came. */
export async function* clipped<T extends { readonly offset: number; readonly bytes: Uint8Array }>(
  parts: AsyncIterable<T>,
  { start, end = Number.POSITIVE_INFINITY }: ByteRange,
): AsyncGenerator<{ offset: number; bytes: Uint8Array }> {
  for await (const { offset, bytes } of parts) {
    const from = Math.max(start, offset)
    const to = Math.min(end, offset + bytes.length)
    if (from < to) yield { offset: from, bytes: bytes.subarray(from - offset, to - offset) }
  }
}
