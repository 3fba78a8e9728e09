/**
 * Commits on their way to the executor: recorded first, then handed over index by index, at most eight ahead of what was executed (2.9).
 *
 * When the executor is slow the order goes on and its records are kept: a bounded number in memory, the rest is read back from the store
 * when its turn comes. After a restart everything above `lastApplied` is read back in the same way.
 */
import { compareBytes, toHex } from '../wire/bytes.ts'
import { subDagDigest } from '../wire/sub-dag.ts'
import type { Commit, Vertex } from '../dag/contract.ts'
import type { Digest } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { OrderedItem } from './contract.ts'
import { EXECUTION_QUEUE_MAX } from './settings.ts'
import { readSubDagRecord, subDagRecord } from './sub-dag-record.ts'

/** Commits that wait in memory for the executor. */
const WAITING_MAX = 64

export interface Emission {
  readonly commit: Commit
  readonly items: readonly OrderedItem[]
}

export interface EmitterParts {
  readonly context: CoreContext
  /** A committed vertex and what it brings, from the store; `undefined` while its record is not there. */
  readonly read: (key: string, digest: Digest) => { readonly vertex: Vertex; readonly items: readonly OrderedItem[] } | undefined
  /** What is handed over of a commit's items; `undefined` while bytes are missing. Called until it answers, then never again. */
  readonly prepare?: (emission: Emission) => readonly OrderedItem[] | undefined
}

export class Emitter {
  readonly #parts: EmitterParts
  readonly #waiting = new Map<number, Emission>()
  #recorded: number
  #emitted: number
  #executed: number
  #isContradicted = false

  /** @param recorded - index of the last sub-DAG in the store. */
  constructor(parts: EmitterParts, recorded: number) {
    const { lastApplied } = parts.context.setup
    this.#parts = parts
    this.#recorded = Math.max(recorded, lastApplied)
    this.#emitted = lastApplied
    this.#executed = lastApplied
  }

  /** Index of the last sub-DAG in the store, or on its way there. */
  get recorded(): number {
    return this.#recorded
  }

  get executed(): number {
    return this.#executed
  }

  /** Why nothing may follow: the order, found again after a restart, is not what the executor was given. */
  get haltReason(): string | undefined {
    return this.#isContradicted ? 'recorded sub-DAG differs' : undefined
  }

  /** Whether payload may still be proposed (2.14). */
  get isKeepingUp(): boolean {
    return this.#recorded - this.#executed <= EXECUTION_QUEUE_MAX
  }

  /** One that the order found. `snapshot` is the rule's after it, or empty. */
  record(emission: Emission, snapshot: Uint8Array): void {
    const { subDag } = emission.commit
    if (subDag.index <= this.#recorded) {
      this.#isContradicted ||= this.#differs(emission.commit)
      return
    }
    this.#parts.context.note(subDagRecord({ subDag, snapshot }))
    this.#recorded = subDag.index
    if (this.#waiting.size < WAITING_MAX) this.#waiting.set(subDag.index, emission)
  }

  executedUpTo(index: number): void {
    this.#executed = Math.max(this.#executed, Math.min(index, this.#emitted))
  }

  /** Hands over what may be handed over. */
  advance(): void {
    const { context, prepare } = this.#parts
    if (this.#isContradicted) return
    while (this.#emitted < this.#recorded && this.#emitted - this.#executed < EXECUTION_QUEUE_MAX) {
      const emission = this.#waiting.get(this.#emitted + 1) ?? this.read(this.#emitted + 1)
      if (emission === undefined) return // noted in this very turn or the last: it is there in the next
      const items = prepare === undefined ? emission.items : prepare(emission)
      if (items === undefined) return
      this.#emitted++
      this.#waiting.delete(this.#emitted)
      context.persist()
      context.push({ type: 'emit', commit: emission.commit, items })
    }
  }

  /** Whether what was found again after a restart is not what was recorded before it. */
  #differs({ subDag, digest }: Commit): boolean {
    const { store, setup } = this.#parts.context
    const recorded = readSubDagRecord(store, subDag.index)?.subDag
    return recorded !== undefined && compareBytes(subDagDigest(setup.chainId, recorded), digest) !== 0
  }

  /** From the store. */
  read(index: number): Emission | undefined {
    const { context, read } = this.#parts
    const subDag = readSubDagRecord(context.store, index)?.subDag
    if (subDag === undefined) return undefined
    const vertices: Vertex[] = []
    const items: OrderedItem[] = []
    for (const digest of subDag.vertices) {
      const found = read(toHex(digest), digest)
      if (found === undefined) return undefined
      vertices.push(found.vertex)
      items.push(...found.items)
    }
    return { commit: { subDag, digest: subDagDigest(context.setup.chainId, subDag), vertices }, items }
  }
}
