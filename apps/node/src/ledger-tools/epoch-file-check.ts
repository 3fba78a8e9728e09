/** Whether an epoch file is what it says, for somebody who has no ledger: by the committee of its epoch and nothing else. */
import { isArchivedBlockWhole, LedgerError, type CommitteeMember, type Digest } from '@selvedge/ledger-types'
import { createLightClient } from '@selvedge/ledger-types/light-client'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EpochFileReader } from './archive-files.ts'

export interface EpochFileTrust {
  readonly chainId: number
  readonly epoch: number
  /** Of the epoch, from a light client or from one's own state. */
  readonly committee: readonly CommitteeMember[]
  /** Height and digest of the block before the epoch's first. */
  readonly previous: { readonly height: number; readonly digest: Digest }
}

export interface CheckedEpoch {
  readonly first: number
  readonly last: number
  readonly transactions: number
  readonly lastDigest: Digest
  readonly nextCommitteeRoot: Digest
}

/**
 * Checks every block: its certificate, its bytes against that, its place behind the block before, and that the epoch is whole.
 * One pairing a block; between blocks others have their turn.
 * @throws {LedgerError} `LEDGER_MALFORMED`, `LEDGER_BAD_CERTIFICATE`: the file is not of this epoch
 */
export async function checkEpochFile(file: EpochFileReader, trust: EpochFileTrust, signal?: AbortSignal): Promise<CheckedEpoch> {
  const { chainId, epoch, committee } = trust
  const { header } = file
  if (header.chainId !== chainId || header.epoch !== epoch) throw bad(`it is of epoch ${header.epoch} of chain ${header.chainId}`)
  const client = createLightClient({ chainId, epoch, committee })
  let { height, digest } = trust.previous
  let transactions = 0
  let next: Digest | undefined
  for await (const { block } of file.blocks()) {
    await nextTurn()
    signal?.throwIfAborted()
    if (next !== undefined) throw bad('blocks follow the last of the epoch')
    height++
    const checkpoint = client.verifyCertificate(block.certificate)
    if (checkpoint.height !== height) throw bad(`block ${checkpoint.height} stands where ${height} belongs`)
    if (!isArchivedBlockWhole(block, digest)) throw bad(`block ${height} is not the one that its certificate names`)
    digest = checkpoint.blockDigest
    transactions += block.transactions.length
    if (checkpoint.isFinal) next = checkpoint.nextCommitteeRoot
  }
  if (next === undefined) throw bad('the last block of the epoch is missing')
  return { first: trust.previous.height + 1, last: height, transactions, lastDigest: digest, nextCommitteeRoot: next }
}

function bad(why: string): LedgerError {
  return new LedgerError('LEDGER_BAD_CERTIFICATE', `epoch file: ${why}`)
}
