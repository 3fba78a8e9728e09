/**
 * Nodes that lie. Each fault sees what its node sends and says what leaves instead; several on one node are put behind each other.
 *
 * A fault that touches nothing is not counted, so a scenario can demand that its fault took place (fault-plan.ts). Time and chance come from
 * the world, and each application is a decision of the plan, which the shrinker can leave out.
 */
import { check } from './errors.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { Intercept, Outgoing } from './network-contract.ts'
import type { Random } from './random.ts'

export interface FaultContext {
  readonly from: number
  readonly nodes: number
  readonly nowMs: number
  readonly random: Random
}

export interface ByzantineFault<M> {
  readonly name: string
  /** What leaves instead of `outgoing`; `undefined` where the fault has nothing to do with it. */
  apply(outgoing: Outgoing<M>, context: FaultContext): readonly Outgoing<M>[] | undefined
}

export interface ByzantineWorld {
  now(): number
  stream(...path: readonly (number | string)[]): Random
}

export interface FaultTiming {
  /** Share of its occasions. @default 1 */
  readonly share?: number
  /** @default 0 */
  readonly fromMs?: number
  /** @default Infinity */
  readonly untilMs?: number
}

/**
 * Makes `node` lie by `faults`, in this order; each may be given with its timing. Hand the result to `network.intercept`.
 *
 * @example network.intercept(3, byzantine(sim, plan, { node: 3, nodes: 4 }, [dropping({ to: [0] }), [equivocating(fork), { share: 0.5 }]]))
 */
export function byzantine<M>(
  world: ByzantineWorld,
  plan: FaultPlan,
  { node, nodes }: { readonly node: number; readonly nodes: number },
  faults: readonly (ByzantineFault<M> | readonly [ByzantineFault<M>, FaultTiming])[],
): Intercept<M> {
  const lines = faults.map((each, index) => {
    const [fault, timing] = 'apply' in each ? [each, {} as FaultTiming] : each
    return { fault, timing, random: world.stream('byzantine', node, index) }
  })
  let sends = 0
  return (first) => {
    const nowMs = world.now()
    const send = sends++
    let leaving: readonly Outgoing<M>[] = [first]
    for (const [line, { fault, timing, random }] of lines.entries()) {
      const { share = 1, fromMs = 0, untilMs = Number.POSITIVE_INFINITY } = timing
      if (nowMs < fromMs || nowMs >= untilMs) continue
      leaving = leaving.flatMap((outgoing, index) => {
        const instead = fault.apply(outgoing, { from: node, nodes, nowMs, random })
        return instead !== undefined && plan.occurs(fault.name, share, `${node}.${line}.${send}.${index}`) ? instead : [outgoing]
      })
    }
    return leaving
  }
}

/** Sends nothing, or nothing to some: silence, eclipse, withholding. `isMeant` narrows it to some messages. */
export function dropping<M>(
  options: { readonly to?: readonly number[]; readonly isMeant?: (message: M) => boolean } = {},
): ByzantineFault<M> {
  const { to, isMeant = () => true } = options
  return {
    name: 'dropping',
    apply: (outgoing) => ((to === undefined || to.includes(outgoing.to)) && isMeant(outgoing.message) ? [] : undefined),
  }
}

/** Sends late, each message by its own time. */
export function delaying<M>(delayMsMin: number, delayMsMax: number = delayMsMin): ByzantineFault<M> {
  check(delayMsMin >= 0 && delayMsMax >= delayMsMin, `a delay must be 0 or more and the second not below, got ${delayMsMin}, ${delayMsMax}`)
  return {
    name: 'delaying',
    apply: (outgoing, { random }) => [{ ...outgoing, delayMs: outgoing.delayMs + delayMsMin + random.next() * (delayMsMax - delayMsMin) }],
  }
}

/** Sends something else: what `change` returns; `undefined` leaves the message alone. */
export function altering<M>(change: (message: M, random: Random) => M | undefined, bytesOf?: (message: M) => number): ByzantineFault<M> {
  return {
    name: 'altering',
    apply: (outgoing, { random }) => {
      const message = change(outgoing.message, random)
      if (message === undefined) return undefined
      return [{ ...outgoing, message, bytes: bytesOf?.(message) ?? outgoing.bytes }]
    },
  }
}

export interface Fork<M> {
  /** Names what must not differ, `header 7`; `undefined` for a message that is not forked. */
  readonly keyOf: (message: M) => string | undefined
  /** The other message of number `copy`, from 1; made once for each key and copy. */
  readonly variant: (message: M, copy: number) => M
  /** Messages for one key, the true one included. @default 2 */
  readonly copies?: number
}

const FORKS_MAX = 4096

/** Says different things to different nodes: for each key the receivers fall into `copies` disjoint sets, and each set hears one story. */
export function equivocating<M>({ keyOf, variant, copies = 2 }: Fork<M>): ByzantineFault<M> {
  check(Number.isInteger(copies) && copies >= 2, `copies must be a whole number from 2, got ${copies}`)
  const forks = new Map<string, { readonly setOf: readonly number[]; readonly variants: Map<number, M> }>()
  return {
    name: 'equivocating',
    apply: (outgoing, { from, nodes, random }) => {
      const key = keyOf(outgoing.message)
      if (key === undefined) return undefined
      let fork = forks.get(key)
      if (fork === undefined) {
        const others = Array.from({ length: nodes }, (_, node) => node).filter((node) => node !== from)
        const setOf = new Array<number>(nodes).fill(0)
        for (const [place, other] of random.stream(key).shuffle(others).entries()) setOf[other] = place % copies
        fork = { setOf, variants: new Map() }
        forks.set(key, fork)
        if (forks.size > FORKS_MAX) forks.delete(forks.keys().next().value as string)
      }
      const copy = fork.setOf[outgoing.to] as number
      if (copy === 0) return undefined
      const message = fork.variants.get(copy) ?? variant(outgoing.message, copy)
      fork.variants.set(copy, message)
      return [{ ...outgoing, message }]
    },
  }
}

/** Sends, behind a message, an old one again: one of the last `windowMax`, to whom it went before or, with `toAnyone`, to any node. */
export function replaying<M>({
  windowMax = 256,
  toAnyone = false,
}: {
  readonly windowMax?: number
  readonly toAnyone?: boolean
} = {}): ByzantineFault<M> {
  check(Number.isInteger(windowMax) && windowMax >= 1, `windowMax must be a whole number from 1, got ${windowMax}`)
  const window: Outgoing<M>[] = []
  let seen = 0
  return {
    name: 'replaying',
    apply: (outgoing, { from, nodes, random }) => {
      const old = window.length === 0 ? undefined : random.pick(window)
      const other = toAnyone ? random.below(nodes) : old?.to
      window[seen++ % windowMax] = outgoing
      return old === undefined || other === undefined || other === from ? undefined : [outgoing, { ...old, to: other }]
    },
  }
}

/** Sends, beside a message, what `invent` makes up; an empty list does nothing. */
export function inventing<M>(invent: (outgoing: Outgoing<M>, context: FaultContext) => readonly Outgoing<M>[]): ByzantineFault<M> {
  return {
    name: 'inventing',
    apply: (outgoing, context) => {
      const invented = invent(outgoing, context)
      return invented.length === 0 ? undefined : [outgoing, ...invented]
    },
  }
}
