/** What the workers of the tests answer: first byte of the transaction, its length, sum of the hint. 255 ends any thread but the main one. */
import { isMainThread } from 'node:worker_threads'

export function judgeTransaction(transaction: Uint8Array, hint: Uint8Array): Uint8Array {
  if (transaction[0] === 255 && !isMainThread) process.exit(3)
  if (transaction[0] === 254) throw new RangeError('no transaction')
  return Uint8Array.of(
    transaction[0] ?? 0,
    transaction.length,
    hint.reduce((sum, byte) => sum + byte, 0),
  )
}
