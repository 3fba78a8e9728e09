/** What this node gives to those who join: certificates, slices of its snapshots, blocks. Whoever asks believes none of it. */
import type { Application } from '@selvedge/application'
import { checkpointOfCertificate, encodeArchivedBlock, ZERO_DIGEST } from '@selvedge/ledger-types'
import { SynchronizerError, type SnapshotServer, type SyncSource } from '@selvedge/synchronizer'
import { once } from 'node:events'

/** Blocks after a final one whose checkpoint names its snapshot. */
const SNAPSHOT_DELAY_BLOCKS = 100

export interface LedgerSyncSource extends SyncSource {
  /** To be called when a certificate was added. */
  tell(): void
}

/** @param takeTransaction - what becomes of a transaction that a stranger brings. */
export function createSyncSource(
  application: Application,
  snapshots: SnapshotServer,
  takeTransaction: NonNullable<SyncSource['takeTransaction']>,
): LedgerSyncSource {
  const news = new EventTarget()
  return {
    name: 'this node',
    epochProof: (epoch) => Promise.resolve(application.epochProof(epoch)),
    snapshotCertificate: (epoch) => Promise.resolve(snapshotCertificateOf(application, epoch)),
    snapshotSlice: (root, ranges, { signal }) => snapshots.slice(root, ranges, { signal }),
    async *blocks(from, { signal }) {
      for (let height = from; ; ) {
        signal?.throwIfAborted()
        const bytes = blockAt(application, height)
        const oldest = application.history.oldest()
        if (bytes !== undefined) {
          height++
          yield bytes
        } else if (height < oldest) throw new SynchronizerError('SYNCHRONIZER_TOO_OLD', `block ${height} is not kept any more`, { oldest })
        else await once(news, 'certificate', signal === undefined ? {} : { signal })
      }
    },
    takeTransaction,
    tell: () => void news.dispatchEvent(new Event('certificate')),
  }
}

/** The certificate of the block that names the snapshot at the beginning of `epoch`. */
function snapshotCertificateOf(application: Application, epoch: number): Uint8Array | undefined {
  const span = application.epochSpan(epoch)
  if (span === undefined) return undefined
  for (const height of [span.first - 1 + SNAPSHOT_DELAY_BLOCKS, span.last]) {
    const certificate = height === undefined ? undefined : application.certificateOf(height)
    if (certificate === undefined) continue
    const checkpoint = checkpointOfCertificate(certificate)
    const isNamed = checkpoint.snapshotRoot.some((byte, i) => byte !== ZERO_DIGEST[i])
    if (checkpoint.epoch === epoch && isNamed) return certificate
  }
  return undefined
}

/** An encoded archived block, once its certificate is there. */
function blockAt(application: Application, height: number): Uint8Array | undefined {
  const { history } = application
  const record = history.recordOf(height)
  const certificate = application.certificateOf(height)
  if (record === undefined || certificate === undefined) return undefined
  const { subDagDigest } = record
  return encodeArchivedBlock({
    certificate,
    subDagDigest,
    transactions: history.transactionsOf(height),
    receipts: history.receiptsOf(height),
  })
}
