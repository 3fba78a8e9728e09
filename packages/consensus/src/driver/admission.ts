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

export class Admission {
  readonly #components: AdmissionComponents
  readonly #waitingBytesMax: number
  #verifyingBytes = 0
  /** The verdicts of what was submitted before: clients' transactions keep their order, since an account's must. */
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
      else this.#verify(ticket, admissible, verifier).catch((error: unknown) => this.#components.onFailure(workerFailure(error)))
    }
    return settled
  }

  async #verify(ticket: Ticket, transactions: readonly Uint8Array[], verifier: TransactionVerifier): Promise<void> {
    const bytes = transactions.reduce((sum, { length }) => sum + length + OVERHEAD_BYTES, 0)
    this.#verifyingBytes += bytes
    const asked = verifier.verify(transactions, 'client')
    const both = Promise.all([asked, this.#before])
    this.#before = both.then(
      () => {},
      () => {}, // whose failure it is tells of it
    )
    const [verdicts] = await both.finally(() => (this.#verifyingBytes -= bytes))
    const bad = new Set(transactions.filter((_, i) => verdicts[i] !== true))
    this.#refuse(ticket, bad, 'CONSENSUS_BAD_TRANSACTION')
    this.#enter(
      ticket,
      transactions.filter((transaction) => !bad.has(transaction)),
    )
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
