/**
 * Who leads which round, for one schedule version: a permutation in which everyone has one turn a cycle, and substitutes for the bad.
 *
 * Bullshark leads even rounds from 2 on, Mysticeti every round, with several ranks where asked. No authority leads a round twice: a
 * substitute who leads it already, at any rank, is passed over; where none is left the bad one stays.
 *
 * Source: docs/protocol/consensus-order.md §2 and §3.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import type { Authority } from '../wire/types.ts'
import type { Mode, OrderSetup } from './contract.ts'
import { createDraw, permutationOf } from './draw.ts'
import { assert } from './invariant.ts'
import type { Standing } from './reputation.ts'

const SEED_BYTES = 49
const SEED_ROUND_OFFSET = 49
/** Rounds whose leaders are remembered: more than are ever open, and a bound. */
const CACHED_ROUNDS_MAX = 1024

export class LeaderSchedule {
  readonly version: number
  readonly standing: Standing
  readonly #mode: Mode
  readonly #setup: OrderSetup
  readonly #order: readonly Authority[]
  readonly #leaders = new Map<number, readonly Authority[]>()

  constructor(mode: Mode, setup: OrderSetup, version: number, standing: Standing) {
    assert(leadersPerRoundOf(mode, setup) <= setup.stakes.length, 'more leaders a round than members')
    this.#mode = mode
    this.#setup = setup
    this.version = version
    this.standing = standing
    this.#order = permutationOf(sha256(this.#seed(LEDGER_TAGS.leaderSeed, SEED_BYTES)), setup.stakes)
  }

  leaderOf(round: number, rank: number): Authority | undefined {
    let leaders = this.#leaders.get(round)
    if (leaders === undefined) {
      if (this.#leaders.size === CACHED_ROUNDS_MAX) this.#leaders.clear()
      leaders = this.#elect(round)
      this.#leaders.set(round, leaders)
    }
    return leaders[rank]
  }

  #elect(round: number): readonly Authority[] {
    const turn = turnOf(this.#mode, round)
    if (turn === undefined) return []
    const ranks = Array.from({ length: leadersPerRoundOf(this.#mode, this.#setup) }, (_, rank) => rank)
    const leaders = ranks.map((rank) => this.#order[(turn + rank) % this.#order.length] as Authority)
    for (const rank of ranks) if (this.standing.bad.includes(leaders[rank] as Authority)) this.#substitute(leaders, round, rank)
    return leaders
  }

  #substitute(leaders: Authority[], round: number, rank: number): void {
    const { good } = this.standing
    if (good.length === 0) return
    const seed = this.#seed(LEDGER_TAGS.substituteSeed, SEED_BYTES + (rank > 0 ? 9 : 8))
    new DataView(seed.buffer).setBigUint64(SEED_ROUND_OFFSET, BigInt(round), true)
    if (rank > 0) seed[SEED_ROUND_OFFSET + 8] = rank
    const first = Number(createDraw(sha256(seed)).below(BigInt(good.length)))
    const candidates = [...good.slice(first), ...good.slice(0, first)]
    const substitute = candidates.find((candidate) => !leaders.includes(candidate))
    if (substitute !== undefined) leaders[rank] = substitute
  }

  /** `tag ‖ chainId u32 ‖ epoch u64 ‖ beacon 32 ‖ version u32`, with room behind it. */
  #seed(tag: number, size: number): Uint8Array {
    const seed = new Uint8Array(size)
    const view = new DataView(seed.buffer)
    seed[0] = tag
    view.setUint32(1, this.#setup.chainId, true)
    view.setBigUint64(5, BigInt(this.#setup.epoch), true)
    seed.set(this.#setup.beacon, 13)
    view.setUint32(45, this.version, true)
    return seed
  }
}

/** Which turn of the cycle rank 0 of a round is, where the round has a leader. */
function turnOf(mode: Mode, round: number): number | undefined {
  if (mode === 'uncertified') return round >= 1 ? round - 1 : undefined
  return round >= 2 && round % 2 === 0 ? round / 2 - 1 : undefined
}

export function leadersPerRoundOf(mode: Mode, { leadersPerRound = 1 }: OrderSetup): number {
  return mode === 'certified' ? 1 : leadersPerRound
}
