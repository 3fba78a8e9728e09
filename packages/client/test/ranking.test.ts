import { expect, test } from 'vitest'
import type { Connect, ConnectOptions } from '../src/index.ts'
import { rankNodes, type ScoredNode } from '../src/discovery.ts'
import { randomOf } from './spread-model.ts'

const BEST = 100_000_000

function nodeOf(nodeIndex: number, score: number): ScoredNode {
  return { host: 'node.example', port: nodeIndex + 1, nodeKey: new Uint8Array(32).fill(nodeIndex), nodeIndex, score }
}

/** Sessions that take so long, by a clock that only they move; undefined: there is no node. */
function networkOf(latencies: readonly (number | undefined)[]): {
  readonly connect: Connect
  readonly clockMs: () => number
  readonly tried: ConnectOptions[]
  readonly open: Set<number>
} {
  let nowMs = 0
  const tried: ConnectOptions[] = []
  const open = new Set<number>()
  const connect: Connect = async (options) => {
    const place = options.port - 1
    tried.push(options)
    await Promise.resolve()
    const ms = latencies[place]
    if (ms === undefined) throw new Error('nobody is there')
    nowMs += ms
    open.add(place)
    return {
      openLane: async () => Promise.reject(new Error('a probe opens no lane')),
      close: async () => void open.delete(place),
      closed: new Promise(() => {}),
    }
  }
  return { connect, clockMs: () => nowMs, tried, open }
}

const placesOf = (nodes: readonly ScoredNode[]): number[] => nodes.map(({ nodeIndex }) => nodeIndex)

test('near nodes come before far ones of the same score, and those that cannot be reached last', async () => {
  const { open, tried, ...network } = networkOf([80, undefined, 20, 40])
  const nodes = [0, 1, 2, 3].map((i) => nodeOf(i, BEST))
  const ranked = await rankNodes(nodes, { chainId: 1337, ...network, probesAtOnce: 1 })
  expect(placesOf(ranked)).toEqual([2, 3, 0, 1])
  expect(ranked.map(({ latencyMs }) => latencyMs)).toEqual([20, 40, 80, undefined])
  expect(open.size).toBe(0) // no probe is left open
  expect(tried.every(({ identity, delegation }) => identity === undefined && delegation === undefined)).toBe(true)
})

test('a node of half the score counts as twice as far, and one without any as ten times, no further', async () => {
  const { connect, clockMs } = networkOf([30, 50, 8, 2])
  const nodes = [nodeOf(0, BEST / 2), nodeOf(1, BEST), nodeOf(2, 0), nodeOf(3, 1)]
  expect(placesOf(await rankNodes(nodes, { chainId: 1, connect, clockMs, probesAtOnce: 1 }))).toEqual([3, 1, 0, 2])
})

test('of many only some are tried, those of a higher score more often; the others follow by score', async () => {
  const times = Array.from({ length: 40 }, () => 0)
  for (let seed = 1; seed <= 200; seed++) {
    const { connect, clockMs, tried } = networkOf(times.map(() => 10))
    const nodes = times.map((_, i) => nodeOf(i, i < 20 ? BEST : BEST / 10))
    const ranked = await rankNodes(nodes, { chainId: 1, connect, clockMs, probesMax: 6, probesAtOnce: 3, random: randomOf(seed) })
    expect(tried).toHaveLength(6)
    expect(new Set(placesOf(ranked)).size).toBe(40)
    expect(ranked.slice(6).map(({ score }) => score)).toEqual(
      ranked
        .slice(6)
        .map(({ score }) => score)
        .toSorted((a, b) => b - a),
    )
    for (const { port } of tried) times[port - 1]!++
  }
  const [good, bad] = [times.slice(0, 20), times.slice(20)].map((each) => each.reduce((sum, count) => sum + count, 0))
  expect(good! / bad!).toBeGreaterThan(4)
  expect(Math.min(...times.slice(0, 20))).toBeGreaterThan(0)
})

test('a node that does not answer is given up after its time, and when nobody answers that is said', async () => {
  const silent: Connect = async ({ signal }) =>
    await new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error), { once: true }))
  const options = { chainId: 1, connect: silent, probeTimeoutMs: 5 }
  await expect(rankNodes([nodeOf(0, BEST), nodeOf(1, BEST)], options)).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' })
  const controller = new AbortController()
  const reason = new Error('enough')
  const ranking = rankNodes([nodeOf(0, BEST)], { chainId: 1, connect: silent, signal: controller.signal })
  controller.abort(reason)
  await expect(ranking).rejects.toBe(reason)
})
