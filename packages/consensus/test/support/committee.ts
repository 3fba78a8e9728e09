/** Committees for tests, whose keys and signatures only what holds the committee can tell from real ones: some twenty times as fast. */
import { sha256 } from '@selvedge/crypto/sha256'
import { compareBytes } from '../../src/wire/bytes.ts'
import type { CoreCrypto } from '../../src/core/contract.ts'
import type { Member } from '../../src/wire/types.ts'
import { cheapSign, isCheaplySigned } from './cheap-signatures.ts'

export interface TestCommittee {
  readonly members: readonly Member[]
  /** By authority. */
  readonly cryptos: readonly CoreCrypto[]
}

export const seedOf = (index: number, name = 'member'): Uint8Array => sha256(new TextEncoder().encode(`${name} ${index}`))

/** @param name - committees of different names have no key in common. */
export function createCheapCommittee(size: number, stakeOf: (place: number) => number = () => 1, name?: string): TestCommittee {
  const keys = Array.from({ length: size }, (_, index) => seedOf(index, name)).toSorted(compareBytes)
  return {
    members: keys.map((key, place) => memberOf(key, place, stakeOf(place))),
    cryptos: keys.map((key) => ({
      sign: (message) => cheapSign(message, key),
      isSigned: isCheaplySigned,
      isCheckpointSigned: isCheaplySigned,
    })),
  }
}

export function memberOf(key: Uint8Array, place: number, stake: number): Member {
  return { key, blsKey: new Uint8Array([...key, ...key.slice(0, 16)]), stake, nodeIndex: place }
}
