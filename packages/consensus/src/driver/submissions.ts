/**
 * Own clients' transactions between `submit` and the word that they are durable in a batch.
 *
 * The core tells of transactions by their number, oldest first, so what waits is a queue of (ticket, count). All of this is kept in step
 * with the core at the moment of a step; only the answer to the client waits until what it rests on is durable.
 */
import type { ConsensusError, ConsensusErrorCode } from '../errors.ts'

export interface Refusal {
  /** Place in what was submitted. */
  readonly index: number
  /** `CONSENSUS_OVERLOADED`, `CONSENSUS_BAD_TRANSACTION`, `CONSENSUS_NOT_A_MEMBER` */
  readonly code: ConsensusErrorCode
}

/** What became of the transactions of one `submit`. */
export interface Submission {
  /** So many are durable here and will be ordered, whatever happens to this process. */
  readonly accepted: number
  readonly refused: readonly Refusal[]
}

/** One `submit`. */
export interface Ticket {
  readonly transactions: readonly Uint8Array[]
  readonly refused: Refusal[]
  accepted: number
  /** Neither accepted nor refused. */
  left: number
  bytes: number
  readonly resolve: (submission: Submission) => void
  readonly reject: (error: unknown) => void
}

export interface Share {
  readonly ticket: Ticket
  readonly count: number
}

/** Counted for each transaction, so that many tiny ones fill the limit too. */
const OVERHEAD_BYTES = 64

export class Submissions {
  /** What the core has and has not told of, in its order. */
  #waiting: Share[] = []
  readonly #open = new Set<Ticket>()
  /** Of transactions that were neither accepted nor refused, with what each costs beside its bytes. */
  bytes = 0

  open(transactions: readonly Uint8Array[]): { readonly ticket: Ticket; readonly settled: Promise<Submission> } {
    const bytes = transactions.reduce((sum, { length }) => sum + length + OVERHEAD_BYTES, 0)
    let ticket: Ticket | undefined
    const settled = new Promise<Submission>((resolve, reject) => {
      ticket = { transactions, refused: [], accepted: 0, left: transactions.length, bytes, resolve, reject }
    })
    const opened = ticket as unknown as Ticket // the promise has run its function by now
    this.#open.add(opened)
    this.bytes += bytes
    return { ticket: opened, settled }
  }

  refuse(ticket: Ticket, index: number, code: ConsensusErrorCode): void {
    ticket.refused.push({ index, code })
    ticket.left -= 1
  }

  /** Those that the core took, in this order; `refused` are those of them that it did not take after all, in this order too. */
  enter(shares: readonly Share[], refused: readonly Uint8Array[], code: ConsensusErrorCode): void {
    let next = 0
    for (const { ticket, count } of shares) {
      const before = next
      if (next < refused.length) {
        for (const [index, transaction] of ticket.transactions.entries()) {
          if (transaction !== refused[next]) continue
          this.refuse(ticket, index, code)
          next += 1
        }
      }
      const left = count - (next - before)
      if (left > 0) this.#waiting.push({ ticket, count: left })
      this.settle(ticket)
    }
  }

  /** The oldest `count` that wait, which then do not wait any more. */
  take(count: number): Share[] {
    const taken: Share[] = []
    for (let left = count; left > 0; ) {
      const first = this.#waiting[0]
      if (first === undefined) break
      const share = Math.min(left, first.count)
      taken.push({ ticket: first.ticket, count: share })
      left -= share
      if (share === first.count) this.#waiting.shift()
      else this.#waiting[0] = { ticket: first.ticket, count: first.count - share }
    }
    return taken
  }

  accept(shares: readonly Share[]): void {
    for (const { ticket, count } of shares) {
      ticket.accepted += count
      ticket.left -= count
      this.settle(ticket)
    }
  }

  /** Refuses what is left of these. */
  refuseAll(shares: readonly Share[], code: ConsensusErrorCode): void {
    for (const { ticket, count } of shares) {
      const isRefused = new Set(ticket.refused.map(({ index }) => index))
      const waiting = ticket.transactions.flatMap((_, index) => (isRefused.has(index) ? [] : [index])).slice(ticket.accepted) // told in order
      for (const index of waiting.slice(0, count)) this.refuse(ticket, index, code)
      this.settle(ticket)
    }
  }

  /** Answers a ticket of which nothing is left. */
  settle(ticket: Ticket): void {
    if (ticket.left > 0 || !this.#open.delete(ticket)) return
    this.bytes -= ticket.bytes
    ticket.resolve({ accepted: ticket.accepted, refused: ticket.refused.toSorted((a, b) => a.index - b.index) })
  }

  /** Nothing is answered any more but by this error. */
  close(error: ConsensusError): void {
    for (const ticket of this.#open) ticket.reject(error)
    this.#open.clear()
    this.#waiting = []
    this.bytes = 0
  }
}
