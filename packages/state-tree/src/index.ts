/** Compact sparse Merkle tree: batch update, root, proof, verify. */
export * from './errors.ts'
