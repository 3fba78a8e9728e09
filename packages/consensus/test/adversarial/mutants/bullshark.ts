/** Planted bugs of Bullshark's rule. */
import type { Mutant } from '../patch.ts'

type Patch = Omit<Mutant, 'mode' | 'file'>

const rule: readonly Patch[] = [
  { id: 'support-of-one', class: 'safety', find: 'this.dag.supportOf(leader) >= this.#validity', put: 'this.dag.supportOf(leader) > 0' },
  { id: 'support-below-validity', class: 'safety', find: '>= this.#validity', put: '>= this.#validity - 1' },
  {
    id: 'support-above-validity',
    class: 'equivalent',
    find: '>= this.#validity',
    put: '> this.#validity',
    reason:
      'who has the support of a validity is a parent in every quorum of two rounds later: the next leader that is committed reaches it, and takes it first',
  },
  { id: 'no-path-check', class: 'safety', find: ' || !isAncestor(this.dag, earlier, earliest)', put: '' },
  {
    id: 'path-from-the-newest',
    class: 'safety',
    find: 'isAncestor(this.dag, earlier, earliest)',
    put: 'isAncestor(this.dag, earlier, leader)',
  },
  { id: 'no-indirect-leaders', class: 'safety', find: 'earliest = earlier', put: 'chain.pop()' },
  {
    id: 'chain-ends-at-a-gap',
    class: 'safety',
    find: '!isAncestor(this.dag, earlier, earliest)) continue',
    put: '!isAncestor(this.dag, earlier, earliest)) break',
  },
  { id: 'chain-stops-early', class: 'safety', find: 'round > this.lastCommittedRound', put: 'round > this.lastCommittedRound + 2' },
  { id: 'newest-leader-first', class: 'safety', find: 'of chain.reverse()', put: 'of chain' },
  { id: 'no-re-election', class: 'safety', find: 'if (this.scheduleVersion !== scheduleVersion) return', put: '' },
  {
    id: 're-election-a-commit-late',
    class: 'safety',
    find: 'if (this.scheduleVersion !== scheduleVersion) return',
    put: 'if (this.scheduleVersion > scheduleVersion + 1) return',
  },
  { id: 'conflict-is-no-halt', class: 'safety', find: "if (outcome === 'conflict')", put: 'if (false)' },
  { id: 'inserts-after-halt', class: 'safety', find: "if (this.halted !== undefined) return 'old'", put: '' },
]

const dag: readonly Patch[] = [
  { id: 'second-certificate-is-known', class: 'safety', find: "return 'conflict'", put: "return 'known'" },
  {
    id: 'second-certificate-is-taken',
    class: 'safety',
    find: "if (this.mode === 'certified' && slot.length > 0) return 'conflict'",
    put: '',
  },
  { id: 'support-from-any-slot', class: 'safety', find: 'some((child) => isParent(vertex, child))', put: 'length > 0' },
]

const walk: readonly Patch[] = [
  { id: 'path-of-one-round', class: 'safety', find: 'historyOf(dag, from, target.round - 1)', put: 'historyOf(dag, from, from.round - 2)' },
]

const of = (file: string, patches: readonly Patch[]): Mutant[] => {
  return patches.map((patch) => ({ ...patch, id: `bullshark/${patch.id}`, mode: 'certified', file }))
}

export const bullsharkMutants: readonly Mutant[] = [
  ...of('dag/bullshark-rule.ts', rule),
  ...of('dag/dag-store.ts', dag),
  ...of('dag/causal-history.ts', walk),
  ...of('dag/quorum.ts', [
    { id: 'validity-rounded-down', class: 'safety', find: '(total + 2n) / 3n', put: 'total / 3n' }, // contains no honest member at n = 7
  ]),
  ...of('dag/leader-schedule.ts', [{ id: 'leader-by-round-number', class: 'format', find: 'round / 2 - 1', put: 'round' }]),
  ...of('dag/linearizer.ts', [
    {
      id: 'time-may-fall',
      class: 'equivalent',
      find: 'Math.max(this.#timestampMs, this.#medianOfParents(leader))',
      put: 'this.#medianOfParents(leader)',
      reason:
        'a certificate is no older than its parents (voters check it) and reaches, through quorums, half of the leader before, so medians rise by themselves',
    },
  ]),
]
