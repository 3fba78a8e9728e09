/** Planted bugs of Mysticeti-C's rule. */
import type { Mutant } from '../patch.ts'

type Patch = Omit<Mutant, 'mode' | 'file'>

/** What the rule asks a quorum for, of the least stake that has an honest member in it (`thresholdsOf`). */
const VALIDITY = 'Math.floor((this.#stakes.reduce((sum, stake) => sum + stake, 0) + 2) / 3)'

const rule: readonly Patch[] = [
  { id: 'anchor-a-round-early', class: 'safety', find: 'WAVE_ROUNDS = 3', put: 'WAVE_ROUNDS = 2' },
  { id: 'anchor-a-round-late', class: 'format', find: 'WAVE_ROUNDS = 3', put: 'WAVE_ROUNDS = 4' },
  { id: 'anchor-past-undecided', class: 'safety', find: "decisions[each]!.type !== 'skip'", put: "decisions[each]!.type === 'commit'" },
  {
    id: 'no-prefix-stop',
    class: 'safety',
    find: "decision.type === 'undecided' || commits.length === limit) return false",
    put: "commits.length === limit) return false\nif (decision.type === 'undecided') continue",
  },
  { id: 'indirect-by-local-view', class: 'safety', find: '.some((each) => history.has(each))', put: '.length > 0' },
  {
    id: 'indirect-without-certificate',
    class: 'safety',
    find: 'this.#ballots.certifiersOf(block).some((each) => history.has(each))',
    put: 'new Set(historyOf(this.dag, anchor.block, round - 1)).has(block)',
  },
  {
    id: 'indirect-misses-certifiers',
    class: 'safety',
    find: 'historyOf(this.dag, anchor.block, round + 1)',
    put: 'historyOf(this.dag, anchor.block, round + 2)',
  },
  { id: 'indirect-never-skips', class: 'safety', find: 'this.#only(certified, SKIP)', put: 'this.#only(certified, UNDECIDED)' },
  {
    id: 'undecided-anchor-skips',
    class: 'safety',
    find: "if (anchor.type !== 'commit') return UNDECIDED",
    put: "if (anchor.type !== 'commit') return SKIP",
  },
  {
    id: 'unknown-is-skipped',
    class: 'safety',
    find: 'return this.#only(this.#ballots.committedIn(round, author), UNDECIDED)',
    put: 'return this.#only(this.#ballots.committedIn(round, author), this.dag.highestRound > round + 3 ? SKIP : UNDECIDED)',
  },
  { id: 'no-decision-anew', class: 'safety', find: 'if (this.scheduleVersion !== scheduleVersion) return true', put: '' },
  { id: 'two-certified-are-one', class: 'safety', find: 'if (another === undefined) return', put: 'return' },
  { id: 'emits-after-halt', class: 'safety', find: 'if (this.halted !== undefined || decision.type', put: 'if (decision.type' },
]

