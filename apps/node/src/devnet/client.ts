/**
 * The devnet's users: transfers at a steady rate, spread over the validators, each followed from submission to delivery.
 *
 * A transfer counts as acknowledged when a validator said that it will be ordered whatever happens. What a validator gives back (it lost
 * its seat) goes to another one, until it is taken; what was refused and never acknowledged is not tried again.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { ACCOUNTS } from './accounts.ts'
import type { FromValidator } from './messages.ts'
import { decodeTransfer, encodeTransfer } from './transfer.ts'
import type { ValidatorProcess } from './validators.ts'

const TICK_MS = 20
/** Each validator's users have accounts of their own, so that their numbers arrive in turn; more than there can be validators. */
const USER_GROUPS = 16

/** One transfer; all that were ever submitted are kept, since a run is short. */
interface Followed {
  readonly bytes: Uint8Array
  validator: number
  sentMs: number
  isAcknowledged: boolean
  /** Word of that may come before word of its acknowledgement. */
  isReturned: boolean
  isDelivered: boolean
}

export class Client {
  readonly #perSecond: number
  readonly #processOf: (validator: number) => ValidatorProcess | undefined
  readonly #transfers = new Map<string, Followed>()
  readonly #tickets = new Map<number, readonly string[]>()
  readonly #numbers = new Uint32Array(ACCOUNTS)
  readonly #timer: NodeJS.Timeout
  /** Given back, or refused after that: acknowledged, and in no validator's hands. */
  #owed: string[] = []
  #latencies: number[] = []
  #users: readonly number[] = []
  #nextTicket = 0
  #credit = 0
  #lastMs: number = performance.now()

  constructor(perSecond: number, processOf: (validator: number) => ValidatorProcess | undefined) {
    this.#perSecond = perSecond
    this.#processOf = processOf
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  get submitted(): number {
    return this.#transfers.size
  }

  /** Ids of all transfers that some validator acknowledged. */
  get acknowledged(): readonly string[] {
    return [...this.#transfers].flatMap(([id, { isAcknowledged }]) => (isAcknowledged ? [id] : []))
  }

  /** Acknowledged and not yet delivered, by the validator that has them. */
  get pending(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>()
    for (const { validator, isAcknowledged, isDelivered } of this.#transfers.values()) {
      if (isAcknowledged && !isDelivered) counts.set(validator, (counts.get(validator) ?? 0) + 1)
    }
    return counts
  }

  /** How many of those that were submitted since then have been delivered by some validator. */
  deliveredOf(sinceMs: number): number {
    return [...this.#transfers.values()].filter(({ sentMs, isDelivered }) => sentMs >= sinceMs && isDelivered).length
  }

  /** How many `takeLatenciesMs` would give. */
  get latencyCount(): number {
    return this.#latencies.length
  }

  /** From submission to delivery at the validator that a transfer went to, of everything delivered since the last call. */
  takeLatenciesMs(): number[] {
    const taken = this.#latencies
    this.#latencies = []
    return taken
  }

  /** Who takes transfers from now on. */
  use(validators: readonly number[]): void {
    this.#users = validators
  }

  hear(validator: number, message: FromValidator): void {
    if (message.type === 'settled') this.#settle(message.ticket, message.refused)
    if (message.type === 'applied') this.#deliver(validator, message.block.ids)
    if (message.type === 'returned') this.#takeBack(message.transactions.map(idOf))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#credit += ((nowMs - this.#lastMs) * this.#perSecond) / 1000
    this.#lastMs = nowMs
    const alive = this.#users.filter((validator) => this.#processOf(validator)?.isAlive === true)
    const [first] = alive
    if (first === undefined) return void (this.#credit = 0)
    const owed = this.#owed
    this.#owed = []
    if (owed.length > 0) this.#submit(first, owed)
    const each = Math.floor(this.#credit / alive.length)
    this.#credit -= each * alive.length
    for (const validator of alive) if (each > 0) this.#submit(validator, this.#make(validator, each))
  }

  #make(validator: number, count: number): string[] {
    return Array.from({ length: count }, () => {
      const from = validator + USER_GROUPS * randomInt(ACCOUNTS / USER_GROUPS)
      const number = (this.#numbers[from] ?? 0) + 1
      this.#numbers[from] = number
      const bytes = encodeTransfer({ id: randomBytes(16), from, to: randomInt(ACCOUNTS), amount: 1 + (number % 100), number })
      const id = idOf(bytes)
      this.#transfers.set(id, { bytes, validator, sentMs: 0, isAcknowledged: false, isReturned: false, isDelivered: false })
      return id
    })
  }

  #submit(validator: number, ids: readonly string[]): void {
    const ticket = this.#nextTicket++
    this.#tickets.set(ticket, ids)
    const sentMs = performance.now()
    const transfers = ids.flatMap((id) => this.#transfers.get(id) ?? [])
    for (const transfer of transfers) {
      transfer.validator = validator
      transfer.sentMs = sentMs
    }
    this.#processOf(validator)?.tell({ type: 'submit', ticket, transactions: transfers.map(({ bytes }) => bytes) })
  }

  #settle(ticket: number, refused: readonly number[]): void {
    const isRefused = new Set(refused)
    for (const [i, id] of (this.#tickets.get(ticket) ?? []).entries()) {
      const transfer = this.#transfers.get(id)
      if (transfer === undefined) continue
      if (!isRefused.has(i)) transfer.isAcknowledged = true
      else if (transfer.isReturned) this.#owed.push(id)
    }
    this.#tickets.delete(ticket)
  }

  #takeBack(ids: readonly string[]): void {
    for (const id of ids) {
      const transfer = this.#transfers.get(id)
      if (transfer === undefined) continue
      transfer.isReturned = true
      this.#owed.push(id)
    }
  }

  #deliver(validator: number, ids: readonly string[]): void {
    const nowMs = performance.now()
    for (const id of ids) {
      const transfer = this.#transfers.get(id)
      if (transfer === undefined) continue
      transfer.isDelivered = true
      if (transfer.validator === validator) this.#latencies.push(nowMs - transfer.sentMs)
    }
  }
}

const idOf = (bytes: Uint8Array): string => Buffer.from(decodeTransfer(bytes)?.id ?? []).toString('hex')
