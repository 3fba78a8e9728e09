/**
 * A map of 32-byte hashes with one 32-byte root: a compact sparse Merkle tree that is updated in batches, stores a few levels under one
 * key of the caller's own database, and proves presence and absence in a few hundred bytes. Synchronous, deterministic, no dependency.
 */
export type { Change } from './changes.ts'
export { GROUP_LEVELS, HASH_BYTES, MEMORY_BYTES_MAX, PROOF_BYTES_MAX, RETAINED_MAX } from './constants.ts'
export * from './errors.ts'
export { keyHash, valueHash } from './hashes.ts'
export type { RetainedRoot } from './history.ts'
export * from './memory-node-store.ts'
export type { NodeStore } from './ports.ts'
export { decodeProof, encodeProof, type Proof, type ProofEnd } from './proof.ts'
export { createStateTree, type StateTree, type StateTreeOptions } from './tree.ts'
export { verifyProof } from './verify.ts'
