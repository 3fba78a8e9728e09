/** Transactions whose signatures need nothing but their bytes: a verifier made of worker threads and a module of rules. */
import type { TransactionVerifier } from './ports.ts'
import { createTransactionWorkers, type TransactionWorkersOptions } from './transaction-workers.node.ts'

/**
 * Makes a verifier whose rules are another module's (`TransactionRules`). Its workers start with the first job.
 * @example const verifier = createWorkerVerifier({ module: new URL('./rules.js', import.meta.url) })
 */
export function createWorkerVerifier(options: TransactionWorkersOptions): TransactionVerifier {
  const workers = createTransactionWorkers(options)
  return {
    verify: async (transactions, from) => Array.from(await workers.judge(transactions, { urgency: from }), (verdict) => verdict === 1),
    stop: () => workers.stop(),
  }
}
