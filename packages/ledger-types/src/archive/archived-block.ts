/** What shows that an archived block is the one that its certificate names. */
import { blockDigest } from '../blocks/block.ts'
import { checkpointOfCertificate } from '../blocks/checkpoint.ts'
import { leafHash, treeRoot } from '../blocks/tree.ts'
import { isSameBytes } from '../bytes.ts'
import type { Digest } from '../hash.ts'
import type { ArchivedBlock } from './epoch-file.ts'

/**
 * Whether transactions, receipts and sub-DAG are those of the certificate's checkpoint, behind the block of `previousDigest`.
 * Who signed is the light client's question.
 * @throws {LedgerError} `LEDGER_MALFORMED` when the certificate is none.
 */
export function isArchivedBlockWhole(
  { certificate, subDagDigest, transactions, receipts }: ArchivedBlock,
  previousDigest: Digest,
): boolean {
  const checkpoint = checkpointOfCertificate(certificate)
  const { chainId, height, timestampMs, txRoot, receiptsRoot } = checkpoint
  if (!isSameBytes(treeRoot(transactions.map(leafHash)), txRoot)) return false
  if (!isSameBytes(treeRoot(receipts.map(leafHash)), receiptsRoot)) return false
  return isSameBytes(blockDigest({ chainId, height, previousDigest, subDagDigest, timestampMs, txRoot }), checkpoint.blockDigest)
}
