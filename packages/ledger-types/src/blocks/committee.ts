/** The committee of an epoch: who signs its blocks, in the order of their Ed25519 keys, with how much stake. */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, compareBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { type Digest, hashTagged } from '../hash.ts'

export interface CommitteeMember {
  /** Ed25519, 32 bytes; members stand in the order of these bytes. */
  readonly key: Uint8Array
  /** BLS12-381 min-pk, 48 bytes. */
  readonly blsKey: Uint8Array
  /** Whole tokens, at least 1; all together at most 2^53. */
  readonly stake: number
  /** Place in the node registry. */
  readonly nodeIndex: number
}

const KEY_BYTES = 32
const BLS_KEY_BYTES = 48
const MEMBER_BYTES = KEY_BYTES + BLS_KEY_BYTES + 8 + 4
const STAKE_MAX = 2n ** 53n

/** `n u16 · n × (key 32 · blsKey 48 · stake u64 · nodeIndex u32)`, in authority order. */
export function encodeCommittee(members: readonly CommitteeMember[]): Uint8Array {
  const fault = committeeFaultOf(members)
  if (fault !== undefined) throw new LedgerError('LEDGER_OUT_OF_RANGE', fault)
  const out = new ByteWriter(2 + members.length * MEMBER_BYTES).u16(members.length)
  for (const { key, blsKey, stake, nodeIndex } of members) out.raw(key, KEY_BYTES).raw(blsKey, BLS_KEY_BYTES).u64(stake).u32(nodeIndex)
  return out.finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeCommittee(bytes: Uint8Array): CommitteeMember[] {
  const reader = new ByteReader(bytes)
  const count = reader.count16(MEMBER_BYTES)
  const members = Array.from({ length: count }, () => {
    return { key: reader.raw(KEY_BYTES), blsKey: reader.raw(BLS_KEY_BYTES), stake: reader.u64(), nodeIndex: reader.u32() }
  })
  reader.end()
  const fault = committeeFaultOf(members)
  if (fault !== undefined) throw new LedgerError('LEDGER_MALFORMED', fault)
  return members
}

/** `H(0x0a ‖ encoded committee)`: what checkpoints name it by. */
export function committeeRoot(members: readonly CommitteeMember[]): Digest {
  return hashTagged(LEDGER_TAGS.committeeRoot, encodeCommittee(members))
}

/** Stake that decides: any two sets of so much share more than a third of all. `floor(2N / 3) + 1`. */
export function quorumOf(members: readonly CommitteeMember[]): number {
  const total = members.reduce((sum, { stake }) => sum + BigInt(stake), 0n)
  return Number((2n * total) / 3n) + 1
}

function committeeFaultOf(members: readonly CommitteeMember[]): string | undefined {
  if (members.length === 0) return 'a committee has at least one member'
  let total = 0n
  for (const [i, { key, blsKey, stake }] of members.entries()) {
    if (key.length !== KEY_BYTES || blsKey.length !== BLS_KEY_BYTES) return `keys of member ${i} have not their lengths`
    if (!Number.isSafeInteger(stake) || stake < 1) return `stake of member ${i} is no whole number from 1`
    if (i > 0 && compareBytes(members[i - 1]!.key, key) >= 0) return `member ${i} does not stand in the order of keys`
    total += BigInt(stake)
  }
  return total > STAKE_MAX ? `stake of ${total} is above 2^53` : undefined
}
