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

export class Admission {
  readonly #components: AdmissionComponents
  readonly #waitingBytesMax: number

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
      else this.#verify(ticket, admissible, verifier).catch((error: unknown) => this.#components.onFailure(workerFailure(error)))
    }
    return settled
  }

  async #verify(ticket: Ticket, transactions: readonly Uint8Array[], verifier: TransactionVerifier): Promise<void> {
    const verdicts = await verifier.verify(transactions)
    const bad = new Set(transactions.filter((_, i) => verdicts[i] !== true))
    for (const [index, transaction] of ticket.transactions.entries()) {
      if (bad.has(transaction)) this.#components.submissions.refuse(ticket, index, 'CONSENSUS_BAD_TRANSACTION')
    }
    this.#enter(
      ticket,
      transactions.filter((transaction) => !bad.has(transaction)),
    )
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
