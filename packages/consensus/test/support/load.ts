/** Open-loop clients of a cluster: transactions at scheduled times, each different from all others. */
import type { Authority } from '../../src/wire/types.ts'
import type { Cluster } from './cluster.ts'

export interface Load {
  readonly everyMs: number
  readonly forMs: number
  /** @default 64 */
  readonly bytes?: number
  /** @default all */
  readonly nodes?: readonly Authority[]
  /** In each submission. @default 1 */
  readonly count?: number
}

/** From now on. Nodes that are down at a time lose that turn, as a refused client would. */
export function feed(cluster: Cluster, { everyMs, forMs, bytes = 64, nodes, count = 1 }: Load): void {
  const targets = nodes ?? cluster.nodes.map(({ authority }) => authority)
  for (let atMs = 0; atMs < forMs; atMs += everyMs) {
    cluster.after(atMs, () => {
      for (const authority of targets)
        cluster.submit(
          authority,
          Array.from({ length: count }, () => cluster.random.bytes(bytes)),
        )
    })
  }
}
