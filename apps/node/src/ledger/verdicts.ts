/** Signatures of the ledger's transactions, checked in threads: for the order before they are in a batch, for the state machine before a block. */
import { createVerdicts, nodes, type Application, type Verdicts } from '@selvedge/application'
import { createTransactionWorkers } from '@selvedge/consensus'
import { availableParallelism } from 'node:os'

export interface LedgerVerdicts extends Verdicts {
  /** Before anything is judged. @throws {ConsensusError} `CONSENSUS_WORKER_FAILED` where no thread starts */
  start(): Promise<void>
  /** Ends the threads. */
  stop(): Promise<void>
}

/** @param onWorkerFailure - a thread ended by itself; its work goes on in another. */
export function createLedgerVerdicts(application: Application, onWorkerFailure: (error: unknown) => void = () => {}): LedgerVerdicts {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js' // sources run as they are
  const workers = createTransactionWorkers({
    module: new URL(`./verdict-rules.${extension}`, import.meta.url),
    threads: Math.max(1, availableParallelism() - 1), // one core is the order's own
    onWorkerFailure,
  })
  const nodeKeyOf = (nodeIndex: number): Uint8Array | undefined => application.state.get(nodes, nodeIndex)?.nodeKey
  const verdicts = createVerdicts({ judge: workers, nodeKeyOf })
  return {
    verify: (transactions, from) => verdicts.verify(transactions, from),
    judge: (transaction) => verdicts.judge(transaction),
    withVerdicts: (items, options) => verdicts.withVerdicts(items, options),
    get size() {
      return verdicts.size
    },
    start: () => workers.start(),
    stop: () => workers.stop(),
  }
}
