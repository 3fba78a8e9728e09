/** Where a node is killed: at the persists, sends and emissions of its own, in their order. */
import type { Authority } from '../../src/wire/types.ts'
import { frameTypeOf } from '../../src/wire/frames.ts'
import type { Boundary, Cluster, ClusterOptions } from './cluster.ts'
import { watch } from './watch.ts'

export interface CrashWorld {
  readonly name: string
  readonly isLost: NonNullable<ClusterOptions['isLost']>
  readonly begin: (cluster: Cluster) => void
  /** What the node must have put away, said and handed over. */
  readonly met: readonly string[]
  /** It is killed where it does one of these; at every place without a list. */
  readonly killedAt?: readonly string[]
}

export interface Kill {
  /** Counts the places of the node, from 1. */
  readonly place: number
  readonly how: 'crash' | 'crashAfter'
}

/** Of each place: the kinds of its records, or of its frame. */
export type Places = readonly (readonly string[])[]

/** Watches all nodes, and notes the places of `victim` as they come; it is killed at one of them, and comes back after `restartMs`. */
export function placesOf(cluster: Cluster, victim: Authority, restartMs: number, kill: Kill | undefined): Places {
  const places: string[][] = []
  watch(cluster)
  const { onBoundary } = cluster
  cluster.onBoundary = (node, boundary) => {
    onBoundary(node, boundary)
    if (node.authority !== victim || !['persist', 'send', 'emit'].includes(boundary.type)) return undefined
    if (places.push(namesOf(boundary)) !== kill?.place) return undefined
    cluster.after(restartMs, () => cluster.restart(victim))
    return kill.how
  }
  return places
}

function namesOf(boundary: Boundary): string[] {
  if (boundary.type === 'persist') return boundary.records.map(({ kind }) => `persist ${kind}`)
  return [boundary.type === 'send' ? `send ${frameTypeOf(boundary.frame)}` : boundary.type]
}

export const isKilledAt = ({ killedAt }: CrashWorld, names: readonly string[]): boolean =>
  killedAt?.some((name) => names.includes(name)) ?? true
