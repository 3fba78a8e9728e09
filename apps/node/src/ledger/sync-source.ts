/** What this node gives to those who join: certificates, slices of its snapshots, blocks. Whoever asks believes none of it. */
import type { Application } from '@selvedge/application'
import { checkpointOfCertificate, decodeCheckpoint, encodeArchivedBlock, encodeCommittee, ZERO_DIGEST } from '@selvedge/ledger-types'
import { encodeEpochProof } from '@selvedge/ledger-types/light-client'
import type { SnapshotServer, SyncSource } from '@selvedge/synchronizer'
import { once } from 'node:events'
import { committeeAt } from './committee-at.ts'

/** Blocks after a final one whose checkpoint names its snapshot. */
const SNAPSHOT_DELAY_BLOCKS = 100

export interface LedgerSyncSource extends SyncSource {
  /** To be called when a certificate was added. */
  tell(): void
}

export function createSyncSource(application: Application, snapshots: SnapshotServer): LedgerSyncSource {
  const archive = new ArchiveReader(application)
  const news = new EventTarget()

  return {
    name: 'this node',
    epochProof(epoch) {
      const height = archive.finalHeightOf(epoch)
      const certificate = height === undefined ? undefined : application.certificateOf(height)
      const committee = committeeAt(application, epoch + 1)
      if (certificate === undefined || committee.length === 0) return Promise.resolve(undefined)
      return Promise.resolve(encodeEpochProof({ certificate, committee: encodeCommittee(committee) }))
    },
    snapshotCertificate(epoch) {
      const start = epoch === 0 ? 0 : archive.finalHeightOf(epoch - 1)
      const heights = start === undefined ? [] : [start + SNAPSHOT_DELAY_BLOCKS, archive.finalHeightOf(epoch)]
      for (const height of heights) {
        const certificate = height === undefined ? undefined : application.certificateOf(height)
        if (certificate === undefined) continue
        const checkpoint = checkpointOfCertificate(certificate)
        const isNamed = checkpoint.snapshotRoot.some((byte, i) => byte !== ZERO_DIGEST[i])
        if (checkpoint.epoch === epoch && isNamed) return Promise.resolve(certificate)
      }
      return Promise.resolve(undefined)
    },
    snapshotSlice: (root, ranges, { signal }) => snapshots.slice(root, ranges, { signal }),
    async *blocks(from, { signal }) {
      for (let height = from; ; ) {
        signal?.throwIfAborted()
        const bytes = archive.blockAt(height)
        if (bytes !== undefined) {
          height++
          yield bytes
        } else if (height < application.history.oldest())
          return // gone here; another source may have it
        else await once(news, 'certificate', signal === undefined ? {} : { signal })
      }
    },
    tell: () => void news.dispatchEvent(new Event('certificate')),
  }
}

/** Finds in the history what joiners ask for. */
class ArchiveReader {
  readonly #application: Application

  constructor(application: Application) {
    this.#application = application
  }

  /** Height of the final block of `epoch`; by halving, since heights and epochs rise together. */
  finalHeightOf(epoch: number): number | undefined {
    const { epoch: current, height: head, start } = this.#application.lastApplied()
    if (epoch >= current) return undefined
    if (epoch === current - 1) return start.height
    let [low, high] = [this.#application.history.oldest(), head]
    if (low > high || this.#epochAt(low) > epoch) return undefined
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#epochAt(middle) <= epoch) low = middle
      else high = middle - 1
    }
    return this.#epochAt(low) === epoch ? low : undefined
  }

  /** An encoded archived block, once its certificate is there. */
  blockAt(height: number): Uint8Array | undefined {
    const { history } = this.#application
    const record = history.recordOf(height)
    const certificate = this.#application.certificateOf(height)
    if (record === undefined || certificate === undefined) return undefined
    const { subDagDigest } = record
    return encodeArchivedBlock({
      certificate,
      subDagDigest,
      transactions: history.transactionsOf(height),
      receipts: history.receiptsOf(height),
    })
  }

  #epochAt(height: number): number {
    const record = this.#application.history.recordOf(height)
    return record === undefined ? Number.POSITIVE_INFINITY : decodeCheckpoint(record.checkpoint).epoch
  }
}
