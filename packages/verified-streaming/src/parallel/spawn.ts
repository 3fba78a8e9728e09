/**
 * Starting a worker wherever there are any: `Worker` of the web platform (browsers, Deno, Bun), else Node's worker threads,
 * reached without an import so that no bundler for browsers trips over them.
 */
import { nodeWorkerSource, type WorkerAnswer, type WorkerRequest, webWorkerSource } from './worker-source.ts'

export interface Worker {
  post(request: WorkerRequest): void
  terminate(): void
}

export interface WorkerEvents {
  onAnswer(answer: WorkerAnswer): void
  onError(error: unknown): void
}

interface WebWorker {
  postMessage(message: unknown): void
  terminate(): void
  onmessage: ((event: { readonly data: WorkerAnswer }) => void) | null
  onerror: ((event: { readonly message?: string; preventDefault?(): void }) => void) | null
}

interface NodeWorker {
  postMessage(message: unknown): void
  terminate(): Promise<number>
  on(event: 'message', listener: (answer: WorkerAnswer) => void): void
  on(event: 'error', listener: (error: unknown) => void): void
}

interface Host {
  readonly Worker?: new (url: string, options: { type: 'module' }) => WebWorker
  readonly process?: { getBuiltinModule?(name: string): unknown }
  readonly navigator?: { readonly hardwareConcurrency?: number }
}

const host = globalThis as unknown as Host

interface NodeThreads {
  readonly Worker: new (source: string, options: { eval: true; execArgv: readonly string[] }) => NodeWorker
}

const nodeThreads = (): NodeThreads | undefined => host.process?.getBuiltinModule?.('node:worker_threads') as NodeThreads | undefined

/** Whether a worker can read from a file descriptor of this process. */
export const canReadDescriptors = (): boolean => host.Worker === undefined && nodeThreads() !== undefined

/** Workers that this host runs side by side, at most `max`; 0 where there are none, or no memory to share with them. */
export function workerCountMax(max: number): number {
  if (typeof SharedArrayBuffer !== 'function' || (host.Worker === undefined && nodeThreads() === undefined)) return 0
  return Math.min(max, host.navigator?.hardwareConcurrency ?? osParallelism())
}

function osParallelism(): number {
  const os = host.process?.getBuiltinModule?.('node:os') as { availableParallelism?(): number } | undefined
  return os?.availableParallelism?.() ?? 2
}

/** @throws whatever the host throws where workers are forbidden; some hosts report it to `onError` instead. */
export function spawnWorker({ onAnswer, onError }: WorkerEvents): Worker {
  if (host.Worker !== undefined) {
    const url = URL.createObjectURL(new Blob([webWorkerSource()], { type: 'text/javascript' }))
    const worker = new host.Worker(url, { type: 'module' })
    worker.onmessage = ({ data }) => onAnswer(data)
    worker.onerror = (event) => {
      event.preventDefault?.()
      onError(new Error(event.message ?? 'a hashing worker failed'))
    }
    return {
      post: (request) => worker.postMessage(request),
      terminate() {
        worker.terminate()
        URL.revokeObjectURL(url)
      },
    }
  }
  const threads = nodeThreads()
  if (threads === undefined) throw new Error('this host has no workers')
  // Without the flags of the process: `--input-type=module` would read the source as a module, and what `--import` names is not needed here.
  const worker = new threads.Worker(nodeWorkerSource(), { eval: true, execArgv: [] })
  worker.on('message', onAnswer)
  worker.on('error', onError)
  return { post: (request) => worker.postMessage(request), terminate: () => void worker.terminate() }
}
