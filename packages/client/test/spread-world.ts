/** What the tests of several nodes share: a clock that stands until it is moved, nodes that can be cut off, and a reader who counts what he waits. */
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { connectSession } from '@selvedge/handshake'
import type { Connect, Download, LanePort, NodeAddress } from '../src/index.ts'
import { type Clock, severalNodes, type SeveralNodesOptions, type SpreadDecision } from '../src/several-nodes.ts'

export class ManualClock implements Clock {
  #nowMs = 1_000
  readonly #wakes = new Set<{ readonly atMs: number; readonly wake: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }
  wakeAt(atMs: number, wake: () => void): () => void {
    const entry = { atMs, wake }
    this.#wakes.add(entry)
    return () => this.#wakes.delete(entry)
  }
  advance(ms: number): void {
    this.#nowMs += ms
    for (const entry of this.#wakes) {
      if (entry.atMs > this.#nowMs || !this.#wakes.delete(entry)) continue
      entry.wake()
    }
  }
}

/** Decisions as they were made, and the strategy that tells of them. */
export function watched(options: SeveralNodesOptions = {}): {
  readonly downloads: ReturnType<typeof severalNodes>
  readonly decisions: SpreadDecision[]
} {
  const decisions: SpreadDecision[] = []
  return { decisions, downloads: severalNodes({ ...options, onDecision: (decision) => decisions.push(decision) }) }
}

export const of = (decisions: readonly SpreadDecision[], type: SpreadDecision['type'], node?: NodeAddress): SpreadDecision[] =>
  decisions.filter((each) => each.type === type && (node === undefined || each.node.includes(`:${node.port}/`)))

export const bytesFrom = (decisions: readonly SpreadDecision[], node?: NodeAddress): number =>
  decisions
    .filter((each) => each.type !== 'asked' && (node === undefined || each.node.includes(`:${node.port}/`)))
    .reduce((sum, { bytes }) => sum + bytes, 0)

/** The address of a node behind a wire that `cut` cuts for ever. */
export async function behindWire<T extends NodeAddress>(node: T): Promise<{ readonly address: T; readonly cut: () => void }> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((socket) => {
    if (isCut) return void socket.destroy()
    const far = connect(node.port, node.host)
    for (const [from, to] of [[socket, far] as const, [far, socket] as const]) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(async () => {
    cut()
    await new Promise((resolve) => server.close(resolve))
  })
  return { address: { ...node, host: '127.0.0.1', port: (server.address() as { port: number }).port }, cut }
}

/** Sessions whose DATA is counted as it reaches the client, by the port of the node. */
export function counting(): { readonly connect: Connect; readonly receivedFrom: (node: NodeAddress) => number } {
  const received = new Map<number, number>()
  async function* counted(source: AsyncIterable<Uint8Array>, port: number): AsyncGenerator<Uint8Array> {
    for await (const bytes of source) {
      received.set(port, (received.get(port) ?? 0) + bytes.length)
      yield bytes
    }
  }
  const connect: Connect = async (options) => {
    const session = await connectSession(options)
    const openLane = async (asked: Parameters<typeof session.openLane>[0]): Promise<LanePort> => {
      const lane = await session.openLane(asked)
      const { laneId, metadata } = lane
      const [end, reset, release] = [() => lane.end(), lane.reset.bind(lane), lane.release.bind(lane)]
      return { laneId, metadata, source: counted(lane.source, options.port), end, reset, release }
    }
    return { openLane, close: () => session.close(), closed: session.closed }
  }
  return { connect, receivedFrom: ({ port }) => received.get(port) ?? 0 }
}

export interface Reading {
  readonly bytes: Uint8Array
  /** By the clock: the longest that stood between two reads while nobody but who stalls could have sent. */
  readonly gapMsMax: number
}

const LOOK_MS = 10
const STEP_MS = 25

/**
 * Reads it all, in order. The clock moves only while the reader waits and `isQuiet`: no byte is on its way to him, and nobody prepares one.
 * How fast this machine is changes nothing about what the clock says.
 */
export async function read(
  download: Download,
  clock: ManualClock,
  isQuiet: () => boolean,
  onPart?: (end: number) => void,
): Promise<Reading> {
  const parts: Uint8Array[] = []
  const iterator = download[Symbol.asyncIterator]()
  let position: number | undefined
  let gapMsMax = 0
  for (;;) {
    let waitedMs = 0
    let isThere = false
    const coming = iterator.next().finally(() => (isThere = true))
    coming.catch(() => {}) // it is awaited below
    while (!isThere) {
      await Promise.race([coming.catch(() => {}), new Promise((resolve) => setTimeout(resolve, LOOK_MS))])
      if (isThere || !isQuiet()) continue
      clock.advance(STEP_MS)
      waitedMs += STEP_MS
    }
    const { done, value } = await coming
    gapMsMax = Math.max(gapMsMax, waitedMs)
    if (done === true) return { bytes: new Uint8Array(Buffer.concat(parts)), gapMsMax }
    if (position !== undefined) expect(value.offset).toBe(position) // none twice, none left out
    position = value.offset + value.bytes.length
    parts.push(value.bytes.slice())
    onPart?.(position)
  }
}
