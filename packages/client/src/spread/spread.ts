/**
 * One response from several nodes at once: the driver of `SpreadPlan`. It opens a lane for each ask, keeps what comes until the reader's turn,
 * and decides nothing.
 *
 * Invariant: what is handed out begins where the last piece ended. A piece is kept once, whoever sent it first; what comes of an ask that was
 * left is dropped.
 */
import type { VerifiedBlock } from '@selvedge/verified-car'
import { checkBytes } from '../bytes-max.ts'
import { Callbacks } from '../callbacks.ts'
import { downloadOf, resumed, type Download, type GetOptions, type VerifiedPart } from '../download.ts'
import { ClientError, type ClientErrorCode } from '../errors.ts'
import { asClientError } from '../failures.ts'
import type { Received } from '../lane-bytes.ts'
import { lifeOf } from '../life.ts'
import type { NodeLink } from '../node-link.ts'
import { readOnce } from '../read-once.ts'
import { savedStateOf } from '../saved.ts'
import { formatTarget, type Target } from '../target.ts'
import { openTransfer, type Transfer } from '../transfer.ts'
import type { Clock } from './clock.ts'
import { piecesOfFile, piecesOfRoot, type Piece } from './pieces.ts'
import { type PlanEffect, type PlanEvent, SpreadPlan } from './plan.ts'

/** What was decided, as it is done: for tests, and for whoever wants to see. */
export interface SpreadDecision {
  readonly type: 'asked' | 'done' | 'left' | 'failed'
  /** By its address. */
  readonly node: string
  /** Of the flat content: what the node was asked for. */
  readonly start: number
  readonly end: number
  /** What of it came first from this node, so far. */
  readonly bytes: number
  readonly atMs: number
  /** Of `failed`. */
  readonly error?: unknown
}

export interface SpreadSettings {
  readonly nodesAtOnce: number
  readonly aheadBytesMax: number
  readonly patienceMs: number
  readonly clock: Clock
  readonly onDecision?: ((decision: SpreadDecision) => void) | undefined
}

interface Run {
  readonly ask: Extract<PlanEffect, { type: 'ask' }>
  readonly link: NodeLink
  readonly life: AbortController
  /** Ends the listening to what ends all of it. */
  unlink(): void
  transfer: Transfer | undefined
  bytes: number
  isLeft: boolean
  /** Somebody else reads its transfer, and closes it. */
  isHandedOver: boolean
}

interface Held extends Pick<Piece, 'bytes' | 'blocks'> {
  readonly transfer: Transfer
}

/** Verified leaves of a root end at multiples of it. */
const GROUP_BYTES = 2 ** 14
const PART_BYTES_MIN = 2 ** 18
const PART_BYTES_MAX = 2 ** 21
/** The next node is no better: the content itself, or what was asked, is what is wrong; or the node is not to be believed. */
const FOR_GOOD: ReadonlySet<ClientErrorCode> = new Set<ClientErrorCode>([
  'CLIENT_UNVERIFIED',
  'CLIENT_BAD_ANSWER',
  'CLIENT_NOT_FOUND',
  'CLIENT_REFUSED',
  'CLIENT_CAP',
])

/** @throws {ClientError} of the node that failed last. */
export async function openSpread(
  links: readonly NodeLink[],
  target: Target,
  options: GetOptions,
  settings: SpreadSettings,
): Promise<Download> {
  return await new Spread(links, target, options, settings).open()
}

class Spread {
  readonly #links: readonly NodeLink[]
  readonly #target: Target
  readonly #options: GetOptions
  readonly #settings: SpreadSettings
  readonly #plan: SpreadPlan
  readonly #runs = new Map<number, Run>()
  /** By the place where each begins. */
  readonly #held = new Map<number, Held>()
  readonly #received: Received = { bytes: 0 }
  readonly #callbacks = new Callbacks()
  readonly #life: AbortController
  readonly #release: () => void
  readonly #first: number
  readonly #end: number | undefined
  #position: number
  #size: { readonly bytes: number; readonly isProven: boolean } | undefined
  #grainBytes: number | undefined
  #isRead = false
  #isOver = false
  /** `isOwn`: the caller's doing, so nothing more is handed out; else what has come is handed out first. */
  #failure: { readonly error: unknown; readonly isOwn: boolean } | undefined
  #opening: { resolve(download: Download): void; reject(error: unknown): void } | undefined
  /** Of what is read now. */
  #transfer: Transfer | undefined
  #wakeReader: (() => void) | undefined
  #callOff: (() => void) | undefined

