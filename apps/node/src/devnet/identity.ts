/** Who the devnet's validators are: keys from fresh seeds, and the committees that they form. */
import { createBlsKeyPair, type BlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import type { EpochPlan, Member } from '@selvedge/consensus'
import { createHash, randomBytes } from 'node:crypto'
import type { PlannedEpoch } from './small-executor.ts'

export const CHAIN_ID = 1337

/** What a validator's process is told of each: seeds only of itself. */
export interface PublicIdentity {
  readonly key: Uint8Array
  readonly blsKey: Uint8Array
  readonly port: number
}

export interface Seeds {
  readonly node: Uint8Array
  readonly bls: Uint8Array
}

export const freshSeeds = (): Seeds => ({ node: randomBytes(32), bls: randomBytes(32) })

export const keysOf = ({ node, bls }: Seeds): { readonly nodeKey: KeyPair; readonly blsKey: BlsKeyPair } => {
  return { nodeKey: createKeyPair(node), blsKey: createBlsKeyPair(bls) }
}

/** Members in the order of their keys, each with one token of stake. */
export function committeeOf(identities: readonly PublicIdentity[], validators: readonly number[]): Member[] {
  return validators
    .map((validator): Member => {
      const identity = identities[validator]
      if (identity === undefined) throw new Error(`there is no validator ${validator}`)
      return { key: identity.key, blsKey: identity.blsKey, stake: 1, nodeIndex: validator }
    })
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
}

export interface Genesis {
  readonly genesisHash: Uint8Array
  readonly plan: EpochPlan
}

/** A genesis without a file: its hash is that of its committee and of the time at which the devnet began. */
export function genesisOf(first: PlannedEpoch, timestampMs: number): Genesis {
  const hash = createHash('sha256').update(`devnet ${timestampMs}`)
  for (const { key, blsKey } of first.committee) hash.update(key).update(blsKey)
  const genesisHash = hash.digest()
  return { genesisHash, plan: { ...first, epoch: 0, beacon: genesisHash, previous: { subDagDigest: genesisHash, timestampMs } } }
}
