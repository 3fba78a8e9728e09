/**
 * The invariants of the order over whole cores, checked at every step of every member that is honest.
 *
 * I1 agreement · I2 slot agreement · I3 integrity · I4 causal order · I5, I6 signatures (signatures.ts) · I7 roots · I8 answers ·
 * I10 memory · I11 evidence or a halt over budget · I12 schedule version · I13 time. I8, I9 and I11 are asked for at the end of a run.
 */
import type { Core, StoredRecord } from '../../src/core/contract.ts'
import type { Commit, Mode, Vertex } from '../../src/dag/contract.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { decodeEvidence } from '../../src/wire/evidence.ts'
import type { Authority } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'
import type { MemoryRecords } from '../support/memory-records.ts'
import { type Executed, isTransfer } from './executor.ts'
import { Broken, expectThat } from './invariant.ts'
import type { Member } from './member.ts'
import { GENESIS_MS } from './member.ts'
import { Signatures } from './signatures.ts'

export interface RefereeOptions {
  readonly mode: Mode
  readonly committee: TestCommittee
  readonly gcDepth: number
  readonly liars: ReadonlySet<Authority>
}

interface Entry {
  readonly digest: string
  readonly leaderRound: number
  readonly leader: Authority
  readonly version: number
  readonly size: number
}

/** Accepted by an honest member: who was told, and at which round. */
export interface Promised {
  readonly by: Authority
  readonly round: number
}

/** Waiting items of one author: headers, certificates, blocks, all at once. */
const WAITING_MAX = 64 + 64 + 16
/** Blocks of one slot, on the average of a round. Unasked no more are taken; a third comes in by name, and its honest namers have one each. */
const COPIES_MAX = 2

export class Referee {
  readonly options: RefereeOptions
  readonly signatures: Signatures
  readonly log: Entry[] = []
  readonly evidenceAgainst: Set<string> = new Set()
  readonly halts: string[] = []
  /** By transaction: round of the leader that brought its receipt. */
  readonly answers: Map<string, number> = new Map()
  /** All that was ordered, by key. */
  readonly ordered: Map<string, Vertex> = new Map()
  /** By transaction, of honest members. */
  readonly promised: Map<string, Promised> = new Map()
  readonly #emitted: number[]
  readonly #slots = new Map<string, string>()
  readonly #roots: string[] = []
  readonly #rounds: number[]
  /** Logs have parted: allowed over budget alone, and only with evidence. */
  hasParted = false
  #timestampMs = GENESIS_MS
  duplicates = 0

  constructor(options: RefereeOptions) {
    const { length } = options.committee.members
    this.options = options
    this.signatures = new Signatures(options.committee)
    this.#emitted = Array.from({ length }, () => 0)
    this.#rounds = Array.from({ length }, () => 0)
    for (const liar of options.liars) this.signatures.excuse(liar)
    this.signatures.isOverBudget = 3 * options.liars.size >= length
  }

