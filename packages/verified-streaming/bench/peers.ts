/** The peers that hash, each as one function from bytes to digest, and as one from 1 MiB updates to digest. */

export type HashFunction = (bytes: Uint8Array) => unknown

const MIB = 2 ** 20

interface Incremental {
  update(bytes: Uint8Array): unknown
}

/** Feeds `bytes` in updates of 1 MiB to what `create` makes, and takes the digest. */
const inUpdates =
  <T extends Incremental>(create: () => T, digest: (hasher: T) => unknown): HashFunction =>
  (bytes) => {
    const hasher = create()
    for (let at = 0; at < bytes.length; at += MIB) hasher.update(bytes.subarray(at, at + MIB))
    return digest(hasher)
  }

export const oneShot: Record<string, () => Promise<HashFunction>> = {
  ours: async () => (await import('@selvedge/verified-streaming')).hash,
  'blake3-jit': async () => (await import('blake3-jit')).hash,
  'hash-wasm': async () => {
    const hasher = await (await import('hash-wasm')).createBLAKE3()
    return (bytes) => hasher.init().update(bytes).digest('binary')
  },
  'blake3-wasm': async () => {
    const { hash } = await import('blake3-wasm')
    return (bytes) => hash(bytes)
  },
  '@napi-rs/blake-hash': async () => {
    const { blake3 } = (await import('@napi-rs/blake-hash')).default
    return (bytes) => blake3(bytes)
  },
  '@noble/hashes': async () => (await import('@noble/hashes/blake3.js')).blake3,
}

export const streaming: Record<string, () => Promise<HashFunction>> = {
  ours: async () => {
    const { createHasher } = await import('@selvedge/verified-streaming')
    return inUpdates(createHasher, (hasher) => hasher.digest())
  },
  'blake3-jit': async () => {
    const { createHasher } = await import('blake3-jit')
    return inUpdates(
      () => createHasher(),
      (hasher) => hasher.finalize(),
    )
  },
  'hash-wasm': async () => {
    const hasher = await (await import('hash-wasm')).createBLAKE3()
    return inUpdates(
      () => hasher.init(),
      () => hasher.digest('binary'),
    )
  },
  'blake3-wasm': async () => {
    const { createHash } = await import('blake3-wasm')
    return inUpdates(
      () => createHash(),
      (hasher) => hasher.digest(),
    )
  },
  '@napi-rs/blake-hash': async () => {
    const { Blake3Hasher } = (await import('@napi-rs/blake-hash')).default
    return inUpdates(
      () => new Blake3Hasher(),
      (hasher) => hasher.digestBuffer(),
    )
  },
  '@noble/hashes': async () => {
    const { blake3 } = await import('@noble/hashes/blake3.js')
    return inUpdates(
      () => blake3.create(),
      (hasher) => hasher.digest(),
    )
  },
}

/** Bytes that no two blocks of repeat. */
export function inputOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24
  return bytes
}
