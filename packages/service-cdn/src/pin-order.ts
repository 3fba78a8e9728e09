/**
 * An order to keep a file for an account, and its price: the order is itself a read of a part of the content, and what the client pays is those bytes, at
 * the price of any bytes. What it has verified of them is the proof that the node had the content in this epoch; when it has acknowledged all of them, the
 * node keeps the content to the end of the next one. So an epoch of keeping costs what a thirty-second part of the content costs to be sent, and whoever
 * pays for thirty-two has had all of it sent.
 *
 * Which part it is, the client says: it draws it anew each time, and a node that let go of a share of the content is found out by chance.
 */
import type { ChunkSpan, ServiceAnswer, ServiceContext, ServiceRequest } from '@selvedge/sdk'

/** Of the content's chunk groups, the part that an epoch of keeping has the client take: one in so many, and at least one. */
export const PIN_SHARE = 32
const CHUNK_BYTES = 1_024
/** A node sends whole groups: 16 KiB. */
const GROUP_CHUNKS = 16

/** What the account has not paid for; or has no account. */
const NOT_PAID: ServiceAnswer = { status: 402 }
/** It is no file that is here as a whole: what is kept is what was there. */
const NOT_WHOLE: ServiceAnswer = { status: 409 }
/** Less is asked for than an epoch costs. */
const TOO_LITTLE: ServiceAnswer = { status: 416 }
const NO_ROOM: ServiceAnswer = { status: 507 }

/** Chunks (1 KiB) that the ranges of an order must select of a content of `size` bytes: what a client takes, and pays for, to have it kept for an epoch. */
export function pinChunksOf(size: number): number {
  const chunks = chunksOf(size)
  return Math.min(chunks, GROUP_CHUNKS * Math.ceil(chunks / (GROUP_CHUNKS * PIN_SHARE)))
}

/** GET orders and pays, HEAD asks whether it is paid. */
export async function answerPin({ method, address, ranges }: ServiceRequest, { content, session }: ServiceContext): Promise<ServiceAnswer> {
  if (session.account === undefined) return NOT_PAID
  const { size, pin } = await content.stat(address)
  if (pin === 'unfit' || size === undefined) return NOT_WHOLE
  if (method === 'HEAD') {
    if (pin !== 'held') return NOT_PAID
  } else {
    if (pin === 'full') return NO_ROOM
    if (chunksIn(ranges, chunksOf(size)) < pinChunksOf(size)) return TOO_LITTLE
  }
  const opened = await content.open(address, { ranges, priceClass: 'pin' })
  return opened?.state === 'complete' && opened.root !== undefined ? { handle: opened.handle } : NOT_WHOLE
}

/** Nothing has one, too. */
const chunksOf = (size: number): number => Math.max(1, Math.ceil(size / CHUNK_BYTES))

/** A span that begins behind the end selects the last chunk, as proof of the size; it counts for nothing here. */
function chunksIn(ranges: readonly ChunkSpan[], chunks: number): number {
  return ranges.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(end, chunks) - start), 0)
}
