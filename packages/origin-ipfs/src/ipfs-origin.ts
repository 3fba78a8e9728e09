/**
 * Content from trustless gateways (ipfs.md §1): one walk, driven by the CID, fed by one gateway after the other. A gateway that
 * stalls, cuts or lies is left, and the next one goes on from the offset that was verified; nothing is yielded twice.
 *
 * A CAR is asked first, one request for everything; a gateway that has none is asked for single blocks. A DAG that is wrong
 * itself (its hashes are right, its sizes are not) ends the fetch: every honest gateway has the same.
 */
import {
  type BlockPort,
  CarError,
  createVerifiedWalk,
  DEFAULT_LIMITS,
  type ByteRange,
  type Limits,
  type Scope,
  type VerifiedBlock,
  type VerifiedWalk,
} from '@selvedge/verified-car'
import { createPlatformFetch } from '#platform-fetch'
import { CID } from 'multiformats/cid'
import { createAddressPolicy } from './address-policy.ts'
import { type Attempt, OriginError, type OriginErrorCode } from './errors.ts'
import { GatewayTable } from './gateway-table.ts'
import { type IpfsOriginOptions, timeoutsOf } from './options.ts'
import type { FetchPort } from './ports.ts'
import { CAR_ACCEPT, carUrl, mediaTypeOf, parseCarType, RAW_TYPE, rawUrl } from './question.ts'
import { type Answer, openTransfer, type Progress, type TransferContext } from './transfer.ts'

export interface IpfsOriginComponents {
  /** @default Node's HTTP client with the address policy, elsewhere the platform's `fetch` */
  readonly fetch?: FetchPort
  /** Milliseconds that never go back. @default `performance.now` */
  readonly nowMs?: () => number
}

export interface IpfsFetchOptions {
  /** Only the blocks that hold these bytes of a file. */
  readonly range?: ByteRange
  /** @default 'entity' */
  readonly scope?: Scope
  readonly signal?: AbortSignal
}

