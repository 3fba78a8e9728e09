/** SHA-256 of node:crypto. The one-shot form is three times as fast as an object for short inputs; Node has it since 20.12. */
import * as nodeCrypto from 'node:crypto'

const { createHash: createNodeHash } = nodeCrypto
const oneShot: typeof nodeCrypto.hash | undefined = nodeCrypto.hash

export function hashBytes(bytes: Uint8Array): Uint8Array {
  return plain(oneShot === undefined ? createNodeHash('sha256').update(bytes).digest() : oneShot('sha256', bytes, 'buffer'))
}

export function createHash(): { update(bytes: Uint8Array): unknown; digest(): Uint8Array } {
  const hash = createNodeHash('sha256')
  return { update: (bytes) => hash.update(bytes), digest: () => plain(hash.digest()) }
}

/** A Uint8Array over the same bytes: the public types know no Buffer, whose `slice` does not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
