/** What a node serves of its own: its archive of blocks and certificates, and its snapshots, as a source for others. */
import { SynchronizerError } from './errors.ts'
import type { SyncSource } from './ports.ts'
import type { SnapshotServer } from './snapshot-server.ts'

/** A node's own history; of the application and its archive. */
export interface ChainArchive {
  /** What leads from the committee of `epoch` to the next, once that epoch is over (`encodeEpochProof`). */
  epochProof(epoch: number): Promise<Uint8Array | undefined>
  /** A certificate of `epoch` that names a snapshot. */
  snapshotCertificate(epoch: number): Promise<Uint8Array | undefined>
  /** The lowest block that is kept. */
  oldestHeight(): number
  /** The encoded archived block, once it is certified. */
  block(height: number): Promise<Uint8Array | undefined>
  /** Settles when the block of `height` may be there, at once when it is; rejects when `signal` aborts. */
  blockAdded(height: number, signal: AbortSignal | undefined): Promise<void>
  /** As of `SyncSource`; none for who takes no transactions. */
  takeTransaction?: SyncSource['takeTransaction']
}

/** A source over what this node has. */
export function createLocalSource(
  { chain, snapshots }: { readonly chain: ChainArchive; readonly snapshots: Pick<SnapshotServer, 'slice'> },
  { name = 'local' }: { readonly name?: string } = {},
): SyncSource {
  return {
    name,
    ...(chain.takeTransaction === undefined ? {} : { takeTransaction: chain.takeTransaction.bind(chain) }),
    epochProof: (epoch) => chain.epochProof(epoch),
    snapshotCertificate: (epoch) => chain.snapshotCertificate(epoch),
    snapshotSlice: (root, ranges, asking) => snapshots.slice(root, ranges, asking),
    async *blocks(from, { signal }) {
      for (let height = from; ; height++) {
        let block = await chain.block(height)
        while (block === undefined) {
          const oldest = chain.oldestHeight()
          if (height < oldest) throw new SynchronizerError('SYNCHRONIZER_TOO_OLD', `block ${height} is not kept any more`, { oldest })
          await chain.blockAdded(height, signal)
          block = await chain.block(height)
        }
        signal?.throwIfAborted()
        yield block
      }
    },
  }
}
