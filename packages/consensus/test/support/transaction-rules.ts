/** What the workers of the tests check: a transfer is good while its amount is below 50,000. One of 65,535 ends its thread. */
import { decodeTransfer } from './accounts.ts'

export function isValidTransaction(transaction: Uint8Array): boolean {
  const transfer = decodeTransfer(transaction)
  if (transfer === undefined) throw new RangeError('too short')
  if (transfer.amount === 65_535) process.exit(3)
  return transfer.amount < 50_000
}
