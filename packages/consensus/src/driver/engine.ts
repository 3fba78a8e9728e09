/**
 * The turn: what happened since the last one is stepped, event by event, and the effects go into one queue; then everything that is to
 * be durable is appended and synced once, and what stands behind it is done when that is over. Turns go on while a sync runs.
 *
 * It decides nothing: which effect waits for which is the queue's order, and that is the core's.
 */
import { BarrierQueue } from '../core/barrier-queue.ts'
import type { StoredRecord } from '../core/contract.ts'
import type { Epochs, EpochsEffect, EpochsEvent, PeerFrame } from '../core/epochs-contract.ts'
import type { ConsensusError } from '../errors.ts'
import type { Clock, Store } from '../ports.ts'
import type { FlowControl } from './flow-control.ts'
import type { Share, Submissions } from './submissions.ts'
import { named } from './failure.ts'

/** What is done rather than kept. */
export type DriverEffect = EpochsEffect | { readonly type: 'tell'; readonly shares: readonly Share[] }

export interface EngineComponents {
  readonly epochs: Epochs
  readonly store: Store
  readonly clock: Clock
  readonly flow: FlowControl
  readonly submissions: Submissions
  /** Of the epoch that it begins with. */
  readonly isMember: boolean
  readonly perform: (effect: DriverEffect) => void
  readonly onRetry: (transactions: readonly Uint8Array[]) => void
  readonly onFailure: (failure: ConsensusError) => void
}

interface Arrival {
  readonly event: EpochsEvent
  /** Whose transactions these are. */
  readonly shares?: readonly Share[]
}

/** While more waits for the disk, no peer is read. */
const UNSYNCED_BYTES_MAX = 16 * 2 ** 20

/** A turn ends after so many bytes of frames: what it has to say is said before the rest is looked at. */
const TURN_BYTES_MAX = 4 * 2 ** 20

const bytesOf = (records: readonly StoredRecord[]): number => records.reduce((sum, { bytes }) => sum + bytes.length, 0)
const isBarrier = (effect: DriverEffect): boolean => effect.type === 'epoch' && effect.effect.type === 'persist'

/** How many of `arrivals` one turn takes. */
function countOf(arrivals: readonly Arrival[]): number {
  let count = 0
  for (let bytes = 0; count < arrivals.length && bytes < TURN_BYTES_MAX; count++) {
    const { event } = arrivals[count] as Arrival
    if (event.type === 'frame') bytes += event.frame.length
  }
  return count
}

export class Engine {
  readonly #components: EngineComponents
  readonly #queue = new BarrierQueue<DriverEffect>(isBarrier)
  #arrivals: Arrival[] = []
  #isScheduled = false
  #isStopped = false
  #isMember: boolean
  /** Of records that are not durable yet. */
  #unsyncedBytes = 0

  constructor(components: EngineComponents) {
    this.#components = components
    this.#isMember = components.isMember
  }

  post(event: EpochsEvent, shares?: readonly Share[]): void {
    if (this.#isStopped) return
    this.#arrivals.push(shares === undefined ? { event } : { event, shares })
    this.#schedule()
  }

  /** Nothing is stepped, synced or done any more. */
  stop(): void {
    this.#isStopped = true
    this.#arrivals = []
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    const arrivals = this.#arrivals
    this.#arrivals = []
    const count = countOf(arrivals)
    this.#guarded(() => {
      this.#stepAll(arrivals.slice(0, count))
      this.#pump()
    })
    if (count === arrivals.length || this.#isStopped) return
    this.#arrivals = [...arrivals.slice(count), ...this.#arrivals]
    this.#schedule()
  }

