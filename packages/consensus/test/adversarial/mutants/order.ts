/** Planted bugs of what both rules share: collection, order, time, schedule, snapshots. Each is hunted under both. */
import type { Mode } from '../../../src/dag/contract.ts'
import type { Mutant } from '../patch.ts'

type Patch = Omit<Mutant, 'mode'>

const linearizer: readonly Omit<Patch, 'file'>[] = [
  {
    id: 'floor-from-progress',
    class: 'safety',
    find: 'const floor = Math.max(0, leader.round - this.#gcDepth)',
    put: 'const floor = Math.max(0, this.dag.highestRound - this.#gcDepth)',
  },
  {
    id: 'floor-a-round-high',
    class: 'safety',
    find: 'Math.max(0, leader.round - this.#gcDepth)',
    put: 'Math.max(0, leader.round - this.#gcDepth + 1)',
  },
  {
    id: 'floor-of-the-last-leader',
    class: 'format',
    find: 'const floor = Math.max(0, leader.round - this.#gcDepth)',
    put: 'const floor = this.gcRound',
  },
  {
    id: 'collects-from-progress',
    class: 'safety',
    find: 'Math.max(0, this.#lastCommittedRound - this.#gcDepth)',
    put: 'Math.max(0, this.dag.highestRound - this.#gcDepth)',
  },
  { id: 'never-collects-the-dag', class: 'safety', find: 'this.dag.dropThrough(this.gcRound)', put: '' },
  { id: 'never-forgets-commits', class: 'safety', find: 'this.#done.dropThrough(this.gcRound)', put: '' },
  {
    id: 'forgets-commits-early',
    class: 'safety',
    find: 'this.#done.dropThrough(this.gcRound)',
    put: 'this.#done.dropThrough(this.gcRound + 3)',
  },
  { id: 'no-dedup', class: 'safety', find: 'for (const vertex of vertices) this.#done.add(vertex)', put: '' },
  { id: 'order-of-the-walk', class: 'safety', find: '.sort(byPlace)', put: '' },
  { id: 'order-reversed', class: 'safety', find: '.sort(byPlace)', put: '.sort(byPlace).reverse()' },
  { id: 'time-of-the-latest', class: 'safety', find: 'times.find(({ stake }) => (running += stake) * 2 >= total)', put: 'times.at(-1)' },
  { id: 'time-of-the-leader', class: 'safety', find: 'this.#medianOfParents(leader))', put: 'leader.createdAtMs)' },
  { id: 'time-of-the-earliest', class: 'format', find: 'times.find(({ stake }) => (running += stake) * 2 >= total)', put: 'times[0]' },
  {
    id: 'time-by-heads',
    class: 'format',
    find: 'times.find(({ stake }) => (running += stake) * 2 >= total)',
    put: 'times[Math.floor((times.length - 1) / 2)]',
  },
  { id: 'chain-is-cut', class: 'format', find: 'this.#previousDigest = digest', put: '' },
  {
    id: 'scores-from-the-local-view',
    class: 'safety',
    find: 'for (const vertex of vertices) if (vertex.round',
    put: 'for (const vertex of this.dag.round(last.round + 1)) if (vertex.round',
  },
  {
    id: 'scores-of-any-round',
    class: 'format',
    find: 'vertex.round === last.round + 1 && isParent(last, vertex)',
    put: 'vertex.round > last.round',
  },
  { id: 'scores-are-kept', class: 'format', find: 'this.#scores = this.#scores.map(() => 0)', put: '' },
  {
    id: 'schedule-a-commit-late',
    class: 'format',
    find: 'this.#commits % this.#scheduleCommits !== 0',
    put: 'this.#commits % this.#scheduleCommits !== 1 % this.#scheduleCommits',
  },
  { id: 'snapshot-without-done', class: 'safety', find: 'done: this.#done.sorted()', put: 'done: []' },
  { id: 'snapshot-without-scores', class: 'safety', find: 'scores: this.#scores,', put: 'scores: this.#scores.map(() => 0),' },
  { id: 'snapshot-without-last-leader', class: 'safety', find: 'lastLeader: this.#lastLeader,', put: 'lastLeader: undefined,' },
  { id: 'snapshot-without-excluded', class: 'safety', find: 'excluded: [...this.#excluded].sort((a, b) => a - b)', put: 'excluded: []' },
  {
    id: 'snapshot-without-standing',
    class: 'safety',
    find: '({ version, standing }: LeaderSchedule): Version => ({ version, standing })',
    put: '({ version }) => ({ version, standing: NO_STANDING })',
  },
]

