/** What content would cost at a node, before a byte of it is fetched. */
import { CONTENT_SERVICE_ID, type ByteRange } from '@selvedge/content'
import { priceOf } from '@selvedge/delivery-acknowledgement'
import { ChunkRanges, encodedBytesOf } from '@selvedge/verified-streaming'
import { ClientError } from './errors.ts'
import type { NodeLink } from './node-link.ts'
import type { Target } from './target.ts'
import { ask } from './transfer.ts'

export interface QuoteOptions {
  /** @default everything */
  readonly range?: ByteRange | undefined
  readonly signal?: AbortSignal | undefined
}

/** At the node that answered first. A size is that node's word, and so is what follows from it: what holds is `capMicroUsd`. */
export interface Quote {
  readonly node: string
  /** Of the whole content; undefined while the node does not know it itself. */
  readonly sizeClaim: number | undefined
  /**
   * What comes over the lane at most, proofs included; undefined where neither size nor end is known. By root it is exact. By CID it is enough
   * where the leaves of the file have 4 KiB or more, up to 1 MiB: the nodes above them are reckoned as 1/32 of it and 64 KiB, and the leaves
   * that a range begins and ends in as 2 MiB.
   */
  readonly laneBytesMax: number | undefined
  /** What that costs at the prices of today, rounded up, in 10^-6 USD; 0 for a guest. */
  readonly microUsdMax: bigint | undefined
  /** Of the ledger's prices; they change with an epoch only. Undefined for a guest. */
  readonly priceVersion: number | undefined
}

const NODES_SHARE = 32
const NODES_BYTES = 65_536
const LEAVES_BYTES = 2 ** 21

/** @throws {ClientError} of the last node that was tried. */
export async function quoteOf(links: readonly NodeLink[], target: Target, options: QuoteOptions): Promise<Quote> {
  let failure: unknown
  for (const link of links) {
    try {
      return await quoteAt(link, target, options)
    } catch (error) {
      if (options.signal?.aborted === true) throw error
      failure = error
    }
  }
  throw failure
}

async function quoteAt(link: NodeLink, target: Target, { range = { start: 0 }, signal }: QuoteOptions): Promise<Quote> {
  const { start, end } = range
  const ranges = start === 0 && end === undefined ? ChunkRanges.all : ChunkRanges.fromByteRanges([range])
  const { node, answer, payment, source, close } = await ask(link, target, { ranges, isHead: true, received: { bytes: 0 }, signal })
  try {
    for await (const { length } of source) {
      if (length === 0) continue
      payment.refuse()
      throw new ClientError('CLIENT_BAD_ANSWER', `${node} sent bytes where none were asked for`, { node })
    }
  } finally {
    close()
  }
  const { size } = answer
  const { prices } = payment
  const laneBytesMax = target.kind === 'root' ? slicesOf(size, ranges) : blocksOf(size, range)
  const multiplePpm = prices?.services.find(({ serviceId }) => serviceId === CONTENT_SERVICE_ID)?.multiplePpm
  if (prices === undefined || multiplePpm === undefined) {
    const microUsdMax = laneBytesMax === undefined ? undefined : 0n
    return { node, sizeClaim: size, laneBytesMax, microUsdMax, priceVersion: undefined }
  }
  const price = laneBytesMax === undefined ? undefined : priceOf(BigInt(laneBytesMax), 0n, prices, multiplePpm)
  const microUsdMax = price === undefined ? undefined : price + 1n
  return { node, sizeClaim: size, laneBytesMax, microUsdMax, priceVersion: prices.priceVersion }
}

function slicesOf(size: number | undefined, ranges: ChunkRanges): number | undefined {
  return size === undefined ? undefined : encodedBytesOf(size, ranges)
}

function blocksOf(size: number | undefined, { start, end = size }: ByteRange): number | undefined {
  const last = size === undefined ? end : Math.min(size, end ?? size)
  if (last === undefined) return undefined
  const bytes = Math.max(0, last - start)
  const isPart = start > 0 || last !== size
  return bytes + Math.ceil(bytes / NODES_SHARE) + NODES_BYTES + (isPart ? LEAVES_BYTES : 0)
}
