/**
 * What the lanes of one session owe, and what ticks pay of it that no signature has paid yet. A tick names a service and no lane, so what is covered is
 * a sum for each service; the acknowledgement that follows says which lanes it was, and what it covered is covered no more.
 *
 * Invariants: of no service more is covered than was sent and not acknowledged. What the node gave up itself is covered first: so when an
 * acknowledgement comes, whatever lanes it names, what the session is charged for never grows, nor does that and what was given up together. For it
 * signs for at least what the ticks said; it can only turn out that they meant what is charged, and not what was given up.
 */
import { type MeteredChain, tickedBytesOf } from './metered-chains.ts'
import type { MeteredLane } from './metered-lane.ts'
import type { Stretch } from './payer-chain.ts'

/** Bytes that are neither signed for nor covered. */
interface Owed {
  /** In the window. */
  readonly charged: number
  /** Of lanes that the node gave up: written off. */
  readonly givenUp: number
}

export class LaneDebts {
  readonly #lanes: Map<number, MeteredLane>
  readonly #covered = new Map<number, number>()

  constructor(lanes: Map<number, MeteredLane>) {
    this.#lanes = lanes
  }

  get owed(): Owed {
    let [charged, givenUp] = [0, 0]
    for (const lane of this.#lanes.values()) {
      if (lane.isForgiven) givenUp += lane.debt
      else charged += lane.debt
    }
    for (const [serviceId, bytes] of this.#covered) {
      const ofGivenUp = Math.min(
        bytes,
        this.#sum(serviceId, ({ isForgiven, debt }) => (isForgiven ? debt : 0)),
      )
      givenUp -= ofGivenUp
      charged -= bytes - ofGivenUp
    }
    return { charged, givenUp }
  }

  /** What of the charged bytes is of units that are begun and not sent. */
  get unsent(): number {
    let bytes = 0
    for (const lane of this.#lanes.values()) if (!lane.isForgiven) bytes += lane.debt - lane.sentDebt
    return bytes
  }

  /** What may be signed for of one service in one epoch, and ticks may say. */
  unsignedOf(serviceId: number, isOld: boolean): number {
    return this.#sum(serviceId, (lane) => lane.unsignedIn(isOld))
  }

  /** Ticks of a service say so many bytes more. */
  cover(serviceId: number, bytes: number): void {
    this.#covered.set(serviceId, (this.#covered.get(serviceId) ?? 0) + bytes)
    this.trim()
  }

  /** Lanes of a service are signed for, and with them what ticks have said. */
  sign(serviceId: number, stretches: readonly Stretch[], isOld: boolean, tickedBytes: number): void {
    for (const { lane: id, to } of stretches) {
      const lane = this.#lanes.get(id)!
      lane.acknowledge(Number(to), isOld)
      if (lane.isSettled) this.#lanes.delete(id)
    }
    this.#uncover(serviceId, tickedBytes)
    this.trim()
  }

  /** An epoch is over. @param isKept - whether a lane is remembered though it owes nothing any more. */
  closeOld(chains: ReadonlyMap<number, MeteredChain>, isKept: (lane: MeteredLane) => boolean): void {
    for (const [serviceId, chain] of chains) {
      const old = this.#sum(serviceId, ({ oldDebt }) => oldDebt)
      this.#uncover(serviceId, Math.min(old, tickedBytesOf(chain))) // what it says beyond is of the epoch that goes on
    }
    for (const lane of this.#lanes.values()) {
      lane.old = undefined
      if (lane.isSettled || (lane.isStale && !isKept(lane))) this.#lanes.delete(lane.id)
      else lane.isStale = lane.isOver && lane.debt === 0
    }
    this.trim()
  }

  /** Less was sent than it seemed when ticks were taken. */
  trim(): void {
    for (const [serviceId, bytes] of this.#covered) {
      const sent = this.#sum(serviceId, ({ sentDebt }) => sentDebt)
      if (bytes > sent) this.#uncover(serviceId, bytes - sent)
    }
  }

  clear(): void {
    this.#lanes.clear()
    this.#covered.clear()
  }

  #uncover(serviceId: number, bytes: number): void {
    const left = (this.#covered.get(serviceId) ?? 0) - bytes
    if (left > 0) this.#covered.set(serviceId, left)
    else this.#covered.delete(serviceId)
  }

  #sum(serviceId: number, bytesOf: (lane: MeteredLane) => number): number {
    let bytes = 0
    for (const lane of this.#lanes.values()) if (lane.serviceId === serviceId) bytes += bytesOf(lane)
    return bytes
  }
}
