/**
 * Which faults happen in a run: drawn, counted, written down, and left out again when the shrinker asks for it.
 *
 * Each name has a stream of its own, and a fault that is left out is drawn all the same, so leaving one out moves none of the others, as
 * long as the questions stay the same. Where a fault changes which questions are asked later, name the occasion: the answer is then a
 * function of seed, name and occasion alone.
 */
import { check, isShare, SimulatorError } from './errors.ts'
import { createRandom, type Random } from './random.ts'

/** One fault that happened: the answer yes on this occasion. */
export interface FaultDecision {
  readonly name: string
  readonly occasion: number | string
}

export interface FaultPlanOptions {
  /** Only these happen, whatever is drawn: a replay, or what the shrinker tries. @default all that are drawn */
  readonly only?: readonly FaultDecision[]
}

export interface FaultPlan {
  /** Whether the fault happens this time; asked once for each occasion. Without a name, occasions are numbered from 0 as they are asked. */
  occurs(name: string, share: number, occasion?: string): boolean
  /** What happened so far, in order. */
  readonly taken: readonly FaultDecision[]
  readonly counts: ReadonlyMap<string, number>
  /** Counts a fault that needs no draw, such as a partition at a fixed time. */
  count(name: string): void
  /** @throws {SimulatorError} `SIMULATOR_FAULT_ABSENT` where one of these never happened: the scenario tested nothing. */
  require(...names: readonly string[]): void
}

interface Line {
  readonly random: Random
  asked: number
}

const keyOf = ({ name, occasion }: FaultDecision): string => `${typeof occasion} ${occasion} ${name}`

class DrawnPlan implements FaultPlan {
  readonly taken: FaultDecision[] = []
  readonly counts = new Map<string, number>()
  readonly #seed: number
  readonly #lines = new Map<string, Line>()
  readonly #only: ReadonlySet<string> | undefined

  constructor(seed: number, only: readonly FaultDecision[] | undefined) {
    this.#seed = seed
    this.#only = only === undefined ? undefined : new Set(only.map(keyOf))
  }

  occurs(name: string, share: number, occasion?: string): boolean {
    if (!isShare(share)) check(false, `a share must be 0 to 1, got ${share}`)
    const decision = { name, occasion: occasion ?? this.#lineOf(name).asked++ }
    const random = occasion === undefined ? this.#lineOf(name).random : createRandom(this.#seed, 'fault', name, occasion)
    if (!random.chance(share) || (this.#only !== undefined && !this.#only.has(keyOf(decision)))) return false
    this.taken.push(decision)
    this.count(name)
    return true
  }

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  require(...names: readonly string[]): void {
    const absent = names.filter((name) => !this.counts.has(name))
    if (absent.length === 0) return
    const message = `never happened: ${absent.join(', ')}; what did: ${[...this.counts.keys()].join(', ') || 'nothing'}`
    throw new SimulatorError('SIMULATOR_FAULT_ABSENT', message, { seed: this.#seed, absent: absent.join(', ') })
  }

  #lineOf(name: string): Line {
    let line = this.#lines.get(name)
    if (line === undefined) {
      line = { random: createRandom(this.#seed, 'fault', name), asked: 0 }
      this.#lines.set(name, line)
    }
    return line
  }
}

/**
 * The faults of one run.
 *
 * @example
 * const plan = createFaultPlan(42)
 * if (plan.occurs('crash', 0.01)) node.crash('torn')
 * plan.require('crash')
 */
export function createFaultPlan(seed: number, { only }: FaultPlanOptions = {}): FaultPlan {
  return new DrawnPlan(seed, only)
}
