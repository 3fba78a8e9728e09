/**
 * Both ends of CAR and of mode `proof`: blocks of an IPFS DAG written depth first from a block port, and checked one by one
 * against a CID while they stream, byte ranges included, in bounded memory.
 *
 * The reader is driven by the CID that was asked, never by the stream: see `walk.ts`. Browser-safe, no clock, no randomness.
 *
 * @packageDocumentation
 */
export { encodeCarHeader, encodeSectionHead } from './car-format.ts'
export type { BlockKind } from './decode-node.ts'
export { entriesOf, type Entry, listEntries, type ListEntriesOptions } from './entries.ts'
export { CarError, type CarErrorCode, type CarErrorDetails } from './errors.ts'
export { type FileBlock, flatBytes, type FlatPart } from './flat-bytes.ts'
export { gathered } from './gathered.ts'
export { defaultHashes } from './hashes.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export type { BlockPort, HashFunction, HashTable, IncrementalHash } from './ports.ts'
export type { ByteRange } from './ranges.ts'
export type { ReadBlocksOptions } from './read-blocks.ts'
export type { ReadCarOptions } from './read-car.ts'
export type { ReadProofOptions } from './read-proof.ts'
export { type ResolvedPath, resolvePath } from './resolve-path.ts'
export type { VerifiedBlock } from './verified-block.ts'
export {
  createVerifiedWalk,
  type VerifiedWalk,
  verifyBlocks,
  type VerifyBlocksOptions,
  verifyCar,
  type VerifyCarOptions,
  verifyProof,
  type VerifyProofOptions,
} from './verify.ts'
export type { Scope, WalkOptions } from './walk.ts'
export { writeCar, type WriteCarOptions, writeProof, type WriteProofOptions } from './write.ts'
