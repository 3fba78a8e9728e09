/**
 * Several nodes at once: parts of one response come from up to `nodesAtOnce` of them, each verified by itself, and the reader gets one stream.
 *
 * To be handed to `createClient`, so that who asks one node does not load it.
 */
import { openDownload, type OpenDownload } from './download.ts'
import { ClientError } from './errors.ts'
import { type Clock, realClock } from './spread/clock.ts'
import { openSpread, type SpreadDecision } from './spread/spread.ts'

export type { Clock } from './spread/clock.ts'
export type { SpreadDecision } from './spread/spread.ts'

export interface SeveralNodesOptions {
  /** Of the client's nodes, the first that neither failed nor rest; the others stand in for them. @default 3 */
  readonly nodesAtOnce?: number | undefined
  /** What may be asked for ahead of the reader, and so be held for him, in bytes: at most so much and one part is in memory. @default 8 MiB */
  readonly aheadBytesMax?: number | undefined
  /** A part of which nothing has come for so long is asked of another node too. @default 200 */
  readonly patienceMs?: number | undefined
  /** Told of each decision as it is made. What it throws ends the download, and is thrown to whoever reads it. */
  readonly onDecision?: ((decision: SpreadDecision) => void) | undefined
  /** @default that of the platform */
  readonly clock?: Clock | undefined
}

const NODES_AT_ONCE = 3
const AHEAD_BYTES_MAX = 2 ** 23
/** Less would be one part, and no node beside another. */
const AHEAD_BYTES_MIN = 2 ** 20
const PATIENCE_MS = 200

/**
 * For `ClientOptions.downloads`.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`
 * @example const client = createClient({ nodes, downloads: severalNodes({ nodesAtOnce: 3 }) })
 */
export function severalNodes(options: SeveralNodesOptions = {}): OpenDownload {
  const { nodesAtOnce = NODES_AT_ONCE, aheadBytesMax = AHEAD_BYTES_MAX, patienceMs = PATIENCE_MS } = options
  const { onDecision, clock = realClock } = options
  const isCount = Number.isInteger(nodesAtOnce) && nodesAtOnce > 0 && Number.isInteger(aheadBytesMax) && aheadBytesMax >= AHEAD_BYTES_MIN
  if (!isCount || !(patienceMs > 0 && patienceMs < 2 ** 31))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `not so: ${nodesAtOnce} nodes, ${aheadBytesMax} bytes ahead, ${patienceMs} ms of patience`)
  const settings = { nodesAtOnce, aheadBytesMax, patienceMs, clock, onDecision }
  return async (links, target, getOptions) => {
    const { start, end = Number.POSITIVE_INFINITY } = getOptions.range ?? { start: 0 }
    // Of no bytes there is nothing to share out: one node proves what it is, and how long.
    return end <= start ? await openDownload(links, target, getOptions) : await openSpread(links, target, getOptions, settings)
  }
}
