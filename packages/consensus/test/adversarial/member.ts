/** An honest member as far as the order goes: it accepts what is complete, parks the rest, commits, crashes and comes back. */
import type { Commit, Vertex, VertexReference } from '../../src/dag/contract.ts'
import type { Config, Rule, RuleMaker } from './config.ts'

interface Draft {
  readonly vertices: Vertex[]
  conflict: Vertex | undefined
}

export interface Accepted {
  readonly vertices: readonly Vertex[]
  /** A parent that is not here: the member would ask for it. */
  readonly missing: readonly string[]
  /** Two certificates of a slot were shown to the rule. */
  readonly conflict: Vertex | undefined
}

/** What waits for a parent, and one that it still waited for when it was looked at last: while that is not here, nothing else need be. */
interface Parked {
  readonly vertex: Vertex
  absent: VertexReference
}

const NOTHING: Accepted = { vertices: [], missing: [], conflict: undefined }

export class Member {
  readonly self: number
  readonly #config: Config
  readonly #make: RuleMaker
  rule: Rule
  /** Accepted vertices, in the order of acceptance: the member's disk. */
  #stored: Vertex[] = []
  /** How many of them were durable when something was last said that depends on them. */
  #durable = 0
  #parked = new Map<string, Parked>()
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
    if (vertex === undefined && this.#parked.size === 0) return NOTHING
    const accepted: Draft = { vertices: [], conflict: undefined }
    if (vertex !== undefined) {
      const absent = this.#firstAbsentParent(vertex)
      if (absent !== undefined) {
        this.#parked.set(vertex.key, { vertex, absent })
        return { ...NOTHING, missing: [absent.key] }
      }
      this.#insert(vertex, accepted)
    }
    const { vertices } = accepted
    for (let before = -1; this.#parked.size > 0 && before < vertices.length && (vertex === undefined || vertices.length > 0); ) {
      before = vertices.length
      for (const parked of this.#parked.values()) if (!this.#isWaiting(parked)) this.#insert(parked.vertex, accepted)
    }
    return { vertices, missing: [], conflict: accepted.conflict }
  }

  #insert(vertex: Vertex, accepted: Draft): void {
    this.#parked.delete(vertex.key)
    if (this.#isSecondCertificate(vertex)) accepted.conflict = vertex
    if (this.rule.insert(vertex) !== 'added') return
    accepted.vertices.push(vertex)
    this.#stored.push(vertex)
    if (vertex.round > this.round && this.rule.dag.stakeAt(vertex.round) >= this.#config.quorum) this.round = vertex.round
  }

  #isWaiting(parked: Parked): boolean {
    const { gcRound, dag } = this.rule
    const { vertex, absent } = parked
    if (vertex.round > gcRound && absent.round > gcRound && dag.get(absent.key) === undefined) return true
    const next = this.#firstAbsentParent(vertex)
    if (next === undefined) return false
    parked.absent = next
    return true
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
    const lost = [...this.#stored.slice(kept), ...[...this.#parked.values()].map(({ vertex }) => vertex)]
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

  #firstAbsentParent({ round, parents }: Vertex): VertexReference | undefined {
    const { gcRound, dag } = this.rule
    if (round <= gcRound) return undefined
    return parents.find((parent) => parent.round > gcRound && dag.get(parent.key) === undefined)
  }
}
