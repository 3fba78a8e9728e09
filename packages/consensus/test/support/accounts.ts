/**
 * A small executor: accounts and transfers. Transaction: id u64 · from u8 · to u8 · amount u16, little endian, 12 bytes.
 *
 * With a journal it is durable: each block is one line, written and synced before `execute` resolves, and replayed at start. It ends
 * an epoch when members of two thirds have said so, and asks for that at the block that `closeAfter` names.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import {
  type Applied,
  type ClosedBy,
  decodeSystemTransaction,
  encodeSystemTransaction,
  type EpochPlan,
  type Executed,
  type Executor,
  type NextEpoch,
  type OrderedBlock,
  planAfter,
} from '../../src/index.ts'

export const ACCOUNT_COUNT = 16
const OPENING_BALANCE = 1_000_000
export const TRANSFER_BYTES = 12

export interface Transfer {
  readonly id: bigint
  readonly from: number
  readonly to: number
  readonly amount: number
}

export function encodeTransfer({ id, from, to, amount }: Transfer): Uint8Array {
  const bytes = Buffer.alloc(TRANSFER_BYTES)
  bytes.writeBigUInt64LE(id, 0)
  bytes.writeUInt8(from, 8)
  bytes.writeUInt8(to, 9)
  bytes.writeUInt16LE(amount, 10)
  return new Uint8Array(bytes)
}

export function decodeTransfer(bytes: Uint8Array): Transfer | undefined {
  if (bytes.length < TRANSFER_BYTES) return undefined
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return { id: view.readBigUInt64LE(0), from: view.readUInt8(8), to: view.readUInt8(9), amount: view.readUInt16LE(10) }
}

export interface AccountsOptions {
  readonly genesis: EpochPlan
  /** A file: one line a block. Without one, nothing survives. */
  readonly journal?: string
  /** By epoch: after which block it is asked to end, and what follows. */
  readonly epochs?: ReadonlyMap<number, { readonly closeAfter: number; readonly next: NextEpoch }>
  /** Each block. */
  readonly onBlock?: (block: OrderedBlock, ids: readonly bigint[]) => void
}

/** What a block leaves behind. */
export interface JournalLine {
  readonly epoch: number
  readonly index: number
  readonly digest: string
  readonly timestampMs: number
  readonly isFinal: boolean
  readonly ids: readonly string[]
  readonly state: string
}

export class AccountsExecutor implements Executor {
  readonly lines: JournalLine[] = []
  /** Of transfers that were ordered, in order; a transfer that comes twice is applied once. */
  readonly ids: Set<bigint> = new Set()
  readonly balances: number[] = Array.from({ length: ACCOUNT_COUNT }, () => OPENING_BALANCE)
  readonly #options: AccountsOptions
  readonly #closers = new Set<number>()
  #applied: Applied
  #fd: number | undefined

  constructor(options: AccountsOptions) {
    this.#options = options
    this.#applied = { index: 0, plan: options.genesis }
    const { journal } = options
    if (journal === undefined) return
    if (existsSync(journal)) this.#replay(readFileSync(journal, 'utf8'), journal)
    this.#fd = openSync(journal, 'a')
  }

  lastApplied(): Applied {
    return this.#applied
  }

  execute(block: OrderedBlock): Executed {
    const { epoch, index, digest, timestampMs } = block
    const closing = this.#options.epochs?.get(epoch)
    const ids: bigint[] = []
    let closedBy: ClosedBy | undefined
    for (const item of block.items) {
      if (closedBy !== undefined) break
      if (item.type === 'system') closedBy = this.#closes(epoch, item.author, item.bytes) ? item : undefined
      else for (const transaction of item.transactions) this.#apply(decodeTransfer(transaction), ids)
    }
    const isFinal = closedBy !== undefined
    const line: JournalLine = {
      epoch,
      index,
      digest: Buffer.from(digest).toString('hex'),
      timestampMs,
      isFinal,
      ids: ids.map(String),
      state: this.digest(),
    }
    this.#note(line)
    this.#options.onBlock?.(block, ids)
    if (isFinal && closing !== undefined) {
      this.#begin(block, closing.next, closedBy)
      return { final: closing.next, closedBy }
    }
    this.#applied = { ...this.#applied, index }
    if (closing === undefined || index < closing.closeAfter) return {}
    const nextMembers = closing.next.committee.map(({ key }) => key)
    return { systemTransactions: [encodeSystemTransaction({ kind: 'readyToClose', epoch })], nextMembers }
  }

  /** Equal states have equal digests. */
  digest(): string {
    return createHash('sha256').update(JSON.stringify(this.balances)).digest('hex').slice(0, 16)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  #apply(transfer: Transfer | undefined, ids: bigint[]): void {
    if (transfer === undefined || this.ids.has(transfer.id)) return
    const { id, from, to, amount } = transfer
    this.ids.add(id)
    ids.push(id)
    const balance = this.balances[from] ?? 0
    if (balance < amount || this.balances[to] === undefined) return
    this.balances[from] = balance - amount
    this.balances[to] += amount
  }

  #closes(epoch: number, author: number, bytes: Uint8Array): boolean {
    const transaction = decodeSystemTransaction(bytes)
    if (transaction.kind !== 'readyToClose' || transaction.epoch !== epoch) return false
    this.#closers.add(author)
    const size = this.#applied.plan?.committee.length ?? 0
    return this.#closers.size * 3 > size * 2
  }

  #begin(block: Pick<OrderedBlock, 'digest' | 'timestampMs'>, next: NextEpoch, closedBy: ClosedBy | undefined): void {
    this.#closers.clear()
    this.#applied = { index: 0, plan: planAfter(block, next), closedBy }
  }

  #note(line: JournalLine): void {
    this.lines.push(line)
    if (this.#fd === undefined) return
    writeSync(this.#fd, `${JSON.stringify({ ...line, balances: this.balances, closers: [...this.#closers] })}\n`)
    fdatasyncSync(this.#fd)
  }

  #replay(text: string, journal: string): void {
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    if (whole.length < text.length) appendFileSync(journal, '\n') // a torn line stays, and is skipped
    for (const each of text.split('\n')) {
      const line = parseLine(each)
      if (line === undefined) continue
      const { balances, closers, ...noted } = line
      this.lines.push(noted)
      for (const id of line.ids) this.ids.add(BigInt(id))
      balances.forEach((balance, i) => (this.balances[i] = balance))
      this.#closers.clear()
      for (const closer of closers) this.#closers.add(closer)
      const closing = this.#options.epochs?.get(line.epoch)
      const author = line.isFinal ? closers.at(-1) : undefined // the word that completed the quorum came last
      const bytes = encodeSystemTransaction({ kind: 'readyToClose', epoch: line.epoch })
      const closedBy = author === undefined ? undefined : { author, bytes }
      if (line.isFinal && closing !== undefined)
        this.#begin({ digest: Buffer.from(line.digest, 'hex'), timestampMs: line.timestampMs }, closing.next, closedBy)
      else this.#applied = { ...this.#applied, index: line.index }
    }
  }
}

function parseLine(
  text: string,
): (JournalLine & { readonly balances: readonly number[]; readonly closers: readonly number[] }) | undefined {
  try {
    return JSON.parse(text) as ReturnType<typeof parseLine>
  } catch {
    return undefined // torn by a kill: the block was not applied
  }
}
