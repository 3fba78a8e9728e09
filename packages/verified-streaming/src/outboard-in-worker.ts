/**
 * Root and outboard of a file that somebody dropped on a page, made in a worker so that the page stays quick: on the page itself nothing
 * runs but the messages of progress.
 *
 * @module
 */
import type { HashProgress } from './create-outboard.ts'
import { VerifyError, type VerifyErrorCode } from './errors.ts'
import type { Outboard } from './outboard-builder.ts'

export interface OutboardInWorkerOptions {
  /** Chunk groups of 2^chunkGroupLog KiB, 0 to 10. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called on the page, at most once for every 4 MiB and at the end. */
  readonly onProgress?: ((progress: HashProgress) => void) | undefined
  /** Starts the worker, for a page that has the script elsewhere. @default this package's `outboard-worker`, found by bundlers and by URL */
  readonly createWorker?: (() => Worker) | undefined
}

/** What the page asks. */
export interface OutboardJob {
  readonly file: Blob
  readonly chunkGroupLog: number | undefined
}

/** What the worker answers. */
export type OutboardAnswer =
  | { readonly type: 'progress'; readonly progress: HashProgress }
  | { readonly type: 'done'; readonly made: Outboard }
  | { readonly type: 'failed'; readonly code: VerifyErrorCode; readonly message: string }

const startWorker = (): Worker => new Worker(new URL('./outboard-worker.js', import.meta.url), { type: 'module' })

/**
 * As `createOutboard`, in a worker of its own that ends with it.
 *
 * @throws {VerifyError} `VERIFY_READ_FAILED` when the file cannot be read any more, or the worker does not start.
 * @throws the reason of `options.signal`; the worker is ended at once.
 * @example const { root, outboard } = await createOutboardInWorker(event.dataTransfer.files[0], { onProgress: ({ bytes, total }) => (bar.value = bytes / total) })
 */
export function createOutboardInWorker(file: Blob, options: OutboardInWorkerOptions = {}): Promise<Outboard> {
  const { chunkGroupLog, signal, onProgress, createWorker = startWorker } = options
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const worker = createWorker()
    const finish = (): void => {
      signal?.removeEventListener('abort', abort)
      worker.terminate()
    }
    const fail = (error: unknown): void => {
      finish()
      reject(error)
    }
    const abort = (): void => fail(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    worker.addEventListener('message', ({ data }: MessageEvent<OutboardAnswer>) => {
      if (data.type === 'progress') return onProgress?.(data.progress)
      if (data.type === 'failed') return fail(new VerifyError(data.code, data.message))
      finish()
      resolve(data.made)
    })
    worker.addEventListener('error', ({ message }) =>
      fail(new VerifyError('VERIFY_READ_FAILED', `the worker failed: ${message ?? 'its script did not load'}`)),
    )
    worker.postMessage({ file, chunkGroupLog } satisfies OutboardJob)
  })
}
