/** Members with real keys: of node `i` the same in every process. */
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import type { EpochPlan, Member } from '../../src/index.ts'

export interface TestNode {
  readonly place: number
  readonly keyPair: KeyPair
  readonly blsSeed: Uint8Array
  readonly member: Member
}

export const CHAIN: { readonly chainId: number; readonly genesisHash: Uint8Array } = {
  chainId: 1337,
  genesisHash: new Uint8Array(32).fill(7),
}

export function createNodes(count: number): TestNode[] {
  return Array.from({ length: count }, (_, place) => {
    const keyPair = createKeyPair(new Uint8Array(32).fill(place + 1))
    const blsSeed = new Uint8Array(32).fill(place + 101)
    const member = { key: keyPair.publicKey, blsKey: createBlsKeyPair(blsSeed).publicKey, stake: 1, nodeIndex: place }
    return { place, keyPair, blsSeed, member }
  })
}

export function planOf(nodes: readonly TestNode[], details: Partial<EpochPlan> = {}): EpochPlan {
  const committee = nodes.map(({ member }) => member).toSorted((a, b) => Buffer.compare(a.key, b.key))
  const previous = { subDagDigest: CHAIN.genesisHash, timestampMs: 1_700_000_000_000 }
  return { epoch: 0, committee, mode: 'certified', beacon: new Uint8Array(32).fill(3), previous, ...details }
}