  /** Highest round of a quorum that an honest member has. */
  get round(): number {
    return Math.max(...this.#rounds)
  }

  isHonest(authority: Authority): boolean {
    return !this.options.liars.has(authority)
  }

  emittedBy(authority: Authority): number {
    return this.#emitted[authority]!
  }

  /** Promised by one of `members` and not answered. */
  openOf(members: readonly Authority[]): string[] {
    return [...this.promised].filter(([id, { by }]) => members.includes(by) && !this.answers.has(id)).map(([id]) => id)
  }

  onFrame(from: Authority, frame: Uint8Array): void {
    this.signatures.onFrame(from, frame)
  }

  onDurable(authority: Authority, records: readonly StoredRecord[]): void {
    if (this.isHonest(authority)) for (const record of records) this.signatures.onDurable(authority, record)
  }

  /** What a crash left is what may be said next: it binds like what was said. */
  onBoot(authority: Authority, records: MemoryRecords, applied: number): void {
    this.#emitted[authority] = applied
    if (!this.isHonest(authority)) return
    for (const kind of ['proposed', 'voted', 'block', 'checkpoint'] as const) {
      for (const record of records.entries(kind)) this.signatures.onDurable(authority, record)
    }
  }

  onStep({ authority }: Member, core: Core): void {
    const { gcDepth, committee } = this.options
    const { round, gcRound, waiting, vertices, done, lastCommittedRound } = core.gauges
    if (!this.isHonest(authority)) return
    this.#rounds[authority] = round
    const { length } = committee.members
    expectThat(waiting <= length * (WAITING_MAX + 4 * gcDepth), 'I10', () => `member ${authority} holds ${waiting} that wait`)
    const doneMax = length * COPIES_MAX * Math.max(0, lastCommittedRound - gcRound)
    expectThat(done <= doneMax, 'I10', () => `member ${authority} remembers ${done} commits`)
    const heldMax = length * COPIES_MAX * Math.max(0, round + 1 + 4 * gcDepth + 64 - gcRound)
    expectThat(vertices <= heldMax, 'I10', () => `member ${authority} holds ${vertices} vertices`)
  }

  onEmit(authority: Authority, commit: Commit): void {
    if (!this.isHonest(authority)) return
    const { subDag, digest, vertices } = commit
    const { index } = subDag
    expectThat(index === this.#emitted[authority]! + 1, 'I1', () => `member ${authority} emits ${index} after ${this.#emitted[authority]}`)
    this.#emitted[authority] = index
    const known = this.log[index - 1]
    const key = toHex(digest)
    if (known !== undefined && known.digest !== key) return this.#part(authority, index, known.version !== subDag.scheduleVersion)
    this.#checkSlot(commit, authority)
    if (known !== undefined) return
    if (!this.hasParted) this.#checkNew(commit, authority) // after it there is no one history to hold a commit against
    const { round, author } = subDag.leader
    this.log.push({ digest: key, leaderRound: round, leader: author, version: subDag.scheduleVersion, size: vertices.length })
  }

  onExecution(authority: Authority, index: number, before: number): void {
    expectThat(index === before + 1, 'I1', () => `member ${authority} is given block ${index} after ${before}`)
  }

  onExecuted(authority: Authority, index: number, { stateRoot, receiptsRoot, receipts }: Executed): void {
    if (!this.isHonest(authority) || this.hasParted) return
    const roots = `${toHex(stateRoot)} ${toHex(receiptsRoot)}`
    const before = this.#roots[index]
    this.#roots[index] = roots
    expectThat((before ?? roots) === roots, 'I7', () => `member ${authority} has other roots after block ${index}`)
    if (before !== undefined) return
    for (const { id, code } of receipts) {
      if (code === 'duplicate') this.duplicates++
      const mayComeTwice = isTransfer(id) && !this.promised.has(id) // a liar's: its batches may hold what others' do
      expectThat(
        code !== 'duplicate' || mayComeTwice,
        'I3',
        () => `what an honest member promised, or the order counts once, is executed twice, in block ${index}`,
      )
      if (!this.answers.has(id)) this.answers.set(id, this.log[index - 1]!.leaderRound)
    }
  }

  onAccepted(by: Authority, transactions: readonly Uint8Array[]): void {
    if (!this.isHonest(by)) return
    const since = { by, round: this.#rounds[by]! }
    for (const bytes of transactions) this.promised.set(toHex(bytes), since)
  }

  onEvidence(authority: Authority, bytes: Uint8Array): void {
    if (!this.isHonest(authority)) return
    const { signer } = decodeEvidence(bytes)
    expectThat(this.signatures.isExcused(signer), 'I6', () => `member ${signer} is honest, and member ${authority} finds it guilty`)
    this.evidenceAgainst.add(toHex(bytes))
  }

  onHalt(authority: Authority, reason: string): void {
    if (!this.isHonest(authority)) return
    this.halts.push(reason)
    expectThat(this.signatures.isOverBudget, 'I11', () => `member ${authority} halts, though a quorum is honest: ${reason}`)
  }

  /** The disk that held what `by` promised is lost, and with it the promises. */
  release(by: Authority): void {
    for (const [id, promised] of this.promised) if (promised.by === by) this.promised.delete(id)
  }

  /** I9: the logs of `members` are equal, and longer than `before`. */
  isOneAbove(members: readonly Authority[], before: number): boolean {
    const { length } = this.log
    return length > before && members.every((authority) => this.#emitted[authority] === length)
  }

  /**
   * I8: promises of these members were kept within X = 2G rounds of the promise, or of round `whole`, when the network became so. Where one
   * was not, it was within X and the rounds of a fair phase from round `backedOff` on, when the longest back-off that was under way is over:
   * what was lost is said again after so much time (2.10), while rounds go by, and what was orphaned then after four rounds more (2.7).
   * @returns how many came so late.
   */
  expectAnswered(members: readonly Authority[], whole: number, backedOff: (by: Authority) => number, fairRounds: number): number {
    const roundsMax = 2 * this.options.gcDepth
    let late = 0
    for (const [id, { by, round }] of this.promised) {
      if (!members.includes(by)) continue
      const answeredAt = this.answers.get(id)
      expectThat(answeredAt !== undefined, 'I8', () => `what member ${by} accepted at round ${round} was never answered`)
      if (answeredAt <= Math.max(round, whole) + roundsMax) continue
      const isInTime = answeredAt <= Math.max(whole, backedOff(by)) + roundsMax + fairRounds
      expectThat(isInTime, 'I8', () => `what member ${by} accepted at round ${round} was answered at ${answeredAt}, whole at ${whole}`)
      late++
    }
    return late
  }

  #part(authority: Authority, index: number, isVersion: boolean): void {
    if (!this.signatures.isOverBudget) throw new Broken(isVersion ? 'I12' : 'I1', `member ${authority} has another block ${index}`)
    this.hasParted = true
  }

  #checkSlot({ subDag }: Commit, authority: Authority): void {
    const { round, author, digest } = subDag.leader
    const slot = `${round}.${author}`
    const key = toHex(digest)
    const before = this.#slots.get(slot) ?? key
    this.#slots.set(slot, before)
    if (!this.signatures.isOverBudget) expectThat(before === key, 'I2', () => `member ${authority} decides ${slot} differently`)
  }

  #checkNew({ subDag, vertices }: Commit, authority: Authority): void {
    const { mode, gcDepth } = this.options
    const floor = Math.max(0, subDag.leader.round - gcDepth)
    for (const vertex of vertices) {
      expectThat(vertex.round > floor, 'I4', () => `${vertex.round}.${vertex.author} is ordered at or below the floor ${floor}`)
      const name = (): string => `${vertex.round}.${vertex.author} of member ${authority}`
      if (mode === 'certified') this.signatures.expectCertified(vertex.key, authority)
      else this.signatures.expectBlock(vertex.key, authority)
      expectThat(!this.ordered.has(vertex.key), 'I3', () => `${name()} is ordered twice`)
      const late = vertex.parents.find((parent) => parent.round > floor && !this.ordered.has(parent.key))
      expectThat(late === undefined, 'I4', () => `${name()} comes before its parent ${late?.round}.${late?.author}`)
      this.ordered.set(vertex.key, vertex)
    }
    expectThat(this.ordered.has(toHex(subDag.leader.digest)), 'I4', () => `leader ${subDag.leader.round} is not in its own history`)
    this.#checkTime(subDag)
  }

  #checkTime({ leader, timestampMs }: Commit['subDag']): void {
    expectThat(timestampMs >= this.#timestampMs, 'I13', () => `time fell from ${this.#timestampMs} to ${timestampMs}`)
    const parents = this.ordered.get(toHex(leader.digest))!.parents.filter(({ round }) => round === leader.round - 1)
    const honest = parents.filter(({ author }) => this.isHonest(author))
    const latest = Math.max(this.#timestampMs, ...honest.map(({ key }) => this.ordered.get(key)?.createdAtMs ?? GENESIS_MS))
    if (!this.signatures.isOverBudget)
      expectThat(timestampMs <= latest, 'I13', () => `time ${timestampMs} is above every honest parent of leader ${leader.round}`)
    this.#timestampMs = timestampMs
  }
}
