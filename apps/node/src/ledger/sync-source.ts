/** What this node gives to those who join: certificates, slices of its snapshots, blocks. Whoever asks believes none of it. */
import { SNAPSHOT_DELAY_BLOCKS, type Application } from '@selvedge/application'
import { checkpointOfCertificate, isSameBytes, ZERO_DIGEST } from '@selvedge/ledger-types'
import { type ChainArchive, createLocalSource, type SnapshotServer, type SyncSource } from '@selvedge/synchronizer'
import { once } from 'node:events'

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
  const chain: ChainArchive = {
    epochProof: (epoch) => Promise.resolve(application.epochProof(epoch)),
    snapshotCertificate: (epoch) => Promise.resolve(snapshotCertificateOf(application, epoch)),
    oldestHeight: () => application.history.oldest(),
    block: (height) => Promise.resolve(application.archivedBlock(height)),
    async blockAdded(height, signal) {
      // Looked at and listened in one go: what comes in between is not missed.
      if (application.archivedBlock(height) === undefined) await once(news, 'certificate', signal === undefined ? {} : { signal })
    },
    takeTransaction,
  }
  return {
    ...createLocalSource({ chain, snapshots }, { name: 'this node' }),
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
    if (checkpoint.epoch === epoch && !isSameBytes(checkpoint.snapshotRoot, ZERO_DIGEST)) return certificate
  }
  return undefined
}
