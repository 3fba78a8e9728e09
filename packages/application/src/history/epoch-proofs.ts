/**
 * What leads from the committee of an epoch to the next, for every epoch that this node was there for or was led through: whoever joins with
 * an old committee pinned goes from one to the next, and the state keeps committees of a few epochs only. Kept for ever, some 10 KB an epoch.
 */
import { checkpointOfCertificate, encodeCommittee, type CommitteeMember } from '@selvedge/ledger-types'
import { encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { decodeField, encodeField } from '../state/fields.ts'
import { SPACES, type StoreReader, type Write } from '../store/contract.ts'
import { heightKey } from './records.ts'

export interface KeptEpochProof {
  readonly epoch: number
  /** `encodeEpochProof` of ledger-types. */
  readonly bytes: Uint8Array
}

export function epochProofWrite({ epoch, bytes }: KeptEpochProof): Write {
  return { space: SPACES.epochProofs, key: encodeField(heightKey, epoch), value: bytes }
}

/** What a certificate adds: the proof of its epoch, when it is of the last block. @param committeeOf - nobody for an epoch that is not known. */
export function proofWritesOf(certificate: Uint8Array, committeeOf: (epoch: number) => readonly CommitteeMember[]): Write[] {
  const { epoch, isFinal } = checkpointOfCertificate(certificate)
  const committee = isFinal ? committeeOf(epoch + 1) : []
  return committee.length === 0
    ? []
    : [epochProofWrite({ epoch, bytes: encodeEpochProof({ certificate, committee: encodeCommittee(committee) }) })]
}

export function epochProofIn(store: StoreReader, epoch: number): Uint8Array | undefined {
  return store.get(SPACES.epochProofs, encodeField(heightKey, epoch))?.slice()
}

/** Ascending. */
export function* epochProofsIn(store: StoreReader): Iterable<KeptEpochProof> {
  for (const [key, bytes] of store.range(SPACES.epochProofs, new Uint8Array(0))) yield { epoch: decodeField(heightKey, key), bytes }
}
