/** One node: its session, and the bound on its lanes. */
import { CONTENT_SERVICE_ID } from '@selvedge/content'
import { formatNodeAddress, type NodeAddress, toHex } from './address.ts'
import { createAwakeTime, type AwakeTime } from './awake-time.ts'
import { Distrust } from './distrust.ts'
import { ClientError } from './errors.ts'
import { asClientError, type Judged } from './failures.ts'
import { type Farewell, Farewells } from './farewell.ts'
import { capError, createLanePayment, NO_PAYMENT, type LanePayment } from './lane-payment.ts'
import { lifeOf } from './life.ts'
import type { Connect, Goaway, LanePort, SessionPort } from './ports.ts'
import { createKeptSession, type KeptSession, type OpenSession } from './kept-session.ts'
import type { Purse } from './purse.ts'
import { createSlots } from './slots.ts'
import { withinAwakeTime } from './within-awake-time.ts'

export interface NodeLink extends Judged {
  /** Its place in the node registry, where that is known. */
  readonly nodeIndex: number | undefined
  /** It has sent the client away, and not long ago. */
  readonly farewell: Farewell | undefined
  /** It has lied, and not long ago. */
  readonly isDistrusted: boolean
  /** How long this node may say nothing while it is waited for. */
  readonly stallTimeoutMs: number
  readonly pace: Pace
  /** By which it is judged. */
  readonly time: AwakeTime
  /** Its session, for whoever shares it. */
  readonly kept: KeptSession
  /** Waits for a free lane. `release` gives it back and may be called twice. */
  open(metadata: Uint8Array, options?: OpenOptions): Promise<OpenLane>
  close(): Promise<void>
}

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined
  /** Where the lane is paid for: its bytes are verified ahead of their reader, and credit goes back when he takes them. */
  readonly isReadAhead?: boolean
  /** Credit goes back by `release`, whoever pays, and the memory with it. */
  readonly isMemoryReused?: boolean
}

export interface OpenLane {
  readonly lane: LanePort
  readonly payment: LanePayment
  readonly release: () => void
}

export interface NodeLinkOptions {
  readonly chainId: number
  readonly lanesMax: number
  readonly stallTimeoutMs: number
  readonly pace: Pace
  /** What sessions are paid with; without it the client is a guest. */
  readonly purse?: Purse | undefined
  /** Who lied, whichever node; shared by the links of a client. @default its own */
  readonly distrust?: Distrust
  /** Milliseconds that never fall. @default `performance.now` */
  readonly clockMs?: () => number
}

/** Nobody looks at the clock less often while he waits; four times within the shortest stall. */
const LOOK_MS_MAX = 5_000
const LOOKS_MIN = 4

/** The least that a node must send of one answer, over so much waiting for it. */
export interface Pace {
  readonly bytesPerSecondMin: number
  readonly rateWindowMs: number
}

