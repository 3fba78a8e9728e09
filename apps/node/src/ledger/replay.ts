/**
 * Blocks again, from what an archive keeps of them: the transactions that left a trace, in their order. Those that were refused left none, so
 * what they would do the second time is what they did the first: nothing.
 */
import type { Application, BlockItem, LedgerBlock } from '@selvedge/application'
import {
  type ArchivedBlock,
  type Checkpoint,
  checkpointOfCertificate,
  decodeSystemTransaction,
  SYSTEM_TRANSACTION_TYPE,
} from '@selvedge/ledger-types'

/** The next block of `application`, as `execute` takes it. */
export function ledgerBlockOf(application: Application, block: ArchivedBlock): LedgerBlock {
  return ledgerBlockAt(application, checkpointOfCertificate(block.certificate), block)
}

/** The same where the place and time of the block are known without a certificate. */
export function ledgerBlockAt(
  application: Application,
  { epoch, timestampMs }: Pick<Checkpoint, 'epoch' | 'timestampMs'>,
  { subDagDigest, transactions }: Pick<ArchivedBlock, 'subDagDigest' | 'transactions'>,
): LedgerBlock {
  const { index } = application.lastApplied()
  return { epoch, index: index + 1, digest: subDagDigest, timestampMs, items: itemsOf(transactions) }
}

function itemsOf(transactions: readonly Uint8Array[]): BlockItem[] {
  const items: BlockItem[] = []
  let batch: Uint8Array[] = []
  const flush = (): void => {
    if (batch.length > 0) items.push({ type: 'transactions', author: 0, transactions: batch })
    batch = []
  }
  for (const bytes of transactions) {
    if (bytes[0] !== SYSTEM_TRANSACTION_TYPE) batch.push(bytes)
    else {
      flush()
      const { author, kind, body } = decodeSystemTransaction(bytes)
      items.push({ type: 'system', author, bytes: Uint8Array.of(kind, ...body) })
    }
  }
  flush()
  return items
}
