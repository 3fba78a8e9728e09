/**
 * Who leads badly. Scores are of committed data only; an authority is bad by an absolute threshold, under half of the best score, since a
 * fixed share would punish the healthy on good days and keep the dead on bad ones. Bad ones hold at most a third of the stake, but for
 * proven equivocators, who come first and outside that cap.
 *
 * Source: docs/protocol/consensus-order.md §3.
 */
import type { Authority } from '../wire/types.ts'
import { thresholdsOf } from './quorum.ts'

export interface Standing {
  /** Excluded ones ascending, then from the lowest score up. */
  readonly bad: readonly Authority[]
  /** Substitutes, best score first: as many as reach the stake of `bad`, at least one. */
  readonly good: readonly Authority[]
}

export const NO_STANDING: Standing = { bad: [], good: [] }

export function standingOf(scores: readonly number[], stakes: readonly number[], excluded: ReadonlySet<Authority>): Standing {
  const stakeOf = (authority: Authority): number => stakes[authority] as number
  const scoreOf = (authority: Authority): number => scores[authority] as number
  const ranked = scores
    .map((_, authority) => authority)
    .filter((authority) => !excluded.has(authority))
    .sort((a, b) => scoreOf(b) - scoreOf(a) || a - b)
  const best = Math.max(...scores)
  const { total } = thresholdsOf(stakes)
  const cap = (total - (total % 3)) / 3
  const bad = [...excluded].sort((a, b) => a - b)
  let badStake = 0
  while (ranked.length > 0) {
    const worst = ranked.at(-1) as Authority
    if (scoreOf(worst) * 2 >= best || badStake + stakeOf(worst) > cap) break
    badStake += stakeOf(worst)
    bad.push(worst)
    ranked.pop()
  }
  const target = bad.reduce((sum, authority) => sum + stakeOf(authority), 0)
  return bad.length === 0 ? NO_STANDING : { bad, good: ranked.slice(0, countReaching(target, ranked.map(stakeOf))) }
}

/** How many of `stakes`, in order, reach `target`: at least one. */
function countReaching(target: number, stakes: readonly number[]): number {
  let running = 0
  const last = stakes.findIndex((stake) => (running += stake) >= target)
  return last === -1 ? stakes.length : last + 1
}
