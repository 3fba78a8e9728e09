/**
 * Accounts and transfers, small and deterministic: what stands above the order in a simulation, and tells by two roots whether members
 * have executed the same. Transaction: id u32 · from u8 · to u8 · amount u16 · padding. An id is taken once; a transfer that the balance
 * does not bear is refused. Both leave a receipt: who was promised an answer gets one.
 *
 * States are kept by index, so that a member whose disk lost the last ones goes on from an earlier one.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { ByteWriter, toHex } from '../../src/wire/bytes.ts'

const ACCOUNT_COUNT = 16
const OPENING_BALANCE = 1_000
export const TRANSFER_BYTES = 24

/** Whether the hex is of a transfer: system transactions are longer or shorter. */
export const isTransfer = (id: string): boolean => id.length === 2 * TRANSFER_BYTES

export type ReceiptCode = 'done' | 'duplicate' | 'refused'

export interface Receipt {
  /** Of the transaction, hex. */
  readonly id: string
  readonly code: ReceiptCode
}

interface State {
  readonly balances: readonly number[]
  readonly root: Uint8Array
}

export interface Executed {
  readonly stateRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
  readonly receipts: readonly Receipt[]
}

export function encodeTransfer(id: number, from: number, to: number, amount: number): Uint8Array {
  return new ByteWriter(TRANSFER_BYTES)
    .u32(id)
    .u8(from)
    .u8(to)
    .u16(amount)
    .raw(new Uint8Array(TRANSFER_BYTES - 8).fill(id & 0xff))
    .finish()
}

export class Accounts {
  readonly #states: State[] = [{ balances: Array.from({ length: ACCOUNT_COUNT }, () => OPENING_BALANCE), root: new Uint8Array(32) }]
  /** Index of the block that took it first. */
  readonly #takenAt = new Map<string, number>()

  /** Block `index` over the state that block `index - 1` left. */
  execute(index: number, items: readonly Uint8Array[]): Executed {
    const before = this.#states[index - 1]
    if (before === undefined) throw new Error(`block ${index} has no state below it`)
    const balances = [...before.balances]
    const receipts = items.map((bytes) => this.#apply(index, balances, bytes))
    const receiptsRoot = sha256(new TextEncoder().encode(receipts.map(({ id, code }) => `${id} ${code}`).join('\n')))
    const out = new ByteWriter(64 + 4 * ACCOUNT_COUNT).raw(before.root).raw(receiptsRoot)
    for (const balance of balances) out.u32(balance)
    const root = sha256(out.finish())
    this.#states[index] = { balances, root }
    return { stateRoot: root, receiptsRoot, receipts }
  }

  #apply(index: number, balances: number[], bytes: Uint8Array): Receipt {
    const id = toHex(bytes)
    if ((this.#takenAt.get(id) ?? index + 1) < index || this.#takenAt.get(id) === index) return { id, code: 'duplicate' }
    this.#takenAt.set(id, index)
    if (bytes.length < 8) return { id, code: 'refused' }
    const [from, to, amount] = [bytes[4]! % ACCOUNT_COUNT, bytes[5]! % ACCOUNT_COUNT, bytes[6]! + 256 * bytes[7]!]
    if (balances[from]! < amount) return { id, code: 'refused' }
    balances[from]! -= amount
    balances[to]! += amount
    return { id, code: 'done' }
  }

  /** Blocks above `index` are executed again: what they took is free. */
  rewind(index: number): void {
    for (const [id, at] of this.#takenAt) if (at > index) this.#takenAt.delete(id)
    this.#states.length = index + 1
  }
}
