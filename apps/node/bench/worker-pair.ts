/** A node that is paid, and a client of it in a worker of this process. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type OtherProcess, startProcess } from '../../../packages/handshake/bench/other-process.ts'
import { verifyPaid } from './paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'
import type { WorkerAnswer, WorkerCall, WorkerTask } from './worker-client.ts'

export interface WorkerPair {
  readonly node: OtherProcess<PaidNodeFacts>
  /** Has the content fetched, and takes it. @throws where it is not so long. */
  read(totalBytes: number): Promise<void>
  /** As of `PaidPair`. */
  close(): Promise<void>
}

/** @param size - of the random content that the node holds. */
export async function startWorkerPair(size: number): Promise<WorkerPair> {
  const node = await startProcess<PaidNodeFacts>(join(import.meta.dirname, 'paid-node.ts'), String(size))
  const { port, nodeKey, roots } = node.facts
  const task: WorkerTask = { port, nodeKey, root: roots[0]! }
  // A young generation of 1 MiB halves: the bytes that it reads lie outside of V8's heap, and are freed when objects are (decision 0028).
  const resourceLimits = { maxYoungGenerationSizeMb: 3 }
  const worker = new Worker(join(import.meta.dirname, 'worker-client.ts'), { workerData: task, resourceLimits })
  const say = (call: WorkerCall): void => worker.postMessage(call)
  const heard = async (): Promise<WorkerAnswer> => ((await once(worker, 'message')) as [WorkerAnswer])[0]

  function read(totalBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let received = 0
      const onMessage = (answer: WorkerAnswer): void => {
        if ('bytes' in answer) {
          received += answer.bytes.length
          return say('taken')
        }
        worker.off('message', onMessage).off('error', reject)
        if (received === totalBytes) resolve()
        else reject(new Error(`received ${received} of ${totalBytes} bytes`))
      }
      worker.on('message', onMessage).once('error', reject)
      say('fetch')
    })
  }

  async function close(): Promise<void> {
    const answer = heard()
    say('close')
    const closed = await answer
    if (!('signed' in closed)) throw new Error('the worker said something else')
    await worker.terminate()
    await verifyPaid(node, closed.signed)
  }

  return { node, read, close }
}
