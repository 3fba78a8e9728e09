/** One question to one gateway: redirects, status, type, and a body in which every wait has a deadline. */
import { CarError } from '@selvedge/verified-car'
import type { AddressPolicy } from './address-policy.ts'
import { OriginError } from './errors.ts'
import type { Timeouts } from './options.ts'
import type { FetchAnswer, FetchPort } from './ports.ts'

const REDIRECTS_MAX = 3
/** How long a source may take to end after all that was wanted has come. */
const TRAILING_MS = 250

export interface TransferContext {
  readonly fetch: FetchPort
  readonly policy: AddressPolicy
  readonly timeouts: Required<Timeouts>
  readonly nowMs: () => number
}

/** What an attempt came to, for the error that lists it. */
export interface Progress {
  url: string
  status: number | undefined
  bytes: number
}

export interface Answer {
  readonly contentType: string
  readonly contentLength: number | undefined
  readonly body: AsyncIterable<Uint8Array>
}

export interface Question {
  readonly url: string
  readonly accept: string
  /** Ends the transfer, its connection included. */
  readonly controller: AbortController
  readonly progress: Progress
  /** Whether all that was wanted has come, so that the end of the body is only waited for politely. */
  readonly isComplete: () => boolean
}

/** @throws {OriginError} whatever went wrong before the first byte of the body. */
export async function openTransfer(question: Question, context: TransferContext): Promise<Answer> {
  const { controller, progress } = question
  const { firstByteMs } = context.timeouts
  const answer = await withDeadline(
    followRedirects(question, context),
    firstByteMs,
    () => new OriginError('ORIGIN_TIMEOUT', `${question.url} did not answer for ${firstByteMs} ms`, { url: question.url }),
    controller,
  )
  progress.status = answer.status
  try {
    checkStatus(answer, progress.url)
  } catch (error) {
    controller.abort() // the page that explains it is not read
    throw error
  }
  const length = answer.headers.get('content-length')
  return {
    contentType: answer.headers.get('content-type') ?? '',
    contentLength: length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    body: timedBody(answer, question, context),
  }
}

async function followRedirects({ url, accept, controller, progress }: Question, { fetch, policy }: TransferContext): Promise<FetchAnswer> {
  const headers = { Accept: accept, 'Accept-Encoding': 'identity' }
  let target = new URL(url)
  for (let hops = 0; ; hops++) {
    progress.url = target.href
    const answer = await fetch(target.href, { method: 'GET', headers, redirect: 'manual', signal: controller.signal }).catch(
      (error: unknown) => {
        throw networkError(error, target)
      },
    )
    if (answer.status < 300 || answer.status > 399) return answer
    progress.status = answer.status
    await discard(answer)
    if (hops === REDIRECTS_MAX)
      throw new OriginError('ORIGIN_REDIRECT', `${url} redirects more than ${REDIRECTS_MAX} times`, { url: target.href })
    target = policy.redirected(target, answer.headers.get('location'))
  }
}

function checkStatus({ status, headers }: FetchAnswer, url: string): void {
  if (status === 200) return
  const details = { url, status }
  if (status === 404 || status === 410 || status === 451) throw new OriginError('ORIGIN_NOT_FOUND', `${url} answered ${status}`, details)
  const retryAfter = status === 429 || status === 503 ? headers.get('retry-after') : null
  const retryAfterMs = retryAfter !== null && /^\d{1,8}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : undefined
  throw new OriginError('ORIGIN_STATUS', `${url} answered ${status}`, retryAfterMs === undefined ? details : { ...details, retryAfterMs })
}

/** Deadlines count only while we wait for the network, so that a slow reader is never taken for a slow gateway. */
async function* timedBody(
  answer: FetchAnswer,
  question: Question,
  { timeouts, nowMs }: TransferContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunksOf(answer.body)
  const { controller, progress } = question
  let waitedMs = 0
  let windowBytes = 0
  let isEnded = false
  try {
    for (;;) {
      const startMs = nowMs()
      const deadlineMs = question.isComplete() ? TRAILING_MS : timeouts.idleMs
      const timeout = (): OriginError =>
        new OriginError('ORIGIN_TIMEOUT', `${progress.url} sent nothing for ${deadlineMs} ms`, { url: progress.url })
      const step = await withDeadline(iterator.next(), deadlineMs, timeout, controller)
      if (step.done === true) {
        isEnded = true // the connection may be used again
        return
      }
      progress.bytes += step.value.length
      waitedMs += nowMs() - startMs
      windowBytes += step.value.length
      if (waitedMs >= timeouts.rateWindowMs) {
        if ((windowBytes * 1_000) / waitedMs < timeouts.bytesPerSecondMin) {
          throw new OriginError('ORIGIN_TIMEOUT', `${progress.url} sent ${windowBytes} bytes in ${Math.round(waitedMs)} ms`, {
            url: progress.url,
          })
        }
        waitedMs = 0
        windowBytes = 0
      }
      yield step.value
    }
  } catch (error) {
    if (error instanceof OriginError || controller.signal.aborted) throw error
    // A connection that breaks is a CAR that was cut (ipfs.md §1.4): what was verified stays, another gateway may go on.
    throw new CarError(
      'CAR_TRUNCATED',
      `the connection to ${progress.url} broke after ${progress.bytes} bytes`,
      { offset: progress.bytes },
      { cause: error },
    )
  } finally {
    if (!isEnded) controller.abort() // closes the connection
  }
}

/** Not every engine's ReadableStream is iterable. */
function chunksOf(body: FetchAnswer['body']): AsyncIterator<Uint8Array> {
  if (body === null) return { next: async () => ({ done: true, value: undefined }) }
  if (Symbol.asyncIterator in body) return (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  return {
    async next() {
      const { done, value } = await reader.read()
      return done ? { done: true, value: undefined } : { done: false, value }
    },
  }
}

/** Of a redirect only the headers matter. */
async function discard(answer: FetchAnswer): Promise<void> {
  const iterator = chunksOf(answer.body)
  for (let step = await iterator.next(), left = 65_536; step.done !== true && left > 0; step = await iterator.next())
    left -= step.value.length
  await iterator.return?.()
}

/**
 * Also ends what it waited for: a port that ignores its signal cannot hold us. Runs once a chunk, so it is one promise, and the error (whose
 * stack is what costs) is made only where it is thrown.
 */
function withDeadline<T>(work: Promise<T>, ms: number, errorOf: () => OriginError, controller: AbortController): Promise<T> {
  const { signal } = controller
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => controller.abort(errorOf()), ms)
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      settle()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    work.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error as Error)
      },
    )
    if (signal.aborted) abort()
  })
}

function networkError(error: unknown, url: URL): unknown {
  if (error instanceof OriginError || (error instanceof Error && error.name === 'AbortError')) return error
  return new OriginError('ORIGIN_UNREACHABLE', `no connection to ${url.origin}`, { url: url.href }, { cause: error })
}
