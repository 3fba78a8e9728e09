/**
 * The invariants of the order over whole cores, checked at every step of every member that is honest.
 *
 * I1 agreement · I2 slot agreement · I3 integrity · I4 causal order · I5, I6 signatures (signatures.ts) · I7 roots · I8 answers ·
 * I10 memory · I11 evidence where logs part over budget · I12 schedule version · I13 time. I9 is asked for at the end of a run.
 */
import { RETRY_MS_MAX } from '../../src/core/settings.ts'
import type { Core, StoredRecord } from '../../src/core/contract.ts'
import type { Commit, Mode, Vertex } from '../../src/dag/contract.ts'
import { toHex } from '../../src/wire/bytes.ts'
import type { Authority } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'
import type { MemoryRecords } from '../support/memory-records.ts'
import type { Executed } from './executor.ts'
import { Broken, expectThat } from './invariant.ts'
import type { Member } from './member.ts'
import { GENESIS_MS } from './member.ts'
import { Signatures } from './signatures.ts'

export interface RefereeOptions {
  readonly mode: Mode
  readonly committee: TestCommittee
  readonly gcDepth: number
  readonly liars: ReadonlySet<Authority>
  readonly nowMs: () => number
}

interface Entry {
  readonly digest: string
  readonly leaderRound: number
  readonly leader: Authority
  readonly version: number
  readonly size: number
}

export interface Instant {
  readonly round: number
  readonly ms: number
}

/** Accepted by an honest member: who was told, and when. */
interface Promised extends Instant {
  readonly by: Authority
}

/** Waiting items of one author: headers, certificates, blocks, all at once. */
const WAITING_MAX = 64 + 64 + 16
/** Blocks of one slot that are taken unasked. */
const COPIES_MAX = 4

export class Referee {
  readonly options: RefereeOptions
  readonly signatures: Signatures
  readonly log: Entry[] = []
  readonly evidenceAgainst: Set<string> = new Set()
  readonly halts: string[] = []
  readonly answers: Map<string, Instant> = new Map()
  readonly #emitted: number[]
  readonly #slots = new Map<string, string>()
  readonly #ordered = new Map<string, Vertex>()
  readonly #roots: string[] = []
  readonly #promised = new Map<string, Promised>()
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
    return [...this.#promised].filter(([id, { by }]) => members.includes(by) && !this.answers.has(id)).map(([id]) => id)
  }

  get promisedCount(): number {
    return this.#promised.size
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
    this.#checkNew(commit, authority)
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
      expectThat(
        code !== 'duplicate' || !this.#promised.has(id),
        'I3',
        () => `what an honest member promised is executed twice, in block ${index}`,
      )
      if (!this.answers.has(id)) this.answers.set(id, { round: this.log[index - 1]!.leaderRound, ms: this.options.nowMs() })
    }
  }

  onAccepted(by: Authority, transactions: readonly Uint8Array[]): void {
    if (!this.isHonest(by)) return
    const since = { by, round: this.#rounds[by]!, ms: this.options.nowMs() }
    for (const bytes of transactions) this.#promised.set(toHex(bytes), since)
  }

  onEvidence(authority: Authority, bytes: Uint8Array): void {
    if (this.isHonest(authority)) this.evidenceAgainst.add(toHex(bytes))
  }

  onHalt(authority: Authority, reason: string): void {
    if (!this.isHonest(authority)) return
    this.halts.push(reason)
    expectThat(this.signatures.isOverBudget, 'I11', () => `member ${authority} halts, though a quorum is honest: ${reason}`)
  }

  /** The disk that held what `by` promised is lost, and with it the promises. */
  release(by: Authority): void {
    for (const [id, promised] of this.#promised) if (promised.by === by) this.#promised.delete(id)
  }

  /**
   * I8: promises of these members were kept within X = 2G rounds of the promise, or of the moment when the network was whole. Who was cut
   * off may be in the middle of a back-off (2.10): the longest of them is added, in time.
   */
  expectAnswered(members: readonly Authority[], whole: Instant): void {
    const roundsMax = 2 * this.options.gcDepth
    for (const [id, { by, round, ms }] of this.#promised) {
      if (!members.includes(by)) continue
      const answered = this.answers.get(id)
      expectThat(answered !== undefined, 'I8', () => `what member ${by} accepted at round ${round} was never answered`)
      const isInTime = answered.round <= Math.max(round, whole.round) + roundsMax || answered.ms <= Math.max(ms, whole.ms) + RETRY_MS_MAX
      expectThat(isInTime, 'I8', () => `what member ${by} accepted at round ${round} was answered at ${answered.round}`)
    }
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
      const name = (): string => `${vertex.round}.${vertex.author} of member ${authority}`
      if (mode === 'certified') this.signatures.expectCertified(vertex.key, authority)
      else this.signatures.expectBlock(vertex.key, authority)
      expectThat(!this.#ordered.has(vertex.key), 'I3', () => `${name()} is ordered twice`)
      const late = vertex.parents.find((parent) => parent.round > floor && !this.#ordered.has(parent.key))
      expectThat(late === undefined, 'I4', () => `${name()} comes before its parent ${late?.round}.${late?.author}`)
      this.#ordered.set(vertex.key, vertex)
    }
    expectThat(this.#ordered.has(toHex(subDag.leader.digest)), 'I4', () => `leader ${subDag.leader.round} is not in its own history`)
    this.#checkTime(subDag)
  }

  #checkTime({ leader, timestampMs }: Commit['subDag']): void {
    expectThat(timestampMs >= this.#timestampMs, 'I13', () => `time fell from ${this.#timestampMs} to ${timestampMs}`)
    const parents = this.#ordered.get(toHex(leader.digest))!.parents.filter(({ round }) => round === leader.round - 1)
    const honest = parents.filter(({ author }) => this.isHonest(author))
    const latest = Math.max(this.#timestampMs, ...honest.map(({ key }) => this.#ordered.get(key)?.createdAtMs ?? GENESIS_MS))
    if (!this.signatures.isOverBudget)
      expectThat(timestampMs <= latest, 'I13', () => `time ${timestampMs} is above every honest parent of leader ${leader.round}`)
    this.#timestampMs = timestampMs
  }
}
