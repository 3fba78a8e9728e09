/** Nodes that come and go: sessions as long as a Weibull distribution says, as measured in open networks (shape about 0.5), and pauses between. */
import { check } from './errors.ts'
import { weibull } from './exact-math.ts'
import type { Random } from './random.ts'

export interface ChurnOptions {
  /** Scale of a session: 63 % are shorter. */
  readonly sessionMs: number
  /** Below 1: many short sessions and some very long. @default 0.5 */
  readonly shape?: number
  /** Scale of the time between two sessions, of the same shape. */
  readonly absenceMs: number
}

export interface ChurnWorld {
  now(): number
  at(timeMs: number, fn: () => void): unknown
}

/** Lets each of `nodes` leave and return again and again, until the function that it returns is called. All begin in a session. */
export function startChurn(
  world: ChurnWorld,
  random: Random,
  nodes: readonly { crash(): void; restart(): void }[],
  { sessionMs, shape = 0.5, absenceMs }: ChurnOptions,
): () => void {
  check(sessionMs > 0 && absenceMs > 0, `sessionMs and absenceMs must be above 0, got ${sessionMs} and ${absenceMs}`)
  check(shape >= 0.2 && shape <= 10, `shape must be 0.2 to 10, got ${shape}`)
  let isOver = false
  for (const [index, node] of nodes.entries()) {
    const chance = random.stream(index)
    const leave = (): void => {
      if (isOver) return
      node.crash()
      world.at(world.now() + weibull(chance, absenceMs, shape), come)
    }
    const come = (): void => {
      if (isOver) return
      node.restart()
      world.at(world.now() + weibull(chance, sessionMs, shape), leave)
    }
    world.at(world.now() + weibull(chance, sessionMs, shape), leave)
  }
  return () => {
    isOver = true
  }
}
