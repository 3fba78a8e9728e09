/**
 * Transaction signatures in worker threads. The bytes go over by transfer of one plain buffer a batch, never shared memory: native
 * signature libraries refuse that, one of them in silence.
 */
import { ThreadPool } from './driver/thread-pool.ts'
import type { TransactionVerifier } from './ports.ts'

/** What the module exports that knows what a transaction is. */
export interface TransactionRules {
  /** Whether the transaction is well formed and its own signature good: a pure function. To throw is to say no. */
  isValidTransaction(transaction: Uint8Array): boolean
}

export interface WorkerVerifierOptions {
  /** The module of the rules, to be imported by each worker: `new URL('./rules.js', import.meta.url)`. */
  readonly module: URL
  /** @default 2 */
  readonly threads?: number
}

/** Transactions end to end, and how long each is. */
export interface VerifyJob {
  readonly bytes: Uint8Array
  readonly lengths: Uint32Array
}

/**
 * Makes a verifier whose rules are another module's. Its workers start with the first job.
 * @example const verifier = createWorkerVerifier({ module: new URL('./rules.js', import.meta.url) })
 */
export function createWorkerVerifier({ module, threads = 2 }: WorkerVerifierOptions): TransactionVerifier {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js' // sources run as they are
  const script = new URL(`./verify-worker.node.${extension}`, import.meta.url)
  const pool = new ThreadPool<VerifyJob, Uint8Array>({ script, workerData: { module: module.href }, threads })
  return {
    async verify(transactions) {
      const bytes = new Uint8Array(transactions.reduce((sum, { length }) => sum + length, 0))
      let offset = 0
      for (const transaction of transactions) {
        bytes.set(transaction, offset)
        offset += transaction.length
      }
      const lengths = Uint32Array.from(transactions, ({ length }) => length)
      const verdicts = await pool.run({ bytes, lengths }, [bytes.buffer, lengths.buffer])
      return Array.from(verdicts, (verdict) => verdict === 1)
    },
    stop: () => pool.stop(),
  }
}
