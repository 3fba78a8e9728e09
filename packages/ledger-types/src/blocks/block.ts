/** Blocks: one sub-DAG each, an empty one too. A block is named by its digest, which names the one before. */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteWriter } from '../bytes.ts'
import { DIGEST_BYTES, type Digest, hashTagged } from '../hash.ts'

export interface BlockHeader {
  readonly chainId: number
  /** Genesis is 0; it runs on over epochs. */
  readonly height: number
  /** Of block 1: the genesis hash. */
  readonly previousDigest: Digest
  readonly subDagDigest: Digest
  readonly timestampMs: number
  readonly txRoot: Digest
}

/** `H(0x07 ‖ chainId u32 ‖ height u64 ‖ previous block digest ‖ sub-DAG digest ‖ timestampMs u64 ‖ txRoot)`. */
export function blockDigest({ chainId, height, previousDigest, subDagDigest, timestampMs, txRoot }: BlockHeader): Digest {
  const out = new ByteWriter(116).u32(chainId).u64(height).raw(previousDigest, DIGEST_BYTES).raw(subDagDigest, DIGEST_BYTES)
  return hashTagged(LEDGER_TAGS.ledgerBlock, out.u64(timestampMs).raw(txRoot, DIGEST_BYTES).finish())
}