const others: readonly Patch[] = [
  { id: 'no-insert-guard', class: 'safety', file: 'dag/dag-store.ts', find: "if (vertex.round <= gcRound) return 'old'", put: '' },
  {
    id: 'insert-guard-a-round-low',
    class: 'safety',
    file: 'dag/dag-store.ts',
    find: "vertex.round <= gcRound) return 'old'",
    put: "vertex.round < gcRound) return 'old'",
  },
  {
    id: 'done-by-watermark',
    class: 'safety',
    file: 'dag/done-set.ts',
    find: 'has({ round, key }: { readonly round: number; readonly key: string }): boolean { return this.#rounds.get(round)?.has(key) ?? false }',
    put: 'has({ round, author }) { for (const [at, all] of this.#rounds) if (at >= round) for (const each of all.values()) if (each.author === author) return true; return false }',
  },
  {
    id: 'done-by-the-last-round', // the published rule: an author's newest committed round alone is passed over
    class: 'safety',
    file: 'dag/done-set.ts',
    find: 'has({ round, key }: { readonly round: number; readonly key: string }): boolean { return this.#rounds.get(round)?.has(key) ?? false }',
    put: 'has({ round, author }) { let last = 0; for (const [at, all] of this.#rounds) for (const each of all.values()) if (each.author === author) last = Math.max(last, at); return round === last }',
  },
  {
    id: 'order-by-author',
    class: 'safety',
    file: 'dag/done-set.ts',
    find: 'a.round - b.round || a.author - b.author',
    put: 'a.author - b.author || a.round - b.round',
  },
  {
    id: 'order-without-author',
    class: 'format',
    file: 'dag/done-set.ts',
    find: 'a.round - b.round || a.author - b.author ||',
    put: 'a.round - b.round ||',
  },
  {
    id: 'bad-from-the-best-down',
    class: 'format',
    file: 'dag/reputation.ts',
    find: 'scoreOf(worst) * 2 >= best',
    put: 'scoreOf(worst) >= best',
  },
  { id: 'bad-without-cap', class: 'format', file: 'dag/reputation.ts', find: ' || badStake + stakeOf(worst) > cap', put: '' },
  {
    id: 'excluded-inside-the-cap',
    class: 'format',
    file: 'dag/reputation.ts',
    find: 'let badStake = 0',
    put: 'let badStake = bad.reduce((sum, authority) => sum + stakeOf(authority), 0)',
  },
  {
    id: 'tie-break-reversed',
    class: 'format',
    file: 'dag/reputation.ts',
    find: 'scoreOf(b) - scoreOf(a) || a - b',
    put: 'scoreOf(b) - scoreOf(a) || b - a',
  },
  { id: 'one-substitute', class: 'format', file: 'dag/reputation.ts', find: 'countReaching(target, ranked.map(stakeOf))', put: '1' },
  {
    id: 'substitutes-in-order',
    class: 'format',
    file: 'dag/leader-schedule.ts',
    find: 'Number(createDraw(sha256(seed)).below(BigInt(good.length)))',
    put: '0',
  },
  {
    id: 'one-permutation-for-ever',
    class: 'format',
    file: 'dag/leader-schedule.ts',
    find: 'view.setUint32(45, this.version, true)',
    put: '',
  },
  {
    id: 'permutation-without-stake',
    class: 'format',
    file: 'dag/draw.ts',
    find: 'running += BigInt(stakes[authority] as number)',
    put: 'running += total / BigInt(remaining.length)',
  },
  {
    id: 'seed-of-another-order',
    class: 'format',
    file: 'dag/draw.ts',
    find: 'counter.setUint32(0, blocks++, true)',
    put: 'counter.setUint32(0, ++blocks, true)',
  },
  {
    id: 'digest-without-chain',
    class: 'format',
    file: 'wire/sub-dag.ts',
    find: 'hashTagged(LEDGER_TAGS.subDag, chainId, encodeSubDag(subDag))',
    put: 'hashTagged(LEDGER_TAGS.subDag, undefined, encodeSubDag(subDag))',
  },
]

const equivalent: readonly Patch[] = [
  {
    id: 'draw-without-rejection',
    class: 'equivalent',
    file: 'dag/draw.ts',
    find: 'while (value >= bound) value = next()',
    put: '',
    reason: 'a draw below a small m is refused once in some 2^61 draws: no schedule meets one, a unit test with a crafted limit does',
  },
]

const patches = [...linearizer.map((patch): Patch => ({ ...patch, file: 'dag/linearizer.ts' })), ...others, ...equivalent]
const under = (name: string, mode: Mode): Mutant[] => patches.map((patch) => ({ ...patch, id: `${name}/${patch.id}`, mode }))

export const orderMutants: readonly Mutant[] = [...under('bullshark', 'certified'), ...under('mysticeti', 'uncertified')]
