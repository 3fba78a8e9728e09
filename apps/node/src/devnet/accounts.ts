/** Balances, and what a transfer does to them. Same transfers in the same order, same digest, on every machine. */
import { createHash } from 'node:crypto'
import type { Transfer } from './transfer.ts'

export const ACCOUNTS = 256
const BALANCE_AT_GENESIS = 1_000_000

export type Verdict = 'applied' | 'unknown account' | 'number out of turn' | 'not enough'

export class Accounts {
  readonly #balances = new Float64Array(ACCOUNTS).fill(BALANCE_AT_GENESIS)
  readonly #numbers = new Uint32Array(ACCOUNTS)

  apply({ from, to, amount, number }: Transfer): Verdict {
    if (from >= ACCOUNTS || to >= ACCOUNTS) return 'unknown account'
    // Later numbers pass: a transfer between them may have been refused at a door, or come through another validator.
    if (number <= (this.#numbers[from] ?? 0)) return 'number out of turn'
    this.#numbers[from] = number
    if (amount > this.balanceOf(from)) return 'not enough'
    this.#balances[from] = this.balanceOf(from) - amount
    this.#balances[to] = this.balanceOf(to) + amount
    return 'applied'
  }

  balanceOf(account: number): number {
    return this.#balances[account] ?? 0
  }

  /** SHA-256 of all balances and numbers, in order. */
  digest(): Uint8Array {
    const bytes = new DataView(new ArrayBuffer(ACCOUNTS * 12))
    for (let i = 0; i < ACCOUNTS; i++) {
      bytes.setBigUint64(i * 12, BigInt(this.balanceOf(i)), true)
      bytes.setUint32(i * 12 + 8, this.#numbers[i] ?? 0, true)
    }
    return createHash('sha256').update(bytes).digest()
  }
}
