/**
 * DAGs by hand. A vertex is named `round.author`, an equivocation `round.author'`; a digest is the hash of what the vertex says.
 *
 *   const dag = createDrawing(4)
 *   dag.round(1)                          // everyone, naming everyone
 *   dag.add('2.0', ['1.0', '1.1', '1.2'])
 */
import { sha256 } from '@selvedge/crypto/sha256'
import type { Commit, CommitRule, Mode, OrderSetup, Vertex, VertexReference } from '../../src/dag/contract.ts'
import { toHex } from '../../src/wire/bytes.ts'

export const setupOf = (count: number, changes: Partial<OrderSetup> = {}): OrderSetup => ({
  chainId: 1337,
  epoch: 7,
  genesisHash: new Uint8Array(32).fill(1),
  stakes: Array.from({ length: count }, () => 1),
  beacon: new Uint8Array(32).fill(2),
  previous: { subDagDigest: new Uint8Array(32).fill(3), timestampMs: 1_000 },
  ...changes,
})

export interface Drawing {
  /** In the order of drawing. */
  readonly vertices: readonly Vertex[]
  vertex(name: string): Vertex
  /** Draws `name` with `parents`; what stands in round 0 is genesis. @returns the vertex */
  add(name: string, parents: readonly string[], createdAtMs?: number): Vertex
  /** Draws a vertex of each of `authors`, each naming all of `parents` (authors of the round before); own first. */
  round(round: number, authors?: readonly number[], parents?: readonly number[]): void
  nameOf(digest: Uint8Array): string
}

export function createDrawing(count: number): Drawing {
  const everyone = Array.from({ length: count }, (_, author) => author)
  const byName = new Map<string, Vertex>()
  const names = new Map<string, string>()
  const referenceOf = (name: string): VertexReference => {
    const [round = 0, author = 0] = name.replaceAll("'", '').split('.').map(Number)
    if (round === 0) return { round, author, key: toHex(sha256(new TextEncoder().encode(`genesis ${author}`))) }
    return vertex(name)
  }
  const vertex = (name: string): Vertex => {
    const found = byName.get(name)
    if (found === undefined) throw new Error(`${name} is not drawn`)
    return found
  }
  const add: Drawing['add'] = (name, parents, createdAtMs) => {
    const [round = 0, author = 0] = name.replaceAll("'", '').split('.').map(Number)
    const references = parents.map(referenceOf)
    const text = `${name} ${createdAtMs ?? 1_000 + round} ${references.map(({ key }) => key).join(' ')}`
    const digest = sha256(new TextEncoder().encode(text))
    const drawn: Vertex = {
      round,
      author,
      digest,
      key: toHex(digest),
      createdAtMs: createdAtMs ?? 1_000 + round,
      parents: references.map(({ round: at, author: by, key }) => ({ round: at, author: by, key })),
    }
    byName.set(name, drawn)
    names.set(drawn.key, name)
    return drawn
  }
  return {
    get vertices() {
      return [...byName.values()]
    },
    vertex,
    add,
    round(round, authors = everyone, parents = everyone) {
      for (const author of authors) {
        const own = parents.filter((parent) => parent === author)
        const others = parents.filter((parent) => parent !== author)
        add(
          `${round}.${author}`,
          [...own, ...others].map((parent) => `${round - 1}.${parent}`),
        )
      }
    },
    nameOf(digest) {
      return names.get(toHex(digest)) ?? 'unknown'
    },
  }
}

/** Inserts what is not known yet and commits. */
export function feed<M extends Mode>(rule: CommitRule<M>, drawing: Drawing, names?: readonly string[]): readonly Commit[] {
  for (const vertex of names?.map((name) => drawing.vertex(name)) ?? drawing.vertices) rule.insert(vertex)
  return rule.tryCommit()
}

/** `2.1: 1.0 1.1 2.1`: the leader, then what it ordered. */
export function tell(drawing: Drawing, commits: readonly Commit[]): readonly string[] {
  return commits.map(({ subDag, vertices }) => {
    return `${drawing.nameOf(subDag.leader.digest)}: ${vertices.map(({ digest }) => drawing.nameOf(digest)).join(' ')}`
  })
}
