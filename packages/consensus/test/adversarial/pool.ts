/** All vertices of a schedule, whoever has them: what liars choose their parents from. */
import type { Random } from '@selvedge/simulator'
import type { Vertex, VertexReference } from '../../src/dag/contract.ts'
import { toHex } from '../../src/wire/bytes.ts'
import type { Config } from './config.ts'

export interface Pool {
  /** In the order of creation; a vertex is named by its place here in recordings. */
  readonly vertices: readonly Vertex[]
  readonly highestRound: number
  /** By author, each with everything it signed for the round. */
  round(round: number): readonly (readonly Vertex[])[]
  slot(round: number, author: number): readonly Vertex[]
  /** How many vertices there are in rounds `from` to `to`. */
  countIn(from: number, to: number): number
  indexOf(vertex: Vertex): number
  get(key: string): Vertex | undefined
  genesis(author: number): VertexReference
  create(round: number, author: number, parents: readonly VertexReference[], clockMs: number): Vertex
}

export function createPool({ size, setup }: Config, random: Random): Pool {
  const vertices: Vertex[] = []
  const indices = new Map<string, number>()
  const rounds: Vertex[][][] = []
  const counts: number[] = []
  const digests = random.stream('digests')
  const genesis = Array.from({ length: size }, (_, author) => ({ round: 0, author, key: toHex(drawDigest(digests)) }))
  const roundOf = (round: number): Vertex[][] => {
    while (rounds.length <= round) {
      rounds.push(Array.from({ length: size }, () => []))
      counts.push(0)
    }
    return rounds[round]!
  }
  const get = (key: string): Vertex | undefined => vertices[indices.get(key) ?? -1]
  return {
    vertices,
    get highestRound() {
      return Math.max(0, rounds.length - 1)
    },
    round: roundOf,
    slot: (round, author) => roundOf(round)[author]!,
    countIn(from, to) {
      let count = 0
      for (let round = from; round <= to && round < counts.length; round++) count += counts[round]!
      return count
    },
    indexOf: ({ key }) => indices.get(key)!,
    get,
    genesis: (author) => genesis[author]!,
    create(round, author, parents, clockMs) {
      let createdAtMs = clockMs
      for (const { key } of parents) createdAtMs = Math.max(createdAtMs, get(key)?.createdAtMs ?? setup.previous.timestampMs)
      const digest = drawDigest(digests)
      const vertex = { round, author, digest, key: toHex(digest), createdAtMs, parents }
      indices.set(vertex.key, vertices.length)
      vertices.push(vertex)
      roundOf(round)[author]!.push(vertex)
      counts[round]! += 1
      return vertex
    },
  }
}

function drawDigest(random: Random): Uint8Array {
  const digest = new Uint8Array(32) // no view of words: the first look at `buffer` would move each digest out of the heap
  for (let at = 0; at < 32; at += 4) {
    const word = random.u32()
    digest[at] = word
    digest[at + 1] = word >>> 8
    digest[at + 2] = word >>> 16
    digest[at + 3] = word >>> 24
  }
  return digest
}

export const referenceOf = ({ round, author, key }: Vertex): VertexReference => ({ round, author, key })
