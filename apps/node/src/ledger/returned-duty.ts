/**
 * What this node had promised, durable in a batch of its own, when it lost its seat before that was ordered. It brings them in through whoever
 * has a seat, in the order in which they were promised, until each is executed or refused for a reason; the order itself hands them out again
 * at each start, as long as it has the records of their epoch, so nothing is written here.
 *
 * What was promised may have been ordered by others after all, so each is judged as a pool would judge it: a nonce that is used is the end,
 * one that is not yet next waits for those before it, and whatever else keeps it out may pass. Looks are counted, so everything ends.
 */
import type { Application, Verdict } from '@selvedge/application'
import { CODE_WORDS, CODES, transactionId, type Code } from '@selvedge/ledger-types'
import type { LedgerVerdicts } from './verdicts.ts'

/** Looked at in one block; the others wait behind them. */
const LOOKED_AT_MAX = 64
/** Blocks until what was taken, or was by nobody, is looked at again. */
const AGAIN_BLOCKS = 8
/** Looks until it is given up. One that waits for those before it is looked at with each block, and has all its looks again while they get on. */
const LOOKS_MAX = 128
/** Of everything that waits, in bytes: as much as batches without a commit hold (40 of 500 kB), and again as much. */
const WAITING_BYTES_MAX = 40_000_000
/** No state makes these good. */
const HOPELESS: ReadonlySet<Code> = new Set([CODES.malformed, CODES.type, CODES.chainId, CODES.signature, CODES.gasTooLow])

export interface ReturnedDutyComponents {
  readonly application: Pick<Application, 'checkAdmission' | 'lastApplied' | 'history'>
  /** Looks at a signature in another thread. */
  readonly judge: LedgerVerdicts['judge']
  /** Rejects when nobody takes it now: it is brought again. */
  readonly submit: (transaction: Uint8Array) => Promise<void>
  /** Its end: executed, or why it never will be, in words. */
  readonly onSettled: (transaction: Uint8Array, refusal: string | undefined) => void
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly id: Uint8Array
  verdict: Verdict | undefined
  /** What kept it out when it was looked at last. */
  reason: string
  looks: number
  /** How many had been settled when it was looked at last. */
  settledCount: number
  dueAt: number
}

export class ReturnedDuty {
  readonly #components: ReturnedDutyComponents
  /** By id, in the order in which they were promised. */
  readonly #waiting = new Map<string, Waiting>()
  #waitingBytes = 0
  #settledCount = 0
  #round: Promise<void> | undefined
  #isStopped = false

  constructor(components: ReturnedDutyComponents) {
    this.#components = components
  }

  /** What waits already is not added twice. */
  add(transactions: readonly Uint8Array[]): void {
    for (const transaction of transactions) {
      const id = transactionId(transaction)
      const name = Buffer.from(id).toString('hex')
      if (this.#waiting.has(name)) continue
      if (this.#waitingBytes + transaction.length > WAITING_BYTES_MAX) {
        this.#components.onSettled(transaction, `more than ${WAITING_BYTES_MAX} bytes of promised transactions wait already`)
        continue
      }
      const bytes = transaction.slice()
      this.#waiting.set(name, { bytes, id, verdict: undefined, reason: '', looks: 0, settledCount: 0, dueAt: 0 })
      this.#waitingBytes += bytes.length
    }
    this.onBlock()
  }

  /** To be called after each block. */
  onBlock(): void {
    if (this.#isStopped || this.#waiting.size === 0 || this.#round !== undefined) return
    this.#round = this.#look().finally(() => (this.#round = undefined))
  }

  /** Waits for what is on its way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#round
    this.#waiting.clear()
  }

  async #look(): Promise<void> {
    const { height } = this.#components.application.lastApplied()
    const due: [string, Waiting][] = []
    for (const each of this.#waiting) {
      if (each[1].dueAt <= height) due.push(each)
      if (due.length === LOOKED_AT_MAX) break
    }
    await Promise.all(due.map(([name, waiting]) => this.#bring(name, waiting, height)))
  }

  async #bring(name: string, waiting: Waiting, height: number): Promise<void> {
    const { application, judge } = this.#components
    if (this.#isExecuted(waiting)) return this.#settle(name, waiting, undefined)
    waiting.verdict ??= await judge(waiting.bytes).catch(() => undefined) // no thread: it is judged here
    if (this.#isStopped) return
    const admission = application.checkAdmission(waiting.bytes, waiting.verdict)
    if (admission.code === CODES.nonceTooLow) return this.#settle(name, waiting, this.#isExecuted(waiting) ? undefined : admission.words)
    const isBehindOthers = admission.code === CODES.ok && 'isNext' in admission && !admission.isNext
    if (isBehindOthers && waiting.settledCount !== this.#settledCount) waiting.looks = 0
    waiting.settledCount = this.#settledCount
    waiting.looks++
    waiting.dueAt = height + (isBehindOthers ? 1 : AGAIN_BLOCKS)
    if (isBehindOthers) waiting.reason = CODE_WORDS[CODES.nonceTooHigh]
    else waiting.reason = admission.code === CODES.ok ? await this.#submitted(waiting.bytes) : admission.words
    if (waiting.looks >= LOOKS_MAX || HOPELESS.has(admission.code)) this.#settle(name, waiting, waiting.reason)
  }

  /** @returns why it is not executed yet. */
  #submitted(bytes: Uint8Array): Promise<string> {
    return this.#components.submit(bytes).then(
      () => 'the order took it and did not execute it',
      (error: unknown) => (error instanceof Error ? error.message : String(error)), // no room, or nobody: it is brought again
    )
  }

  #isExecuted({ id }: Waiting): boolean {
    return this.#components.application.history.placeOf(id) !== undefined
  }

  #settle(name: string, waiting: Waiting, refusal: string | undefined): void {
    if (this.#isStopped || !this.#waiting.delete(name)) return
    this.#waitingBytes -= waiting.bytes.length
    this.#settledCount++
    this.#components.onSettled(waiting.bytes, refusal)
  }
}