  constructor(links: readonly NodeLink[], target: Target, options: GetOptions, settings: SpreadSettings) {
    const { start, end } = options.range ?? { start: 0 }
    this.#links = links
    this.#target = target
    this.#options = options
    this.#settings = settings
    this.#first = this.#position = start
    this.#end = end
    if (target.kind === 'root') this.#grainBytes = GROUP_BYTES
    const { nodesAtOnce, aheadBytesMax, patienceMs } = settings
    const lengths = { aheadBytesMax, partBytesMin: PART_BYTES_MIN, partBytesMax: Math.min(PART_BYTES_MAX, aheadBytesMax / nodesAtOnce) }
    const trusted = links.filter(({ isDistrusted }) => !isDistrusted).length
    this.#plan = new SpreadPlan({ nodes: links.length, trusted, nodesAtOnce, start, end, patienceMs, ...lengths })
    const { life, release } = lifeOf(options.signal)
    const abort = (): void => this.#fail(life.signal.reason, true)
    life.signal.addEventListener('abort', abort, { once: true })
    this.#life = life
    this.#release = release
  }

  open(): Promise<Download> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      if (this.#failure === undefined) this.#step({ type: 'tick' })
      else reject(this.#failure.error as Error)
    })
  }

  #step(event: PlanEvent): void {
    if (this.#isOver) return
    const { clock } = this.#settings
    const effects: PlanEffect[] = []
    this.#plan.step(event, clock.nowMs(), effects)
    for (const effect of effects) {
      if (this.#isOver) return // who was told of the one before has thrown
      if (effect.type === 'ask') this.#ask(effect)
      else this.#leave(this.#runs.get(effect.ask))
    }
    if (this.#isOver) return
    this.#callOff?.()
    const { deadlineMs } = this.#plan
    const isWaiting = deadlineMs < Number.POSITIVE_INFINITY
    this.#callOff = isWaiting ? clock.wakeAt(deadlineMs, () => this.#step({ type: 'tick' })) : undefined
    this.#wakeReader?.()
  }

  #ask(ask: Run['ask']): void {
    const { life, release: unlink } = lifeOf(this.#life.signal)
    const run: Run = { ask, link: this.#links[ask.node]!, life, unlink, transfer: undefined, bytes: 0, isLeft: false, isHandedOver: false }
    this.#runs.set(ask.ask, run)
    this.#tell('asked', run)
    void this.#run(run)
  }

  #leave(run: Run | undefined): void {
    if (run === undefined || run.isLeft) return
    run.isLeft = true
    this.#tell('left', run)
    run.transfer?.close()
    run.life.abort(new ClientError('CLIENT_CLOSED', 'nobody waits for it any more'))
  }

  #tell(type: SpreadDecision['type'], { link, bytes, ask: { start, end } }: Run, error?: unknown): void {
    const { onDecision, clock } = this.#settings
    const decision = { type, node: link.name, start, end, bytes, atMs: clock.nowMs() }
    try {
      this.#callbacks.call(onDecision, error === undefined ? decision : { ...decision, error })
    } catch (thrown) {
      if (this.#failure?.isOwn !== true) this.#fail(thrown, true) // no node's failure
    }
  }

  /** Never rejects: the plan is told. */
  async #run(run: Run): Promise<void> {
    const { ask, link, life } = run
    const { signal } = life
    try {
      const range = { start: ask.start, end: ask.end }
      const transfer = await openTransfer(link, this.#target, { range, received: this.#received, life: signal, signal })
      run.transfer = transfer
      const pieces = run.isLeft ? undefined : await this.#piecesOf(run, transfer)
      if (pieces === undefined) return
      this.#open(transfer)
      for await (const piece of pieces) {
        if (run.isLeft) return
        this.#take(run, transfer, piece)
      }
      if (run.isLeft) return
      this.#learnSize(transfer)
      this.#tell('done', run)
      this.#step({ type: 'done', ask: ask.ask })
    } catch (error) {
      const failure = asClientError(error, link, signal) // also of who was left: a lie is a lie
      if (!run.isLeft) this.#failed(run, failure)
    } finally {
      this.#runs.delete(ask.ask)
      if (!run.isHandedOver) {
        run.transfer?.close()
        run.unlink()
      }
    }
  }

  #failed(run: Run, error: unknown): void {
    this.#tell('failed', run, error)
    const code = error instanceof ClientError ? error.code : undefined
    const isForGood = code !== undefined && FOR_GOOD.has(code)
    // What else is on its way from who lied is not to be signed for unseen when his lanes are left.
    if (code === 'CLIENT_UNVERIFIED' || code === 'CLIENT_BAD_ANSWER')
      for (const { ask, transfer } of this.#runs.values()) if (ask.node === run.ask.node) transfer?.payment.refuse()
    this.#step({ type: 'failed', ask: run.ask.ask, isForGood })
    if (this.#plan.isStuck) this.#fail(error, false)
  }

  /** Undefined: what was asked for is no file, and goes on as a download from this node alone. */
  async #piecesOf(run: Run, transfer: Transfer): Promise<AsyncIterable<Piece> | undefined> {
    const { blocks, isOwned } = transfer
    if (blocks === undefined) return piecesOfRoot(transfer)
    const iterator = blocks[Symbol.asyncIterator]()
    const { done, value: first } = await iterator.next()
    if (done === true) throw new ClientError('CLIENT_BAD_ANSWER', `${transfer.node} sent no block`, { node: transfer.node })
    if (run.isLeft) return undefined
    if (first.kind !== 'file') {
      const onBlock = (block: VerifiedBlock): void => this.#callbacks.call(this.#options.onBlock, block)
      this.#handOver(run, transfer, first, resumed(first, iterator, onBlock))
      return undefined
    }
    const rest = resumed(first, iterator, () => {}) // its blocks are told of with their bytes
    this.#learn(first.fileSize, true)
    return piecesOfFile(rest, isOwned, this.#options.onBlock !== undefined)
  }

  #handOver(run: Run, transfer: Transfer, first: VerifiedBlock, blocks: AsyncIterable<VerifiedBlock>): void {
    run.isHandedOver = true
    const { resolve } = this.#opening!
    this.#opening = undefined
    this.#stop()
    const release = (): void => {
      run.unlink()
      this.#release()
    }
    const start = { transfer, blocks, first }
    const rest = { options: this.#options, received: this.#received, life: this.#life, release, callbacks: this.#callbacks }
    resolve(downloadOf({ target: this.#target, links: [], left: [], position: 0, end: undefined, start, ...rest }))
  }

  #open(transfer: Transfer): void {
    this.#transfer ??= transfer
    this.#learnSize(transfer)
    this.#opening?.resolve(this.#download())
    this.#opening = undefined
  }

  /** What an answer says of the whole; of a CID it is proven by its root. */
  #learnSize({ size, answer }: Transfer): void {
    const said = size?.()
    if (said?.state === 'verified') this.#learn(said.bytes, true)
    else if (said !== undefined) this.#learn(said.claimed ?? answer.size, false)
  }

  #learn(bytes: number | undefined, isProven: boolean): void {
    const isNews = bytes !== undefined && this.#size?.isProven !== true && (isProven || bytes !== this.#size?.bytes)
    if (!isNews) return
    this.#size = { bytes, isProven }
    this.#step({ type: 'known', size: bytes, isProven })
  }

  /** Before it is read no more is asked for than a first part. */
  #learnGrain(grainBytes: number | undefined): void {
    this.#grainBytes ??= grainBytes
    if (this.#isRead && this.#grainBytes !== undefined) this.#step({ type: 'known', isProven: false, grainBytes: this.#grainBytes })
  }

  #take(run: Run, transfer: Transfer, { offset, bytes, blocks, grainBytes }: Piece): void {
    const { ask, link } = run
    if (this.#grainBytes === undefined) this.#learnGrain(grainBytes)
    const place = this.#plan.placeOf(ask.ask)
    if (place === undefined) return
    if (offset > place.at) throw new ClientError('CLIENT_BAD_ANSWER', `${link.name} left out bytes before ${offset}`, { node: link.name })
    const to = Math.min(offset + bytes.length, place.end)
    if (to <= place.at) return
    this.#held.set(place.at, { bytes: bytes.subarray(place.at - offset, to - offset), blocks, transfer })
    run.bytes += to - place.at
    this.#learnSize(transfer) // first: where it ends is no place to ask for more
    this.#step({ type: 'verified', ask: ask.ask, to })
  }

  async *#read(): AsyncGenerator<VerifiedPart> {
    const { onBlock, onProgress, bytesMax } = this.#options
    const address = formatTarget(this.#target)
    try {
      this.#isRead = true
      this.#learnGrain(undefined)
      for (;;) {
        if (this.#callbacks.thrown !== undefined) throw this.#callbacks.thrown.error
        if (this.#failure?.isOwn === true) throw this.#failure.error
        const held = this.#held.get(this.#position)
        if (held === undefined) {
          if (this.#failure !== undefined) throw this.#failure.error
          if (this.#plan.isComplete) return
          await new Promise<void>((resolve) => (this.#wakeReader = resolve))
          continue
        }
        const offset = this.#position
        const { bytes, blocks, transfer } = held
        this.#held.delete(offset)
        checkBytes(address, offset + bytes.length - this.#first, bytesMax)
        this.#transfer = transfer
        for (const block of blocks) this.#callbacks.call(onBlock, block)
        this.#position += bytes.length
        this.#callbacks.call(onProgress, { type: 'verified', bytes: this.#position - this.#first, size: this.#size?.bytes })
        this.#step({ type: 'taken', position: this.#position })
        yield { offset, bytes }
      }
    } finally {
      this.#stop()
      this.#release()
    }
  }

  #fail(error: unknown, isOwn: boolean): void {
    if (this.#isOver && !isOwn) return
    this.#failure = { error, isOwn }
    this.#stop()
    this.#opening?.reject(error)
    this.#opening = undefined
    this.#wakeReader?.()
  }

  /** Leaves all that still owes something; who has sent it all may end by himself. */
  #stop(): void {
    if (this.#failure === undefined || this.#failure.isOwn) this.#held.clear()
    if (this.#isOver) return
    this.#isOver = true
    this.#callOff?.()
    for (const run of this.#runs.values()) {
      const isWhole = this.#failure === undefined && this.#plan.placeOf(run.ask.ask)?.isWhole === true
      if (!isWhole && !run.isHandedOver) this.#leave(run)
    }
  }

  #download(): Download {
    const [target, received, address] = [this.#target, this.#received, formatTarget(this.#target)]
    const size = (): number | undefined => (this.#size?.isProven === true ? this.#size.bytes : undefined)
    const [sizeClaim, transfer] = [(): number | undefined => this.#size?.bytes, (): Transfer => this.#transfer!]
    return {
      address,
      kind: 'file',
      verification: target.kind === 'cid' ? 'cid' : 'blake3',
      get size() {
        return size()
      },
      get sizeClaim() {
        return sizeClaim()
      },
      get mode() {
        return transfer().mode
      },
      get node() {
        return transfer().node
      },
      get receivedBytes() {
        return received.bytes
      },
      state: () => savedStateOf(target, this.#position, this.#end),
      // eslint-disable-next-line require-yield -- the type is that of a directory's
      async *entries() {
        throw new ClientError('CLIENT_NOT_A_DIRECTORY', `${address} is a file, not a directory`)
      },
      close: () => {
        this.#fail(new ClientError('CLIENT_CLOSED', 'the download is closed'), true)
        this.#release()
      },
      [Symbol.asyncIterator]: readOnce('a download', () => this.#read()),
    }
  }
}
