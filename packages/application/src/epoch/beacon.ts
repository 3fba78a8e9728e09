/**
 * The epoch's randomness: members commit to a secret in the first 20 % of the epoch, show it until 30 %, and the hash over what was shown
 * is the beacon. Who showed nothing chose between two outcomes; it costs a tenth of the least stake and the seat of the next epoch, and
 * claims of the epoch are sampled at more points (claims know how many withheld). A draw of a committee can be bent at that price.
 */
import { beaconCommitment, beaconOf, CODES, isSameBytes, type Code } from '@selvedge/ledger-types'
import type { BlockContext, SystemCall } from '../execute/handler.ts'
import { beacons, roundRow, type AuthorityHash, type RoundRow } from '../state/meta-tables.ts'
import type { MemberRow } from '../state/node-tables.ts'
import { parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import { hadTime, momentOf, type ChangeContext, type StepContext } from './contract.ts'
import { slash, SLASH_CAUSES } from './slash.ts'

export const COMMIT_PERCENT = 20
export const BEACON_PERCENT = 30
/** Of minStake, in percent, for a commit without its reveal. */
const WITHHELD_PERCENT = 10n

const EMPTY: RoundRow = { commits: [], reveals: [] }

/** The beacon drawn in `epoch`; before the first it is the genesis hash. `undefined` while it is not drawn. */
export function beaconIn(state: State, block: Pick<BlockContext, 'genesisHash'>, epoch: number): Uint8Array | undefined {
  return epoch < 0 ? block.genesisHash : state.get(beacons, epoch)?.beacon
}

export function commitBeacon({ state, block, author }: SystemCall, hash: Uint8Array): Code {
  if (block.timestampMs >= momentOf(block, COMMIT_PERCENT)) return CODES.phase
  const round = state.get(roundRow, null) ?? EMPTY
  if (round.commits.some((commit) => commit.author === author)) return CODES.state
  state.put(roundRow, null, { ...round, commits: withAuthor(round.commits, { author, hash }) })
  return CODES.ok
}

export function revealBeacon({ state, block, author }: SystemCall, secret: Uint8Array): Code {
  const isOpen = block.timestampMs >= momentOf(block, COMMIT_PERCENT) && block.timestampMs < momentOf(block, BEACON_PERCENT)
  if (!isOpen) return CODES.phase
  const round = state.get(roundRow, null) ?? EMPTY
  const commit = round.commits.find((each) => each.author === author)
  if (commit === undefined) return CODES.proof
  if (round.reveals.some((reveal) => reveal.author === author)) return CODES.state
  if (!isSameBytes(commit.hash, beaconCommitment(block.chainId, block.epoch, author, secret))) return CODES.proof
  state.put(roundRow, null, { ...round, reveals: withAuthor(round.reveals, { author, hash: secret }) })
  return CODES.ok
}

/** At 30 %: the beacon of the running epoch. */
export function drawBeacon({ state, block, emit }: StepContext): void {
  const { commits, reveals } = state.get(roundRow, null) ?? EMPTY
  const previous = beaconIn(state, block, block.epoch - 1) ?? block.genesisHash
  const beacon = beaconOf(
    block.chainId,
    block.epoch,
    previous,
    reveals.map(({ author, hash }) => ({ author, secret: hash })),
  )
  const withheld = commits.length - reveals.length
  if (!hadTime({ state, block }, COMMIT_PERCENT, BEACON_PERCENT)) {
    const shown = new Set(reveals.map(({ author }) => author))
    state.put(roundRow, null, { commits: commits.filter(({ author }) => shown.has(author)), reveals })
  }
  state.put(beacons, block.epoch, { beacon, withheld })
  emit({ kind: 'beacon', epoch: block.epoch, beacon, revealed: reveals.length, withheld })
}

/** At the epoch's end: who withheld pays and sits out; the round is over. */
export function endBeaconRound({ state, block, emit, unseated }: ChangeContext): void {
  const { commits, reveals } = state.get(roundRow, null) ?? EMPTY
  const shown = new Set(reveals.map(({ author }) => author))
  const amount = (parameterOf(state, 'minStake') * WITHHELD_PERCENT) / 100n
  for (const { author } of commits) {
    if (shown.has(author)) continue
    const { nodeIndex } = block.committee[author] as MemberRow
    slash({ state, block, emit }, { nodeIndex, cause: SLASH_CAUSES.beaconWithheld, amount })
    unseated.add(nodeIndex)
  }
  state.put(roundRow, null, EMPTY)
}

function withAuthor(list: readonly AuthorityHash[], added: AuthorityHash): readonly AuthorityHash[] {
  return [...list, added].toSorted((a, b) => a.author - b.author)
}