  /** In order; frames that follow one another go together, since what they lead to is then looked at once. */
  #stepAll(arrivals: readonly Arrival[]): void {
    let frames: PeerFrame[] = []
    for (const arrival of arrivals) {
      if (arrival.event.type === 'frame') frames.push(arrival.event)
      else {
        this.#stepFrames(frames)
        frames = []
        this.#step(arrival)
      }
    }
    this.#stepFrames(frames)
  }

  #stepFrames(frames: readonly PeerFrame[]): void {
    if (frames.length === 0) return
    this.#step({ event: { type: 'frames', frames } })
    for (const { from, frame } of frames) this.#components.flow.release(from, frame.length)
  }

  #step({ event, shares }: Arrival): void {
    if (this.#isStopped) return
    const { epochs, clock } = this.#components
    const effects: EpochsEffect[] = []
    epochs.step(event, { nowMs: clock.nowMs(), unixMs: clock.unixMs() }, effects)
    this.#queue.push(this.#adopt(effects, shares))
  }

  /** Keeps the submissions in step with the core; what they are told stays in its place among the effects. */
  #adopt(effects: readonly EpochsEffect[], shares: readonly Share[] | undefined): DriverEffect[] {
    const { submissions, onRetry } = this.#components
    const refused = effects.flatMap((each) => (each.type === 'epoch' && each.effect.type === 'overloaded' ? each.effect.transactions : []))
    for (const effect of effects) if (effect.type === 'begin' || effect.type === 'leave') this.#isMember = effect.type === 'begin'
    if (shares !== undefined) submissions.enter(shares, refused, this.#isMember ? 'CONSENSUS_OVERLOADED' : 'CONSENSUS_NOT_A_MEMBER')
    const adopted: DriverEffect[] = []
    for (const effect of effects) {
      const inner = effect.type === 'epoch' ? effect.effect : undefined
      if (inner?.type === 'accepted') adopted.push({ type: 'tell', shares: submissions.take(inner.count) })
      else if (inner?.type === 'retry') this.#retry(inner, onRetry)
      else if (inner?.type !== 'overloaded') adopted.push(effect)
      if (effect.type === 'epoch' && inner?.type === 'persist') this.#append(effect.epoch, inner.records)
    }
    return adopted
  }

  /** At once: the core reads what it has put away, and must not find less while an earlier sync still runs. */
  #append(epoch: number, records: readonly StoredRecord[]): void {
    this.#components.store.epoch(epoch).append(records)
    this.#unsyncedBytes += bytesOf(records)
  }

  /** What was still waiting goes into the next epoch, if there is one for this node; what was promised is carried over by the core. */
  #retry({ transactions, told }: { transactions: readonly Uint8Array[]; told: number }, onRetry: EngineComponents['onRetry']): void {
    const { submissions } = this.#components
    const waiting = submissions.take(transactions.length - told)
    if (this.#isMember) return this.post({ type: 'transactions', transactions }, waiting)
    submissions.refuseAll(waiting, 'CONSENSUS_NOT_A_MEMBER')
    onRetry(transactions)
  }

  #pump(): void {
    if (this.#isStopped) return
    const { perform, store, flow } = this.#components
    for (const effect of this.#queue.takeReady()) perform(effect)
    flow.setCongested(this.#unsyncedBytes > UNSYNCED_BYTES_MAX)
    const barriers = this.#queue.takeBarriers()
    if (barriers === undefined) return
    let bytes = 0
    for (const barrier of barriers)
      if (barrier.type === 'epoch' && barrier.effect.type === 'persist') bytes += bytesOf(barrier.effect.records)
    store.sync().then(
      () => this.#release(bytes),
      (error: unknown) => this.#fail(error),
    )
  }

  #release(bytes: number): void {
    if (this.#isStopped) return
    this.#unsyncedBytes -= bytes
    this.#guarded(() => {
      for (const effect of this.#queue.durable()) this.#components.perform(effect)
      this.#pump()
    })
  }

  /** What the store refuses ends the validator; what is no `ConsensusError` is a bug and may crash. */
  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.stop()
    this.#components.onFailure(named(error))
  }
}
