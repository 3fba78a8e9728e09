/** The way of own clients' transactions to the core: what cannot wait, cannot be one or is badly signed is refused before. */
import type { EpochsEvent } from '../core/epochs-contract.ts'
import type { ConsensusError, ConsensusErrorCode } from '../errors.ts'
import type { TransactionVerifier } from '../ports.ts'
import { TRANSACTION_BYTES_MAX } from '../wire/limits.ts'
import type { Share, Submission, Submissions, Ticket } from './submissions.ts'
import { workerFailure } from './failure.ts'

export interface AdmissionComponents {
  readonly submissions: Submissions
  readonly verifier: TransactionVerifier | undefined
  readonly post: (event: EpochsEvent, shares: readonly Share[]) => void
  readonly onFailure: (failure: ConsensusError) => void
}

/**
 * Bytes that wait for a verdict, each transaction with some more: about a second of a thread. A client that overloads this node is told so
 * before a signature of his is looked at.
 */
const VERIFYING_BYTES_MAX = 2 ** 20
const OVERHEAD_BYTES = 64

/** One submission, without what was refused at once. */
interface Entry {
  readonly ticket: Ticket
  readonly transactions: readonly Uint8Array[]
}

export class Admission {
  readonly #components: AdmissionComponents
  readonly #waitingBytesMax: number
  #verifyingBytes = 0
  /** Of this turn. */
  readonly #gathered: Entry[] = []
  /** The verdicts of what was submitted before: clients' transactions enter in the order in which they were given. */
  #before: Promise<void> = Promise.resolve()

  constructor(components: AdmissionComponents, waitingBytesMax: number) {
    this.#components = components
    this.#waitingBytesMax = waitingBytesMax
  }

  submit(transactions: readonly Uint8Array[], isMember: boolean): Promise<Submission> {
    const { submissions, verifier } = this.#components
    const { ticket, settled } = submissions.open(transactions)
    if (!isMember) this.#refuseAll(ticket, 'CONSENSUS_NOT_A_MEMBER')
    else if (submissions.bytes > this.#waitingBytesMax) this.#refuseAll(ticket, 'CONSENSUS_OVERLOADED')
    else {
      const admissible = transactions.filter(({ length }, index) => {
        const isAdmissible = length > 0 && length <= TRANSACTION_BYTES_MAX
        if (!isAdmissible) submissions.refuse(ticket, index, 'CONSENSUS_BAD_TRANSACTION')
        return isAdmissible
      })
      if (verifier === undefined) this.#enter(ticket, admissible)
      else if (this.#verifyingBytes > VERIFYING_BYTES_MAX) this.#refuseLeft(ticket, admissible, 'CONSENSUS_OVERLOADED')
      else this.#gather({ ticket, transactions: admissible }, verifier)
    }
    return settled
  }

  /** What comes in one turn is looked at as one, and so comes into one batch where it fits. */
  #gather(entry: Entry, verifier: TransactionVerifier): void {
    this.#verifyingBytes += bytesOf(entry)
    this.#gathered.push(entry)
    if (this.#gathered.length > 1) return
    setImmediate(() => {
      this.#verify(this.#gathered.splice(0), verifier).catch((error: unknown) => this.#components.onFailure(workerFailure(error)))
    })
  }

  async #verify(entries: readonly Entry[], verifier: TransactionVerifier): Promise<void> {
    const transactions = entries.flatMap((entry) => entry.transactions)
    const both = Promise.all([verifier.verify(transactions, 'client'), this.#before])
    this.#before = both.then(
      () => {},
      () => {}, // whose failure it is tells of it
    )
    const [verdicts] = await both.finally(() => {
      for (const entry of entries) this.#verifyingBytes -= bytesOf(entry)
    })
    const bad = new Set(transactions.filter((_, i) => verdicts[i] !== true))
    for (const { ticket, transactions: own } of entries) {
      this.#refuse(ticket, bad, 'CONSENSUS_BAD_TRANSACTION')
      this.#enter(
        ticket,
        own.filter((transaction) => !bad.has(transaction)),
      )
    }
  }

  #refuse(ticket: Ticket, bad: ReadonlySet<Uint8Array>, code: ConsensusErrorCode): void {
    for (const [index, transaction] of ticket.transactions.entries()) {
      if (bad.has(transaction)) this.#components.submissions.refuse(ticket, index, code)
    }
  }

  #refuseLeft(ticket: Ticket, left: readonly Uint8Array[], code: ConsensusErrorCode): void {
    this.#refuse(ticket, new Set(left), code)
    this.#components.submissions.settle(ticket)
  }

  #enter(ticket: Ticket, transactions: readonly Uint8Array[]): void {
    const { submissions, post } = this.#components
    if (transactions.length > 0) post({ type: 'transactions', transactions }, [{ ticket, count: transactions.length }])
    else submissions.settle(ticket)
  }

  #refuseAll(ticket: Ticket, code: ConsensusErrorCode): void {
    const { submissions } = this.#components
    for (const index of ticket.transactions.keys()) submissions.refuse(ticket, index, code)
    submissions.settle(ticket)
  }
}

function bytesOf({ transactions }: Entry): number {
  return transactions.reduce((sum, { length }) => sum + length + OVERHEAD_BYTES, 0)
}
