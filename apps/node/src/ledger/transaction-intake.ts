/**
 * Transactions that strangers bring over the connection that serves joiners. What would be refused or is not the next of its account is not
 * taken; what is good goes into the order, or on to the sources of a node without a seat. Bounded in number and in time, and the same bytes
 * cost their work once: strangers repeat themselves. Whoever is told "not taken" may try elsewhere, or later.
 */
import type { Application } from '@selvedge/application'
import { createHash } from 'node:crypto'
import type { LedgerVerdicts } from './verdicts.ts'

/** Of strangers, that are worked on at a time. */
const AT_WORK_MAX = 64
/** Transactions of strangers that are looked at: a signature each. */
const LOOKED_AT_PER_SECOND = 100
/** What was taken is remembered for so long: shorter than a pool waits before it tries again. */
const REMEMBERED_MS = 5_000
const REMEMBERED_MAX = 4_096

export interface IntakeComponents {
  readonly application: Pick<Application, 'checkAdmission'>
  /** Looks at a signature in another thread. */
  readonly judge: LedgerVerdicts['judge']
  /** Into the order when this node has a seat, on to others otherwise, `hops` times at most. Rejects when nobody took it. */
  readonly submit: (transaction: Uint8Array, hops: number) => Promise<void>
  readonly nowMs: () => number
}

export class TransactionIntake {
  readonly #components: IntakeComponents
  readonly #atWork = new Map<string, Promise<boolean>>()
  /** By id: when it was taken. In that order. */
  readonly #taken = new Map<string, number>()
  #mayLookAt = LOOKED_AT_PER_SECOND
  #countedMs = 0

  constructor(components: IntakeComponents) {
    this.#components = components
  }

  /** Whether it stands in the order of this node, or of one that it was passed on to. */
  async take(transaction: Uint8Array, hops: number): Promise<boolean> {
    const { nowMs } = this.#components
    for (const [id, atMs] of this.#taken) {
      if (nowMs() - atMs < REMEMBERED_MS && this.#taken.size <= REMEMBERED_MAX) break
      this.#taken.delete(id)
    }
    const id = createHash('sha256').update(transaction).digest('hex')
    if (this.#taken.has(id)) return true
    const known = this.#atWork.get(id)
    if (known !== undefined) return await known
    if (this.#atWork.size >= AT_WORK_MAX || !this.#mayLook()) return false
    const job = this.#bring(transaction, hops).finally(() => this.#atWork.delete(id))
    this.#atWork.set(id, job)
    const isTaken = await job
    if (isTaken) this.#taken.set(id, nowMs())
    return isTaken
  }

  #mayLook(): boolean {
    const nowMs = this.#components.nowMs()
    const earned = ((nowMs - this.#countedMs) * LOOKED_AT_PER_SECOND) / 1_000
    this.#mayLookAt = Math.min(LOOKED_AT_PER_SECOND, this.#mayLookAt + earned)
    this.#countedMs = nowMs
    if (this.#mayLookAt < 1) return false
    this.#mayLookAt--
    return true
  }

  async #bring(transaction: Uint8Array, hops: number): Promise<boolean> {
    const { application, judge, submit } = this.#components
    const admission = application.checkAdmission(transaction, await judge(transaction))
    if (admission.code !== 0 || ('isNext' in admission && !admission.isNext)) return false
    try {
      await submit(transaction, hops)
      return true
    } catch {
      return false // no room, or nobody: who brought it may try elsewhere
    }
  }
}