export function createNodeLink(address: NodeAddress, connect: Connect, options: NodeLinkOptions): NodeLink {
  const { chainId, lanesMax, stallTimeoutMs, purse, distrust = new Distrust(), clockMs = () => performance.now() } = options
  const time = createAwakeTime(clockMs, Math.min(LOOK_MS_MAX, stallTimeoutMs / LOOKS_MIN))
  const [name, nodeKey] = [formatNodeAddress(address), toHex(address.nodeKey)]
  const judged: Judged = { name, lied: (finer) => distrust.note(nodeKey, finer) }
  const slots = createSlots(lanesMax)
  const kept = createKeptSession(address, connect, chainId, purse)
  const farewells = new Farewells()
  let newest: SessionPort | undefined
  async function openOnce(asked: AskedLane): Promise<Omit<OpenLane, 'release'>> {
    const { signal } = asked.life
    const used = kept.open()
    let opened: SessionPort
    try {
      opened = await raceAbort(used.session, signal)
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      farewells.note((cause as { readonly goaway?: Goaway }).goaway, clockMs())
      throw new ClientError('CLIENT_UNREACHABLE', `${name}: ${(cause as Error).message}`, { node: name }, { cause })
    }
    newest = opened
    return await laneOf(opened, used, asked, { name, stallTimeoutMs, time })
  }

  async function openLane(asked: AskedLane): Promise<Omit<OpenLane, 'release'>> {
    const { life } = asked
    for (let isAnew = false; ; isAnew = true) {
      const before = kept.current
      try {
        return await openOnce(asked)
      } catch (error) {
        // A session kept from before may have died without our noticing; nothing was asked on it yet, so it may be tried anew, once.
        const isStale = !isAnew && before !== undefined && kept.current !== before && !life.signal.aborted && !kept.isClosed
        if (!isStale) throw asClientError(error, judged, life.signal)
      }
    }
  }

  return {
    ...options,
    ...judged,
    time,
    kept,
    nodeIndex: address.nodeIndex,
    get farewell() {
      farewells.note(newest?.goaway, clockMs())
      return farewells.at(clockMs())
    },
    get isDistrusted() {
      return distrust.has(nodeKey)
    },
    async open(metadata, { signal, isReadAhead = false, isMemoryReused = false } = {}) {
      if (kept.isClosed) throw new ClientError('CLIENT_CLOSED', 'the client is closed')
      if (purse?.isEmpty === true) throw capError(name)
      const giveBack = await slots.take(signal)
      const { life, release: unlisten } = lifeOf(signal) // the lane's: the caller's, or until the node is given up
      const release = (): void => {
        unlisten()
        giveBack()
      }
      try {
        return { ...(await openLane({ metadata, life, isReadAhead, isMemoryReused })), release }
      } catch (error) {
        release()
        throw error
      }
    },
    close: () => kept.close(),
  }
}

interface AskedLane {
  readonly metadata: Uint8Array
  readonly life: AbortController
  readonly isReadAhead: boolean
  readonly isMemoryReused: boolean
}

/** A lane of the session, with what it costs. */
async function laneOf(
  session: SessionPort,
  { purse, following }: OpenSession,
  { metadata, life, isReadAhead, isMemoryReused }: AskedLane,
  link: Pick<NodeLink, 'name' | 'stallTimeoutMs' | 'time'>,
): Promise<Omit<OpenLane, 'release'>> {
  const payer = purse?.payer ?? session.payer
  const isCreditHeld = isMemoryReused || (isReadAhead && payer !== undefined)
  const paid = { isCreditHeld, isMemoryReused, isReadOn: payer !== undefined }
  const request = { serviceId: CONTENT_SERVICE_ID, metadata, signal: life.signal, isRequestOnly: true, ...paid }
  const lane = await openWithin(session.openLane(request), life, link)
  return { lane, payment: payer === undefined ? NO_PAYMENT : createLanePayment(payer, lane, link.name, following) }
}

async function openWithin(
  opening: Promise<LanePort>,
  life: AbortController,
  { name, stallTimeoutMs, time }: Pick<NodeLink, 'name' | 'stallTimeoutMs' | 'time'>,
): Promise<LanePort> {
  return await withinAwakeTime(opening, stallTimeoutMs, time, () => {
    const error = stallOf(name, stallTimeoutMs)
    life.abort(error) // the lane ends at the node too
    return error
  })
}

/** What is said of a node that lives and sends nothing. */
export function stallOf(node: string, ms: number): ClientError {
  return new ClientError('CLIENT_INTERRUPTED', `${node} sent nothing for ${ms} ms`, { node, ms })
}

/** What is said of a node that sends too little to be waited for. */
export function slownessOf(node: string, bytes: number, waitedMs: number): ClientError {
  const ms = Math.round(waitedMs)
  return new ClientError('CLIENT_INTERRUPTED', `${node} sent ${bytes} bytes in ${ms} ms`, { node, bytes, ms })
}

/** What `promise` gives, or the reason of `signal`, whichever comes first. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
