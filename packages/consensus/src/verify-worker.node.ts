/** A worker of transaction-workers.node.ts: loads the module that knows transactions, then answers jobs. A script to be started. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Answer } from './driver/thread-pool.ts'
import { answersOf, type JudgeJob, loadJudge } from './transaction-workers.node.ts'

const judge = await loadJudge((workerData as { module: string }).module)

parentPort?.on('message', ({ id, job }: { id: number; job: JudgeJob }) => {
  parentPort?.postMessage({ id, result: answersOf(judge, job) } satisfies Answer<Uint8Array>)
})
