/**
 * Which parents a new vertex names. Honest members take what the protocol says from their own view; liars whatever is valid, from all
 * that exists, with a taste: they like to pass over, or to name, the leader of the round.
 */
import type { Random } from '@selvedge/simulator'
import type { Vertex, VertexReference } from '../../src/dag/contract.ts'
import type { Config } from './config.ts'
import type { Member } from './member.ts'
import { type Pool, referenceOf } from './pool.ts'

/** How far back an honest member looks for blocks that its own do not cover. */
const UNCOVERED_ROUNDS = 4

/** Parents of a vertex of `round`, or undefined where the member may not propose it. */
export function honestParents(member: Member, round: number, config: Config, pool: Pool): readonly VertexReference[] | undefined {
  const { dag } = member.rule
  if (dag.stakeAt(round - 1) < config.quorum) return undefined
  if (round === 1) return genesisFor(member.self, config, pool)
  if (config.mode === 'certified') return dag.round(round - 1).map(referenceOf)
  const own = member.lastOwn === undefined ? pool.genesis(member.self) : referenceOf(member.lastOwn)
  const others: VertexReference[] = []
  for (let author = 0; author < config.size; author++) {
    if (author === member.self) continue
    const latest = latestUncovered(member, round - 1, author)
    if (latest !== undefined) others.push(referenceOf(latest))
  }
  const named = [own, ...others]
  return stakeOf(named, round - 1, config) >= config.quorum ? named : undefined
}

function latestUncovered({ rule, covered }: Member, from: number, author: number): Vertex | undefined {
  for (let round = from; round > 0 && round > from - UNCOVERED_ROUNDS; round--) {
    const [block] = rule.dag.slot(round, author)
    if (block !== undefined) return covered.has(block.key) && round < from ? undefined : block
  }
  return undefined
}

/** Marks what a new own block covers. */
export function cover(member: Member, block: Vertex): void {
  const open = [block]
  member.covered.add(block.key)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { key } of next.parents) {
      const parent = member.covered.has(key) ? undefined : member.rule.dag.get(key)
      if (parent === undefined) continue
      member.covered.add(key)
      open.push(parent)
    }
  }
}

export interface Lie {
  readonly liar: number
  readonly round: number
  /** Its block before. Uncertified only. */
  readonly own: VertexReference
  /** Who leads a round, as some honest member sees it. */
  readonly leaderOf: (round: number) => number | undefined
  /** Whether a vertex may be named, where the liar plays a part for one camp. */
  readonly isFit: (vertex: Vertex) => boolean
}

/** Parents that a liar names, or undefined where not enough exists. */
export function liarParents(lie: Lie, config: Config, pool: Pool, random: Random): readonly VertexReference[] | undefined {
  const { liar, round, own } = lie
  if (round === 1) return genesisFor(liar, config, pool)
  const isCertified = config.mode === 'certified'
  const isOwnNamed = !isCertified && own.round === round - 1
  const candidates = tasted(
    random.shuffle(
      pool
        .round(round - 1)
        .flat()
        .filter(lie.isFit),
    ),
    lie,
    random,
  )
  const named: VertexReference[] = isCertified ? [] : [own]
  const isGreedy = random.chance(0.3)
  let stake = isOwnNamed ? config.setup.stakes[liar]! : 0
  for (const candidate of candidates) {
    if (stake >= config.quorum && !isGreedy) break
    if ((!isCertified && candidate.author === liar) || named.some(({ author }) => author === candidate.author)) continue
    named.push(referenceOf(candidate))
    stake += config.setup.stakes[candidate.author]!
  }
  if (stake < config.quorum) return undefined
  if (isCertified) return named.sort((a, b) => a.author - b.author)
  return random.chance(0.3) ? withOld(named, round, pool, random) : named
}

/** In the order of liking: the leader of the round before first or last, or those who name the leader of the round before that. */
function tasted(candidates: Vertex[], { round, leaderOf }: Lie, random: Random): Vertex[] {
  const taste = random.below(5)
  if (taste === 0) return candidates
  const leader = leaderOf(taste < 3 ? round - 1 : round - 2)
  const isLiked = ({ author, parents }: Vertex): boolean => {
    return taste < 3 ? author === leader : parents.some((parent) => parent.author === leader && parent.round === round - 2)
  }
  const liked: Vertex[] = []
  const others: Vertex[] = []
  for (const candidate of candidates) (isLiked(candidate) ? liked : others).push(candidate)
  return taste % 2 === 0 ? [...liked, ...others] : [...others, ...liked]
}

/** One block of an earlier round by somebody who is not named yet. */
function withOld(named: readonly VertexReference[], round: number, pool: Pool, random: Random): readonly VertexReference[] {
  const back = 2 + random.below(6)
  if (round - back < 1) return named
  const old = pool
    .round(round - back)
    .flat()
    .filter(({ author }) => named.every((each) => each.author !== author))
  return old.length === 0 ? named : [...named, referenceOf(random.pick(old))]
}

function genesisFor(self: number, { mode, size }: Config, pool: Pool): readonly VertexReference[] {
  const all = Array.from({ length: size }, (_, author) => pool.genesis(author))
  return mode === 'certified' ? all : [...all.filter(({ author }) => author === self), ...all.filter(({ author }) => author !== self)]
}

function stakeOf(named: readonly VertexReference[], round: number, { setup }: Config): number {
  return named.reduce((sum, each) => sum + (each.round === round ? setup.stakes[each.author]! : 0), 0)
}
