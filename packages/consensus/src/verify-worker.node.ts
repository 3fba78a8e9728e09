/** The worker of transaction-verifier.node.ts: loads the module that knows transactions, then answers jobs. A script to be started. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Answer } from './driver/thread-pool.ts'
import type { TransactionRules, VerifyJob } from './transaction-verifier.node.ts'

const { isValidTransaction } = (await import((workerData as { module: string }).module)) as TransactionRules

/** One byte for each transaction. Whatever the module throws is a transaction that it cannot read. */
function verdictsOf({ bytes, lengths }: VerifyJob): Uint8Array {
  const verdicts = new Uint8Array(lengths.length)
  let offset = 0
  for (const [i, length] of lengths.entries()) {
    try {
      verdicts[i] = isValidTransaction(bytes.subarray(offset, offset + length)) ? 1 : 0
    } catch {
      verdicts[i] = 0
    }
    offset += length
  }
  return verdicts
}

parentPort?.on('message', ({ id, job }: { id: number; job: VerifyJob }) => {
  parentPort?.postMessage({ id, result: verdictsOf(job) } satisfies Answer<Uint8Array>)
})
