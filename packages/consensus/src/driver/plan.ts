/**
 * Plans of epochs: what an executor answers, as bytes in the store, and as the setup of a core.
 *
 * epoch u64 · mode u8 · beacon 32 · previous digest 32 · previous timestampMs u64 · gcDepth, scheduleCommits, leadersPerRound, workers u32
 * each (0 where it is not given) · members (u32 count: key 32 · blsKey 48 · stake u64 · nodeIndex u32 each).
 */
import type { EpochSetup } from '../core/contract.ts'
import type { NextEpoch } from '../core/epochs-contract.ts'
import type { Mode } from '../dag/contract.ts'
import { ConsensusError } from '../errors.ts'
import type { EpochPlan, OrderedBlock } from '../ports.ts'
import { ByteReader, ByteWriter, compareBytes } from '../wire/bytes.ts'
import { BLS_KEY_BYTES, KEY_BYTES } from '../wire/limits.ts'
import type { Digest, Member } from '../wire/types.ts'

const MODES: readonly Mode[] = ['certified', 'uncertified']
const PARAMETERS = ['gcDepth', 'scheduleCommits', 'leadersPerRound', 'workers'] as const
const MEMBER_BYTES = KEY_BYTES + BLS_KEY_BYTES + 8 + 4

/** The plan of the epoch that follows the final `block`. */
export function planAfter({ digest, timestampMs }: Pick<OrderedBlock, 'digest' | 'timestampMs'>, next: NextEpoch): EpochPlan {
  return { ...next, previous: { subDagDigest: digest, timestampMs } }
}

export function encodePlan({ epoch, mode, beacon, previous, parameters, committee }: EpochPlan): Uint8Array {
  const out = new ByteWriter().u64(epoch).u8(MODES.indexOf(mode)).digest(beacon)
  out.digest(previous.subDagDigest).u64(previous.timestampMs)
  for (const name of PARAMETERS) out.u32(parameters?.[name] ?? 0)
  out.u32(committee.length)
  for (const { key, blsKey, stake, nodeIndex } of committee) out.raw(key, KEY_BYTES).raw(blsKey, BLS_KEY_BYTES).u64(stake).u32(nodeIndex)
  return out.finish()
}

/** @throws {ConsensusError} for what `encodePlan` did not write. */
export function decodePlan(bytes: Uint8Array): EpochPlan {
  const reader = new ByteReader(bytes)
  const epoch = reader.u64()
  const mode = MODES[reader.u8()]
  if (mode === undefined) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', 'a plan names a mode that does not exist')
  const beacon = reader.digest()
  const previous = { subDagDigest: reader.digest(), timestampMs: reader.u64() }
  const parameters: { -readonly [name in (typeof PARAMETERS)[number]]?: number } = {}
  for (const name of PARAMETERS) {
    const value = reader.u32()
    if (value !== 0) parameters[name] = value
  }
  const committee: Member[] = []
  for (let left = reader.count(MEMBER_BYTES); left > 0; left--) {
    committee.push({ key: reader.raw(KEY_BYTES), blsKey: reader.raw(BLS_KEY_BYTES), stake: reader.u64(), nodeIndex: reader.u32() })
  }
  reader.end()
  return { epoch, mode, beacon, previous, parameters, committee }
}

export interface ChainIdentity {
  readonly chainId: number
  readonly genesisHash: Digest
  /** This validator's node key. */
  readonly publicKey: Uint8Array
}

/** `self` is -1 where this key has no seat. */
export function setupOf(
  { epoch, committee, mode, beacon, previous }: EpochPlan,
  { chainId, genesisHash, publicKey }: ChainIdentity,
  state: { readonly lastApplied: number; readonly isFirstBoot: boolean },
): EpochSetup {
  const self = committee.findIndex(({ key }) => compareBytes(key, publicKey) === 0)
  return { chainId, epoch, genesisHash, committee, self, mode, beacon, previous, ...state }
}
