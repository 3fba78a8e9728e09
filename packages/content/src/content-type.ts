/** A small table of magic numbers: enough for a page to pick an icon or a player. It decides nothing, and nobody may trust it. */
const MAGIC: readonly (readonly [type: string, offset: number, bytes: readonly number[]])[] = [
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
  ['image/gif', 0, [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', 8, [0x57, 0x45, 0x42, 0x50]],
  ['video/mp4', 4, [0x66, 0x74, 0x79, 0x70]],
  ['video/webm', 0, [0x1a, 0x45, 0xdf, 0xa3]],
  ['audio/mpeg', 0, [0x49, 0x44, 0x33]],
  ['audio/ogg', 0, [0x4f, 0x67, 0x67, 0x53]],
  ['application/pdf', 0, [0x25, 0x50, 0x44, 0x46, 0x2d]],
  ['application/zip', 0, [0x50, 0x4b, 0x03, 0x04]],
  ['application/gzip', 0, [0x1f, 0x8b]],
  ['application/wasm', 0, [0x00, 0x61, 0x73, 0x6d]],
]

/** The content type that the first bytes look like; `text/plain; charset=utf-8` for text without control characters; else empty. */
export function sniffContentType(head: Uint8Array): string {
  for (const [type, offset, bytes] of MAGIC) if (bytes.every((byte, i) => head[offset + i] === byte)) return type
  const isText = head.length > 0 && head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d)
  return isText && isUtf8Prefix(head) ? 'text/plain; charset=utf-8' : ''
}

/** `head` may end inside a character, so it is decoded as a stream that goes on. */
function isUtf8Prefix(head: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
