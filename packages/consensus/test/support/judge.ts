/**
 * What the workers of the tests answer: first byte of the transaction, its length, sum of the hint. 255 ends its thread; 253 does too, until
 * it has ended as many as its second byte says, counted in the file whose path stands behind; 254 throws; 252 never comes to an end.
 */
import { appendFileSync, readFileSync } from 'node:fs'

export function judgeTransaction(transaction: Uint8Array, hint: Uint8Array): Uint8Array {
  if (transaction[0] === 255) process.exit(3)
  while (transaction[0] === 252);
  if (transaction[0] === 254) throw new RangeError('no transaction')
  if (transaction[0] === 253) {
    const path = new TextDecoder().decode(transaction.subarray(2))
    appendFileSync(path, '.')
    if (readFileSync(path).length <= transaction[1]!) process.exit(3)
  }
  return Uint8Array.of(
    transaction[0] ?? 0,
    transaction.length,
    hint.reduce((sum, byte) => sum + byte, 0),
  )
}
