/**
 * One epoch's committee: who sits where, with how much stake, and the two thresholds.
 *
 * Thresholds are by stake and need no `n = 3f + 1`: a quorum is `floor(2N/3) + 1`, any two of which share more than a third of the
 * stake; a validity set is `floor((N + 2)/3)`, which holds an honest member. `bigint` inside: 2N may be 2^54.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ConsensusError } from '../errors.ts'
import { ByteWriter, compareBytes } from './bytes.ts'
import { hashTagged } from './digest.ts'
import { BLS_KEY_BYTES, COMMITTEE_SIZE_MAX, KEY_BYTES } from './limits.ts'
import type { Authority, Digest, Member } from './types.ts'

const MEMBER_BYTES = KEY_BYTES + BLS_KEY_BYTES + 8 + 4

export interface Committee {
  readonly members: readonly Member[]
  readonly size: number
  /** In authority order. */
  readonly stakes: readonly number[]
  readonly totalStake: number
  readonly quorum: number
  readonly validity: number
  /** Stake of distinct authorities: one that stands twice counts once, one that is no member counts nothing. */
  stakeOf(authorities: Iterable<Authority>): number
}

/**
 * @param members - ascending by key.
 * @throws {ConsensusError} `CONSENSUS_BAD_COMMITTEE`, `CONSENSUS_BAD_LENGTH`
 */
export function createCommittee(members: readonly Member[]): Committee {
  assertMembers(members)
  const size = members.length
  const stakes = members.map(({ stake }) => stake)
  const total = stakes.reduce((sum, stake) => sum + BigInt(stake), 0n)
  if (total > 2n ** 53n) throw new ConsensusError('CONSENSUS_BAD_COMMITTEE', `stake of ${total} is above 2^53`)
  const countedIn = new Uint32Array(size) // the call that counted an authority last: a set that needs no clearing
  let call = 0
  return {
    members,
    size,
    stakes,
    totalStake: Number(total),
    quorum: Number((2n * total) / 3n) + 1,
    validity: Number((total + 2n) / 3n),
    stakeOf(authorities) {
      if (++call === 2 ** 32) {
        countedIn.fill(0)
        call = 1
      }
      let stake = 0
      for (const authority of authorities) {
        if (countedIn[authority] === call || stakes[authority] === undefined) continue
        countedIn[authority] = call
        stake += stakes[authority]
      }
      return stake
    },
  }
}

/** `H(0x0a ‖ n u16 ‖ n × (key 32 ‖ blsKey 48 ‖ stake u64 ‖ nodeIndex u32))`, in authority order. */
export function committeeRoot(committee: Committee): Digest {
  const out = new ByteWriter(2 + committee.size * MEMBER_BYTES).u16(committee.size)
  for (const { key, blsKey, stake, nodeIndex } of committee.members) {
    out.raw(key, KEY_BYTES).raw(blsKey, BLS_KEY_BYTES).u64(stake).u32(nodeIndex)
  }
  return hashTagged(LEDGER_TAGS.committeeRoot, undefined, out.finish())
}

function assertMembers(members: readonly Member[]): void {
  const refuse = (why: string): never => {
    throw new ConsensusError('CONSENSUS_BAD_COMMITTEE', why)
  }
  if (members.length === 0 || members.length > COMMITTEE_SIZE_MAX) refuse(`a committee has 1 to ${COMMITTEE_SIZE_MAX} members`)
  for (const [i, { key, blsKey, stake, nodeIndex }] of members.entries()) {
    if (key.length !== KEY_BYTES || blsKey.length !== BLS_KEY_BYTES) {
      throw new ConsensusError('CONSENSUS_BAD_LENGTH', `keys of member ${i} must be ${KEY_BYTES} and ${BLS_KEY_BYTES} bytes`)
    }
    if (!Number.isSafeInteger(stake) || stake < 1) refuse(`stake of member ${i} must be a whole number from 1, got ${stake}`)
    if (nodeIndex >>> 0 !== nodeIndex) refuse(`nodeIndex of member ${i} must be a u32, got ${nodeIndex}`)
    if (i > 0 && compareBytes(members[i - 1]!.key, key) >= 0) refuse(`member ${i} does not stand in the order of keys`)
  }
}
