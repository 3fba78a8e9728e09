/** Transactions whose signatures need nothing but their bytes: a verifier made of worker threads and a module of rules. */
import type { TransactionVerifier } from './ports.ts'
import { createTransactionWorkers, type TransactionWorkers, type TransactionWorkersOptions } from './transaction-workers.node.ts'

/**
 * Makes a verifier whose rules are another module's (`TransactionRules`). Nothing is checked in the calling thread: a validator whose
 * verifier has no answer, since a transaction ends every worker or none starts, stops with `CONSENSUS_WORKER_FAILED`. The validator starts
 * it before it takes part.
 * @example const verifier = createWorkerVerifier({ module: new URL('./rules.js', import.meta.url) })
 */
export function createWorkerVerifier(options: TransactionWorkersOptions): TransactionVerifier & Pick<TransactionWorkers, 'start' | 'stop'> {
  const workers = createTransactionWorkers(options)
  return {
    start: () => workers.start(),
    verify: async (transactions, from) => Array.from(await workers.judge(transactions, { urgency: from }), (verdict) => verdict === 1),
    stop: () => workers.stop(),
  }
}