export interface IpfsOrigin {
  /**
   * The blocks of `cid`, each verified, depth first, repeats included; views, valid until the next iteration. It ends normally
   * only when everything was yielded. Any CID of multiformats fits.
   * @throws {OriginError} with every attempt in `attempts` and the lower error, a `CarError` where content was wrong, in `cause`.
   * @throws the reason of `signal`, at once.
   */
  fetch(cid: { readonly bytes: Uint8Array }, options?: IpfsFetchOptions): AsyncIterable<VerifiedBlock>
  /** Ends idle connections; running fetches end by their signals. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Blocks asked for at once where a gateway has no CAR, within the 6 connections that one HTTP/1.1 server is given (ipfs.md §1.4). */
const RAW_AHEAD = 5

/** What to tell where several gateways failed in several ways: the most telling first. */
const TELLING: readonly OriginErrorCode[] = [
  'ORIGIN_BAD_CONTENT',
  'ORIGIN_TIMEOUT',
  'ORIGIN_BAD_ANSWER',
  'ORIGIN_REFUSED_ADDRESS',
  'ORIGIN_REDIRECT',
  'ORIGIN_STATUS',
  'ORIGIN_UNREACHABLE',
  'ORIGIN_NOT_FOUND',
]

/** @throws {TypeError} a listed gateway that is no URL of one. */
export function createIpfsOrigin(components: IpfsOriginComponents, options: IpfsOriginOptions): IpfsOrigin {
  const { nowMs = () => performance.now() } = components
  const timeouts = timeoutsOf(options.timeouts)
  const policy = createAddressPolicy(options.gateways)
  const table = new GatewayTable(policy.gateways)
  const platform = createPlatformFetch(policy, timeouts.connectMs)
  const context: TransferContext = { fetch: components.fetch ?? platform.fetch, policy, timeouts, nowMs }
  const limits = options.limits ?? {}

  async function* fetchBlocks(
    cid: CID,
    { range, scope = 'entity', signal }: IpfsFetchOptions,
  ): AsyncGenerator<VerifiedBlock, void, undefined> {
    const walk = createVerifiedWalk(cid, { scope, limits, ...(range === undefined ? {} : { range }) })
    const attempts: Attempt[] = []
    const failures: OriginError[] = []
    for (const gateway of table.available(nowMs())) {
      signal?.throwIfAborted()
      const startMs = nowMs()
      const progress: Progress = { url: gateway, status: undefined, bytes: 0 }
      try {
        yield* readFrom(gateway, { cid, walk, range, scope, signal, progress })
        return
      } catch (error) {
        signal?.throwIfAborted()
        const failure = originErrorOf(error, cid, gateway)
        attempts.push(attemptOf(failure, gateway, progress, nowMs() - startMs))
        failures.push(failure)
        if (failure.cause instanceof CarError && failure.cause.isFinal) break
        if (isLie(failure.cause)) table.punish(gateway, nowMs())
        if (failure.details.retryAfterMs !== undefined) table.rest(gateway, nowMs(), failure.details.retryAfterMs)
      }
    }
    throw exhausted(cid, failures, attempts, options.gateways.length)
  }

  async function* readFrom(gateway: string, fetching: Fetching): AsyncGenerator<VerifiedBlock, void, undefined> {
    const { cid, walk, range, scope, signal, progress } = fetching
    if (cid.multihash.code === IDENTITY) return yield* walk.readBlocks(rawPort(gateway, context, fetching, limits), optional({ signal }))
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const url = carUrl(gateway, cid, scope, walk.resumeRange ?? range)
      const question = { url, accept: CAR_ACCEPT, controller, progress, isComplete: () => walk.isComplete }
      const answer = await openCar(question, context)
      if (answer !== undefined) {
        const isOver = yield* readAnswer(answer, walk, signal)
        if (isOver) return
      }
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    yield* walk.readBlocks(rawPort(gateway, context, fetching, limits), { ahead: RAW_AHEAD, ...optional({ signal }) })
  }

  return {
    fetch: (cid, fetchOptions = {}) => fetchBlocks(CID.decode(cid.bytes), fetchOptions),
    stop: async () => platform.stop(),
    [Symbol.asyncDispose]: async () => platform.stop(),
  }
}

const IDENTITY = 0x00

interface Fetching {
  readonly cid: CID
  readonly walk: VerifiedWalk
  readonly range: ByteRange | undefined
  readonly scope: Scope
  readonly signal: AbortSignal | undefined
  readonly progress: Progress
}

/** Undefined where the gateway says that it has no CARs. */
async function openCar(question: Parameters<typeof openTransfer>[0], context: TransferContext): Promise<Answer | undefined> {
  try {
    const answer = await openTransfer(question, context)
    if (parseCarType(answer.contentType).isCar) return answer
    question.controller.abort() // before a byte was read: pages are not hashed
    throw new CarError('CAR_NOT_A_CAR', `${question.progress.url} answered with ${JSON.stringify(answer.contentType)} instead of a CAR`, {
      contentType: answer.contentType,
    })
  } catch (error) {
    if (error instanceof OriginError && NO_CAR_STATUSES.has(error.details.status ?? 0)) return undefined
    throw error
  }
}

const NO_CAR_STATUSES: ReadonlySet<number> = new Set([400, 406, 415, 501])

/** False where the order of the blocks was not promised and does not fit: then single blocks go on. */
async function* readAnswer(
  answer: Answer,
  walk: VerifiedWalk,
  signal: AbortSignal | undefined,
): AsyncGenerator<VerifiedBlock, boolean, undefined> {
  try {
    yield* walk.readCar(answer.body, optional({ signal }))
    return true
  } catch (error) {
    const isDisorder =
      error instanceof CarError &&
      (error.code === 'CAR_UNEXPECTED_BLOCK' || error.code === 'CAR_WRONG_ROOT' || error.code === 'CAR_TRUNCATED')
    if (isDisorder && !parseCarType(answer.contentType).isOrdered) return false
    throw error
  }
}

/** Single blocks of one gateway. Their hashes are the walk's business; their type and length are checked here. */
function rawPort(
  gateway: string,
  context: TransferContext,
  { walk, progress }: Fetching,
  { blockBytesMax = DEFAULT_LIMITS.blockBytesMax }: Limits,
): BlockPort {
  return {
    async get(cid, { signal } = {}) {
      const controller = new AbortController()
      const abort = (): void => controller.abort(signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
      try {
        const question = { url: rawUrl(gateway, cid), accept: RAW_TYPE, controller, progress, isComplete: () => walk.isComplete }
        const answer = await openTransfer(question, context)
        if (mediaTypeOf(answer.contentType) !== RAW_TYPE) {
          controller.abort()
          throw new OriginError(
            'ORIGIN_BAD_ANSWER',
            `${question.url} answered with ${JSON.stringify(answer.contentType)} instead of a block`,
            { url: question.url },
          )
        }
        return await readWhole(answer, question.url, blockBytesMax)
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    },
  }
}

async function readWhole({ body, contentLength = 0 }: Answer, url: string, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (Math.max(length, contentLength) > bytesMax) {
      throw new OriginError('ORIGIN_BAD_ANSWER', `${url} sends ${Math.max(length, contentLength)} bytes, a block has ${bytesMax} at most`, {
        url,
      })
    }
    parts.push(part)
  }
  const block = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    block.set(part, offset)
    offset += part.length
  }
  return block
}

/** Bytes that are not what their name says, as against bytes that are missing, or a DAG that is wrong by its own hashes. */
function isLie(cause: unknown): boolean {
  return cause instanceof CarError && (cause.code === 'CAR_BAD_HASH' || cause.code === 'CAR_BAD_NODE')
}

function originErrorOf(error: unknown, cid: CID, gateway: string): OriginError {
  if (error instanceof OriginError) return error
  if (!(error instanceof CarError)) throw error // a bug, or what the consumer threw into us
  return new OriginError(
    'ORIGIN_BAD_CONTENT',
    `${gateway}: ${error.code}: ${error.message}`,
    { cid: cid.toString(), gateway },
    { cause: error },
  )
}

function attemptOf({ code, cause, message }: OriginError, gateway: string, { url, status, bytes }: Progress, ms: number): Attempt {
  const attempt = { url, gateway, code: cause instanceof CarError ? cause.code : code, reason: message, ms, bytes }
  return status === undefined ? attempt : { ...attempt, status }
}

function exhausted(cid: CID, failures: readonly OriginError[], attempts: readonly Attempt[], listed: number): OriginError {
  const details = { cid: cid.toString() }
  if (failures.length === 0) {
    return new OriginError(
      'ORIGIN_NO_GATEWAY',
      listed === 0 ? 'no gateway is listed' : `all ${listed} gateways are out for a while`,
      details,
    )
  }
  const telling = failures.toSorted((a, b) => TELLING.indexOf(a.code) - TELLING.indexOf(b.code))[0]!
  const message = `${cid} could not be had from ${failures.length} of ${listed} gateways: ${telling.message}`
  return new OriginError(telling.code, message, { ...telling.details, ...details }, { cause: telling.cause ?? telling, attempts })
}

/** Without the properties that are undefined, which exact optional types do not take. */
function optional({ signal }: { signal: AbortSignal | undefined }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
