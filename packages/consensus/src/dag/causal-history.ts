/** Walks over a DAG from child to parent, depth first, without recursion. What lies at or below a floor is never looked at. */
import type { Mode, Vertex, VertexReference } from './contract.ts'
import type { DagStore } from './dag-store.ts'
import { assert } from './invariant.ts'

/**
 * `from` and its ancestors of rounds above `floor`, in no order that means anything.
 * @param isLeftOut - what is neither listed nor walked through.
 */
export function historyOf<M extends Mode>(
  dag: DagStore<M>,
  from: Vertex,
  floor: number,
  isLeftOut: (vertex: VertexReference) => boolean = () => false,
): Vertex[] {
  const history = [from]
  const seen = new Set<string>([from.key])
  for (let at = 0; at < history.length; at++) {
    for (const parent of (history[at] as Vertex).parents) {
      if (parent.round <= floor || seen.has(parent.key) || isLeftOut(parent)) continue
      const vertex = dag.get(parent.key)
      assert(vertex !== undefined, `the history of ${from.key} is not complete: ${parent.key}`)
      seen.add(parent.key)
      history.push(vertex)
    }
  }
  return history
}

/** Whether `target` can be reached from `from` through parents. */
export function isAncestor<M extends Mode>(dag: DagStore<M>, target: Vertex, from: Vertex): boolean {
  return historyOf(dag, from, target.round - 1).includes(target)
}