const ballots: readonly Patch[] = [
  {
    id: 'certificate-of-validity',
    class: 'safety',
    find: 'this.#stakeOf(inFavour) >= this.#quorum',
    put: `this.#stakeOf(inFavour) >= ${VALIDITY}`,
  },
  {
    id: 'certificate-of-a-vote-less',
    class: 'safety',
    find: 'this.#stakeOf(inFavour) >= this.#quorum',
    put: 'this.#stakeOf(inFavour) >= this.#quorum - 1',
  },
  {
    id: 'certificate-above-quorum',
    class: 'safety',
    find: 'this.#stakeOf(inFavour) >= this.#quorum',
    put: 'this.#stakeOf(inFavour) > this.#quorum',
  },
  { id: 'skip-above-quorum', class: 'safety', find: 'return stake >= this.#quorum', put: 'return stake > this.#quorum' },
  {
    id: 'commit-above-quorum',
    class: 'safety',
    find: 'this.#stakeOf(this.certifiersOf(block)) >= this.#quorum',
    put: 'this.#stakeOf(this.certifiersOf(block)) > this.#quorum',
  },
  { id: 'skip-of-validity', class: 'safety', find: 'return stake >= this.#quorum', put: `return stake >= ${VALIDITY}` },
  {
    id: 'commit-of-validity',
    class: 'safety',
    find: 'this.#stakeOf(this.certifiersOf(block)) >= this.#quorum',
    put: `this.#stakeOf(this.certifiersOf(block)) >= ${VALIDITY}`,
  },
  {
    id: 'skip-counts-blocks',
    class: 'safety',
    find: 'if (this.#dag.slot(round + 1, voter).some(passes)) stake += this.#stakes[voter]!',
    put: 'stake += this.#dag.slot(round + 1, voter).filter(passes).length * this.#stakes[voter]!',
  },
  { id: 'commit-counts-blocks', class: 'safety', find: 'if (this.#countedIn[author] === this.#call) continue', put: '' },
  { id: 'vote-for-any-in-slot', class: 'safety', find: 'ballot?.votes[author] === block.key', put: 'ballot?.votes[author] !== undefined' },
  {
    id: 'commits-the-first-in-slot',
    class: 'safety',
    find: 'this.#stakeOf(this.certifiersOf(block)) >= this.#quorum)',
    put: 'this.#stakeOf(this.certifiersOf(block)) >= this.#quorum).map((block) => this.#dag.slot(round, author)[0] ?? block)',
  },
  {
    id: 'skip-by-rounds-after-next',
    class: 'safety',
    find: 'this.#dag.slot(round + 1, voter).some(passes)',
    put: '!this.#dag.slot(round + 1, voter).some((block) => !passes(block))',
  },
  {
    id: 'vote-for-the-last-ancestor',
    class: 'equivalent',
    find: 'votes[author] ??= key',
    put: 'votes[author] = key',
    reason: 'a valid block names one ancestor an author (the core refuses others), so the first in a slot is the last',
  },
  {
    id: 'blame-by-author',
    class: 'equivalent',
    find: 'if (round === block.round - 1) votes[author] ??= key',
    put: 'votes[author] ??= key',
    reason:
      "Sui's blame test: a block that names an older one of the leader passes nothing over; slots are skipped later, never differently",
  },
]

const of = (file: string, patches: readonly Patch[]): Mutant[] => {
  return patches.map((patch) => ({ ...patch, id: `mysticeti/${patch.id}`, mode: 'uncertified', file }))
}

export const mysticetiMutants: readonly Mutant[] = [
  ...of('dag/mysticeti-rule.ts', rule),
  ...of('dag/ballots.ts', ballots),
  ...of('dag/dag-store.ts', [
    { id: 'slot-holds-one-block', class: 'safety', find: "this.mode === 'certified' && slot.length > 0", put: 'slot.length > 0' },
  ]),
  ...of('dag/done-set.ts', [
    { id: 'order-without-digest', class: 'format', find: '|| (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)', put: '' },
  ]),
  ...of('dag/quorum.ts', [
    { id: 'quorum-of-2f-and-1', class: 'safety', find: 'Number((2n * total) / 3n) + 1', put: '2 * Number((total - 1n) / 3n) + 1' },
  ]),
  ...of('dag/leader-schedule.ts', [
    { id: 'one-leader-twice', class: 'safety', find: 'candidates.find((candidate) => !leaders.includes(candidate))', put: 'candidates[0]' },
    { id: 'ranks-share-a-seed', class: 'format', find: 'SEED_BYTES + (rank > 0 ? 9 : 8)', put: 'SEED_BYTES + 8' },
  ]),
  ...of('dag/linearizer.ts', [
    {
      id: 'time-may-fall',
      class: 'safety',
      find: 'Math.max(this.#timestampMs, this.#medianOfParents(leader))',
      put: 'this.#medianOfParents(leader)',
    },
    { id: 'schedule-from-the-same-round', class: 'safety', find: 'this.#former ??= this.#schedule', put: '' },
    {
      id: 'record-names-the-newest-schedule',
      class: 'format',
      find: 'this.#scheduleOf(leader.round).version',
      put: 'this.#schedule.version',
    },
    {
      id: 'time-of-all-ancestors',
      class: 'safety',
      find: 'leader.parents.filter(({ round }) => round === leader.round - 1)',
      put: 'leader.parents',
    },
  ]),
]
