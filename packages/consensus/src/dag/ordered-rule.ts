/** What both rules have of their linearizer: how far the order is, who leads, and the halt after which nothing follows. */
import type { Authority } from '../wire/types.ts'
import type { Halt, Mode } from './contract.ts'
import type { DagStore } from './dag-store.ts'
import type { Linearizer } from './linearizer.ts'

export abstract class OrderedRule<M extends Mode> {
  readonly dag: DagStore<M>
  protected readonly order: Linearizer<M>
  /** Set once by the rule, and for ever. */
  halted: Halt | undefined = undefined

  constructor(order: Linearizer<M>) {
    this.order = order
    this.dag = order.dag
  }

  get lastCommittedRound(): number {
    return this.order.lastCommittedRound
  }

  get gcRound(): number {
    return this.order.gcRound
  }

  get scheduleVersion(): number {
    return this.order.scheduleVersion
  }

  get doneCount(): number {
    return this.order.doneCount
  }

  leaderOf(round: number, rank = 0): Authority | undefined {
    return this.order.leaderOf(round, rank)
  }

  exclude(authority: Authority): void {
    this.order.exclude(authority)
  }

  snapshot(): Uint8Array {
    return this.order.snapshot()
  }
}
