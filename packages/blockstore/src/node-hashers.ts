/** Multihash codes that Node hashes natively. Others come in as `components.hashers`. */
import { createHash } from 'node:crypto'
import type { BlockHasher } from './ports.ts'

const ALGORITHMS: readonly (readonly [code: number, name: string])[] = [
  [0x12, 'sha256'],
  [0x13, 'sha512'],
  [0x16, 'sha3-256'],
]

export const NODE_HASHERS: ReadonlyMap<number, BlockHasher> = new Map(
  ALGORITHMS.map(([code, name]) => [code, (bytes: Uint8Array) => new Uint8Array(createHash(name).update(bytes).digest())]),
)
