/** The committee of the scenarios, and aggregates of its signatures. */
import { compareBytes } from '../../src/wire/bytes.ts'
import type { Authority, Member } from '../../src/wire/types.ts'
import { cheapSign } from '../support/cheap-signatures.ts'
import { createCheapCommittee, type TestCommittee } from '../support/committee.ts'

export const createScenarioCommittee = (size: number): TestCommittee => createCheapCommittee(size, () => 1, 'scenario member')

/** Of signatures over one message: their sum, so that it can be checked against the keys of all signers. */
export function aggregateOf(signatures: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(96)
  for (const signature of signatures) for (let at = 0; at < sum.length; at++) sum[at] = sum[at]! ^ signature[at]!
  return sum
}

export function isAggregate(
  aggregate: Uint8Array,
  message: Uint8Array,
  members: readonly Member[],
  signers: readonly Authority[],
): boolean {
  return compareBytes(aggregate, aggregateOf(signers.map((signer) => cheapSign(message, members[signer]!.blsKey, 96)))) === 0
}
