/** An honest member as far as the order goes: it accepts what is complete, parks the rest, commits, crashes and comes back. */
import type { Commit, Vertex } from '../../src/dag/contract.ts'
import type { Config, Rule, RuleMaker } from './config.ts'

export interface Accepted {
  readonly vertices: readonly Vertex[]
  /** A parent that is not here: the member would ask for it. */
  readonly missing: readonly string[]
  /** Two certificates of a slot were shown to the rule. */
  readonly conflict: Vertex | undefined
}

export class Member {
  readonly self: number
  readonly #config: Config
  readonly #make: RuleMaker
  rule: Rule
  /** Accepted vertices, in the order of acceptance: the member's disk. */
  #stored: Vertex[] = []
  /** How many of them were durable when something was last said that depends on them. */
  #durable = 0
  #parked = new Map<string, Vertex>()
  /** Highest round of which stake Q is here. */
  round = 0
  proposedRound = 0
  lastOwn: Vertex | undefined
  /** What its own vertices have in their history already. Uncertified only. */
  readonly covered: Set<string> = new Set()

  constructor(self: number, config: Config, make: RuleMaker) {
    this.self = self
    this.#config = config
    this.#make = make
    this.rule = make(config.setup)
  }

  get parkedCount(): number {
    return this.#parked.size
  }

  has(key: string): boolean {
    return this.rule.dag.get(key) !== undefined || this.#parked.has(key)
  }

  /** Takes `vertex`, or nothing new, and whatever is parked and complete by now. */
  accept(vertex?: Vertex): Accepted {
    const vertices: Vertex[] = []
    const missing: string[] = []
    let conflict: Vertex | undefined
    let candidates = vertex === undefined ? [...this.#parked.values()] : [vertex]
    while (candidates.length > 0) {
      const before = vertices.length
      for (const candidate of candidates) {
        const absent = this.#firstAbsentParent(candidate)
        if (absent !== undefined) {
          this.#parked.set(candidate.key, candidate)
          if (candidate === vertex) missing.push(absent)
          continue
        }
        this.#parked.delete(candidate.key)
        if (this.#isSecondCertificate(candidate)) conflict = candidate
        const outcome = this.rule.insert(candidate)
        if (outcome !== 'added') continue
        vertices.push(candidate)
        this.#stored.push(candidate)
        if (candidate.round > this.round && this.rule.dag.stakeAt(candidate.round) >= this.#config.quorum) this.round = candidate.round
      }
      candidates = vertices.length > before ? [...this.#parked.values()] : []
    }
    return { vertices, missing, conflict }
  }

  /** Own vertices are durable before they are sent, with all they stand on. */
  propose(vertex: Vertex): Accepted {
    this.proposedRound = vertex.round
    this.lastOwn = vertex
    const accepted = this.accept(vertex)
    this.#durable = this.#stored.length
    return accepted
  }

  commit(limit?: number): readonly Commit[] {
    const gcRound = this.rule.gcRound
    const commits = this.#config.exclusions.size === 0 ? this.rule.tryCommit(limit) : this.#commitOneByOne(limit)
    if (commits.length > 0) this.#durable = this.#stored.length
    if (this.rule.gcRound > gcRound) {
      this.#stored = this.#stored.filter(({ round }) => round > this.rule.gcRound)
      this.#durable = this.#stored.length
    }
    return commits
  }

  /**
   * Stops anywhere and starts from what is durable: the last snapshot, and the vertices but for a tail that no promise depends on.
   * @param tryFirst - it stops after the rule committed and before anything of that was written or said.
   * @returns what was lost, to be received again.
   */
  crash(lostMax: number, tryFirst: boolean): readonly Vertex[] {
    const snapshot = this.rule.snapshot()
    if (tryFirst) this.rule.tryCommit()
    const kept = Math.max(this.#durable, this.#stored.length - lostMax)
    const lost = [...this.#stored.slice(kept), ...this.#parked.values()]
    this.#stored = this.#stored.slice(0, kept)
    this.#parked.clear()
    this.rule = this.#make(this.#config.setup, snapshot)
    for (const vertex of this.#stored.toSorted((a, b) => a.round - b.round || a.author - b.author)) this.rule.insert(vertex)
    return lost
  }

  /** As a core does: what commit i proves is told before commit i + 1. */
  #commitOneByOne(limit = Number.POSITIVE_INFINITY): readonly Commit[] {
    const commits: Commit[] = []
    while (commits.length < limit) {
      const [commit] = this.rule.tryCommit(1)
      if (commit === undefined) break
      commits.push(commit)
      const excluded = this.#config.exclusions.get(commit.subDag.index)
      if (excluded !== undefined) this.rule.exclude(excluded)
    }
    return commits
  }

  /** Found without the rule, which must find it too. */
  #isSecondCertificate({ round, author, key }: Vertex): boolean {
    const { dag, gcRound } = this.rule
    return this.#config.mode === 'certified' && round > gcRound && dag.slot(round, author).some((vertex) => vertex.key !== key)
  }

  #firstAbsentParent({ round, parents }: Vertex): string | undefined {
    const { gcRound, dag } = this.rule
    if (round <= gcRound) return undefined
    return parents.find((parent) => parent.round > gcRound && dag.get(parent.key) === undefined)?.key
  }
}
