/** The worker of outboard-in-worker.ts: one job, then its end. A script to be started, not a module to be imported. */
import { createOutboard, type HashProgress } from './create-outboard.ts'
import { VerifyError } from './errors.ts'
import type { OutboardAnswer, OutboardJob } from './outboard-in-worker.ts'

/** What of a worker's global object is needed: this package's types are the page's. */
const page = globalThis as unknown as {
  onmessage: ((event: MessageEvent<OutboardJob>) => void) | null
  postMessage(answer: OutboardAnswer, transfer?: Transferable[]): void
}

/** Bytes between two messages of progress. */
const PROGRESS_BYTES = 4 * 2 ** 20

async function work({ file, chunkGroupLog }: OutboardJob): Promise<void> {
  let said = 0
  const onProgress = (progress: HashProgress): void => {
    if (progress.bytes - said < PROGRESS_BYTES && progress.bytes !== progress.total) return
    said = progress.bytes
    page.postMessage({ type: 'progress', progress })
  }
  try {
    const made = await createOutboard(file, { chunkGroupLog, onProgress })
    page.postMessage({ type: 'done', made }, [made.outboard.buffer])
  } catch (error) {
    const { code, message } = error instanceof VerifyError ? error : { code: 'VERIFY_READ_FAILED' as const, message: String(error) }
    page.postMessage({ type: 'failed', code, message })
  }
}

page.onmessage = ({ data }) => void work(data)
