// A node that cheats about content, and whom it cheats: the real client, which reads by root and pays for what it verified.
import { type Client, type Connect, createClient, type LanePort } from '@selvedge/client'
import { decodeRequest, encodeAnswer } from '@selvedge/content'
import { connectSession, type LaneRequest } from '@selvedge/handshake'
import { ChunkRanges, createOutboard, encodeRanges } from '@selvedge/verified-streaming'
import { randomBytes } from 'node:crypto'

const SIZE = 400_000
const FLIPPED_AT = 200_000
const CLAIMED = 300_000
/** What is sent behind the end, or behind a reset. */
const GARBAGE = 100_000
/** Where the node waits for the reset. */
const HELD_AT = 163_840

export type Misdeed = 'wrong bytes' | 'a lying length' | 'bytes that nobody asked for' | 'garbage behind a reset'

/** One content, and what is done when it is asked for. */
export interface Lie {
  readonly misdeed: Misdeed
  readonly root: Uint8Array
  /** The true response, on the lane. */
  readonly response: Uint8Array
  /** Of the response, what is true of what is sent. */
  readonly trueBytes: number
  /** The node has sent what it sends before the reset. */
  readonly held: PromiseWithResolvers<void>
  /** The client has reset the lane. */
  readonly left: PromiseWithResolvers<void>
}

const TRUE_BYTES: Readonly<Record<Misdeed, (response: number) => number>> = {
  'wrong bytes': () => FLIPPED_AT,
  'a lying length': () => 0, // the first that it says is not so
  'bytes that nobody asked for': (response) => response,
  'garbage behind a reset': () => HELD_AT,
}

export async function createLie(misdeed: Misdeed): Promise<Lie> {
  const data = new Uint8Array(randomBytes(SIZE))
  const { root, outboard } = await createOutboard(data)
  const parts: Uint8Array[] = []
  for await (const part of encodeRanges({ data, outboard, root, size: SIZE }, ChunkRanges.all)) parts.push(part.slice())
  const response = new Uint8Array(Buffer.concat(parts))
  const trueBytes = TRUE_BYTES[misdeed](response.length)
  return { misdeed, root, response, trueBytes, held: Promise.withResolvers(), left: Promise.withResolvers() }
}

/** Content, by its root; what else is asked for in this world begins with a digit. */
export const isOfContent = ({ metadata }: LaneRequest): boolean => (metadata[0] ?? 0) < 0x30

export async function serveLie(lies: ReadonlyMap<string, Lie>, request: LaneRequest): Promise<void> {
  const lie = lies.get(String(decodeRequest(request.metadata).address))
  if (lie === undefined) return request.reset(20)
  const { misdeed, response, held, left } = lie
  const size = misdeed === 'a lying length' ? CLAIMED : SIZE
  const about = { chunkGroupLog: 4, root: undefined, contentType: '', mappingProof: new Uint8Array(0) }
  const lane = request.accept(encodeAnswer({ status: 200, mode: 'blake3', size, ...about }))
  const sent = response.slice()
  if (misdeed === 'wrong bytes') sent[FLIPPED_AT]! ^= 1
  try {
    if (misdeed === 'garbage behind a reset') {
      await lane.write(sent.subarray(0, HELD_AT))
      held.resolve()
      await left.promise
      return await lane.write(new Uint8Array(GARBAGE)) // the reset is on its way, and not there
    }
    await lane.write(sent)
    if (misdeed === 'bytes that nobody asked for') await lane.write(new Uint8Array(GARBAGE))
    await lane.end()
  } catch {
    // the client has left
  }
}

/** What the client read, and with what it failed, if it did. */
export interface Read {
  readonly client: Client
  readonly bytes: number
  readonly failure: string | undefined
}

/** Reads it; where garbage is to follow a reset, until the node waits for that. The client is closed then. */
export async function read(lie: Lie, options: Omit<Parameters<typeof createClient>[0], 'connect'>): Promise<Read> {
  const client = createClient({ ...options, connect: telling(lie) })
  let bytes = 0
  let failure: string | undefined
  try {
    for await (const part of await client.get(lie.root)) {
      bytes += part.bytes.length
      if (lie.misdeed !== 'garbage behind a reset') continue
      await lie.held.promise
      break
    }
  } catch (error) {
    failure = (error as { code?: string }).code ?? String(error)
  }
  await client.close()
  return { client, bytes, failure }
}

/** The node hears of a reset when it leaves the client: sooner than it can be there. */
function telling({ left }: Lie): Connect {
  return async (options) => {
    const session = await connectSession(options)
    const told = (lane: LanePort): LanePort => ({
      laneId: lane.laneId,
      metadata: lane.metadata,
      source: lane.source,
      end: () => lane.end(),
      release: (count) => lane.release?.(count),
      reset(code, reason) {
        lane.reset(code, reason)
        left.resolve()
      },
    })
    return {
      openLane: async (about) => told(await session.openLane(about)),
      settle: () => session.settle(),
      close: () => session.close(),
      closed: session.closed,
    }
  }
}
