/**
 * Who reports on whom in an epoch: of all nodes that were Active when it began, the 48 with the smallest
 * `H("selvedge/reporter/1\0" ‖ beacon 32 ‖ epoch u64 ‖ target u32 ‖ node u32)`, compared as bytes. None of the target's owner, at most 2 of a
 * /24 (IPv6: /48) and 6 of a /16 (/32), so that one operator's machines are not the jury; in a small network the limits double until
 * there are enough. Nobody chooses whom to judge: only reports of the assigned count.
 */
import { hashTranscript } from '@selvedge/crypto/transcript'
import { ByteWriter, compareBytes } from '@selvedge/ledger-types'
import { keyTextOf } from '../state/key-text.ts'

export const REPORTERS_MAX = 48
const NET24_MAX = 2
const NET16_MAX = 6

export interface Candidate {
  readonly nodeIndex: number
  /** 20 bytes. */
  readonly owner: Uint8Array
  /** 4 or 16 bytes; none of a node without an address. */
  readonly address: Uint8Array
}

export interface Draw {
  readonly beacon: Uint8Array
  readonly epoch: number
  /** All that were Active when the epoch began. */
  readonly candidates: readonly Candidate[]
}

/** nodeIndices of those who report on `target`; fewer than 48 only where not more are there. */
export function reportersOf({ beacon, epoch, candidates }: Draw, target: Candidate): ReadonlySet<number> {
  const ranked = candidates
    .filter(({ nodeIndex, owner }) => nodeIndex !== target.nodeIndex && compareBytes(owner, target.owner) !== 0)
    .map((candidate) => ({ candidate, rank: rankOf(beacon, epoch, target.nodeIndex, candidate.nodeIndex) }))
    .toSorted((a, b) => compareBytes(a.rank, b.rank))
  const wanted = Math.min(REPORTERS_MAX, ranked.length)
  const chosen = new Set<number>()
  for (let factor = 1; chosen.size < wanted; factor *= 2) {
    chosen.clear()
    const near = new Map<string, number>()
    const wide = new Map<string, number>()
    for (const { candidate } of ranked) {
      const [near24, near16] = netsOf(candidate.address)
      const nearCount = near.get(near24) ?? 0
      const wideCount = wide.get(near16) ?? 0
      if (nearCount >= NET24_MAX * factor || wideCount >= NET16_MAX * factor) continue
      near.set(near24, nearCount + 1)
      wide.set(near16, wideCount + 1)
      if (chosen.add(candidate.nodeIndex).size === wanted) break
    }
  }
  return chosen
}

function rankOf(beacon: Uint8Array, epoch: number, target: number, node: number): Uint8Array {
  return hashTranscript('reporter', new ByteWriter(48).raw(beacon, 32).epoch(epoch).u32(target).u32(node).finish())
}

/** The /24 and /16 of an IPv4 address, the /48 and /32 of an IPv6 one. */
function netsOf(address: Uint8Array): readonly [string, string] {
  const [near, wide] = address.length === 4 ? [3, 2] : [6, 4]
  const family = `${address.length}:`
  return [family + keyTextOf(address.subarray(0, near)), family + keyTextOf(address.subarray(0, wide))]
}
