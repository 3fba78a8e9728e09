/** A closed epoch as one file, block by block, from what an archive keeps: transactions, receipts and the certificates it was given. */
import { encodeArchivedBlock, encodeEpochFileHeader } from '@selvedge/ledger-types'
import { decodeField, encodeField } from '../state/fields.ts'
import { SPACES, type StoreReader } from '../store/contract.ts'
import type { History } from './history.ts'
import { epochSpan, heightKey } from './records.ts'

/**
 * The file of `epoch` in pieces, one a block behind the header; `undefined` while the epoch runs, and where a block or its certificate is
 * missing. Certificates of one block can differ in their signers, and so can files: the one whose root the state names is the epoch's.
 */
export function epochFilePieces(store: StoreReader, history: History, chainId: number, epoch: number): Iterable<Uint8Array> | undefined {
  const span = store.get(SPACES.epochs, encodeField(heightKey, epoch))
  if (span === undefined) return undefined
  const { first, last } = decodeField(epochSpan, span)
  for (let height = first; height <= last; height++) {
    if (history.recordOf(height) === undefined || certificateAt(store, height) === undefined) return undefined
  }
  return piecesOf(store, history, { chainId, epoch, count: last - first + 1 }, first)
}

function* piecesOf(
  store: StoreReader,
  history: History,
  header: { readonly chainId: number; readonly epoch: number; readonly count: number },
  first: number,
): Iterable<Uint8Array> {
  yield encodeEpochFileHeader(header)
  for (let height = first; height < first + header.count; height++) {
    const block = archivedBlockAt(store, history, height)
    if (block === undefined) return // pruned meanwhile: the file is short and its root another
    yield block
  }
}

/** An encoded archived block; `undefined` while it has no certificate, and where it is not kept. */
export function archivedBlockAt(store: StoreReader, history: History, height: number): Uint8Array | undefined {
  const record = history.recordOf(height)
  const certificate = certificateAt(store, height)
  if (record === undefined || certificate === undefined) return undefined
  const { subDagDigest } = record
  return encodeArchivedBlock({
    certificate,
    subDagDigest,
    transactions: history.transactionsOf(height),
    receipts: history.receiptsOf(height),
  })
}

export function certificateAt(store: StoreReader, height: number): Uint8Array | undefined {
  return store.get(SPACES.certificates, encodeField(heightKey, height))?.slice()
}
