import { content, contentCounts, cursors } from '@selvedge/application'
import { CODES, type ContentEntry } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { dropContentOfAbsent, WALKED_ROWS_MAX } from '../src/epoch/content.ts'
import { codesOf, Network, seedOf } from './support/network.ts'
import { stepOf } from './support/step.ts'

const roots = Array.from({ length: 5 }, (_, i) => seedOf(`content ${i}`)).toSorted((a, b) => Buffer.compare(a, b))
const entries = (isAdded: boolean, count = roots.length): ContentEntry[] => roots.slice(0, count).map((root) => ({ root, isAdded }))

function update(network: Network, nonce: bigint, list: readonly ContentEntry[], nodeIndex = 0): number {
  return codesOf(network.send(network.node(nodeIndex, nonce, { kind: 'contentUpdate', entries: list })))[0]!
}

const countOf = (network: Network, nodeIndex = 0): number => network.app.state.get(contentCounts, nodeIndex) ?? 0

test('rows are added once, removed once, and counted', () => {
  const network = new Network()
  expect(update(network, 0n, entries(true))).toBe(CODES.ok)
  expect(update(network, 1n, entries(true))).toBe(CODES.ok)
  expect(countOf(network)).toBe(5)
  expect(update(network, 0n, entries(true, 2), 1)).toBe(CODES.ok)
  expect(network.app.state.rows(content)).toHaveLength(7)
  expect(update(network, 2n, entries(false, 3))).toBe(CODES.ok)
  expect(countOf(network)).toBe(2)
  expect(update(network, 3n, entries(false))).toBe(CODES.ok)
  expect(countOf(network)).toBe(0)
  expect(network.app.state.rows(content)).toHaveLength(2)
  expect(update(network, 4n, [])).toBe(CODES.outOfBounds)
})

test('nobody has more rows than a node may have; taking some away is always possible', () => {
  const network = new Network({ genesis: { parameters: { contentPerNode: 3 } } })
  expect(update(network, 0n, entries(true, 4))).toBe(CODES.tooMany)
  expect(countOf(network)).toBe(0)
  expect(update(network, 1n, entries(true, 3))).toBe(CODES.ok)
  expect(
    update(network, 2n, [
      { root: roots[0]!, isAdded: false },
      { root: roots[3]!, isAdded: true },
    ]),
  ).toBe(CODES.ok)
  expect(countOf(network)).toBe(3)
})

test('rows of a node that has been away for two epochs go, those of others stay', () => {
  const network = new Network({ nodes: 5 })
  update(network, 0n, entries(true), 4)
  update(network, 0n, entries(true, 2), 0)
  network.send(network.call(network.nodes[4]!.owner, 'optOut', { nodeIndex: 4 }))
  network.closeEpoch()
  expect(countOf(network, 4)).toBe(5)
  network.closeEpoch()
  network.closeEpoch()
  expect(countOf(network, 4)).toBe(0)
  expect(network.app.state.rows(content).map(([{ nodeIndex }]) => nodeIndex)).toEqual([0, 0])
  expect(network.app.state.rows(cursors)).toEqual([])
})

test('who is not serving says nothing', () => {
  const network = new Network({ nodes: 5 })
  network.send(network.call(network.nodes[4]!.owner, 'optOut', { nodeIndex: 4 }))
  expect(update(network, 0n, entries(true), 4)).toBe(CODES.ok)
  network.closeEpoch()
  expect(update(network, 1n, entries(false), 4)).toBe(CODES.state)
})

test('an epoch’s end looks at so many rows and no more, on from where the last one stopped, and then from the beginning', () => {
  const step = stepOf(new Network(), { epoch: 5 })
  const { state } = step
  const rootOf = (place: number): Uint8Array => {
    const root = new Uint8Array(32)
    new DataView(root.buffer).setUint32(0, place)
    return root
  }
  const [there, gone] = [0, 9]
  for (let place = 1; place <= WALKED_ROWS_MAX; place++) state.put(content, { root: rootOf(place), nodeIndex: there }, null)
  const absent = { root: rootOf(WALKED_ROWS_MAX + 1), nodeIndex: gone }
  state.put(content, absent, null)
  state.put(contentCounts, gone, 1)
  dropContentOfAbsent(step)
  expect(state.get(content, absent)).toBeNull()
  dropContentOfAbsent(step)
  expect([state.get(content, absent), state.get(contentCounts, gone), state.rows(cursors)]).toEqual([undefined, undefined, []])
  const first = { root: rootOf(0), nodeIndex: gone }
  state.put(content, first, null)
  dropContentOfAbsent(step)
  expect(state.get(content, first)).toBeUndefined()
  expect(state.rows(content, undefined, WALKED_ROWS_MAX + 1)).toHaveLength(WALKED_ROWS_MAX)
})
