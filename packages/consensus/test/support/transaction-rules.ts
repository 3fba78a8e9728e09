/** What the workers of the tests check: a transfer is good while its amount is below 50,000. */
import { decodeTransfer } from './accounts.ts'

export function isValidTransaction(transaction: Uint8Array): boolean {
  const transfer = decodeTransfer(transaction)
  if (transfer === undefined) throw new RangeError('too short')
  return transfer.amount < 50_000
}
