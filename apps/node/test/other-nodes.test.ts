/** Where clients go when a node is full (sessions.md §3): who is named, in which turn, and that the node that people run names them. */
import type { Application } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto'
import { connectSession } from '@selvedge/handshake'
import { expect, onTestFinished, test } from 'vitest'
import { startNode } from '../src/compose/node.ts'
import { createOtherNodes, othersOf } from '../src/ledger-tools/other-nodes.ts'
import { scratchFolder } from './harness.ts'

type View = ReturnType<Application['view']>
type Node = View['nodes'][number]

const keyOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1)
const nodeOf = (index: number, changes: Partial<Node> = {}): Node => ({
  index,
  nodeKey: keyOf(index),
  bls: new Uint8Array(48),
  noiseRecord: new Uint8Array(136),
  addresses: [],
  owner: new Uint8Array(20),
  stake: 1n,
  delegated: 0n,
  score: 5,
  state: 'active',
  ...changes,
})

test('active ones are named, the best first, and never the node itself', () => {
  const nodes = [
    nodeOf(0),
    nodeOf(1, { score: 9 }),
    nodeOf(2, { state: 'jailed', score: 10 }),
    nodeOf(3, { state: 'optingOut' }),
    nodeOf(4, { state: 'optingIn' }),
    nodeOf(5, { score: 9 }),
    nodeOf(6, { score: 10 }),
  ]
  expect(othersOf(nodes, keyOf(6))).toEqual([1, 5, 0])
})

test('of more than 16 each call names the next, and a new epoch begins anew', () => {
  const others = createOtherNodes(keyOf(0))
  let view = { epoch: 3, nodes: Array.from({ length: 21 }, (_, index) => nodeOf(index)) } as Partial<View>
  const attachment = others.attach({ view: () => view } as Application, { submit: async () => {} })
  expect(others.list()).toEqual([])
  attachment.onBlock(undefined)
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
  expect(others.list()).toEqual(range(1, 16))
  expect(others.list()).toEqual([...range(17, 20), ...range(1, 12)])
  view = { epoch: 4, nodes: [nodeOf(0), nodeOf(9)] }
  attachment.onBlock(undefined)
  expect(others.list()).toEqual([9])
})

test('a node that is full, or stops, sends clients to those', async () => {
  const others = createOtherNodes(keyOf(0))
  const nodes = [nodeOf(0), nodeOf(7), nodeOf(11)]
  others.attach({ view: () => ({ epoch: 0, nodes }) as Partial<View> } as Application, { submit: async () => {} }).onBlock(undefined)
  const place = { dataDir: await scratchFolder(), host: '127.0.0.1', port: 0, origins: [], chainId: 5 }
  const node = await startNode(createKeyPair(), { ...place, maxSessions: 1, others: others.list })
  onTestFinished(() => node.stop())
  const target = { host: node.host, port: node.port, nodeKey: node.nodeKey, chainId: 5 }
  const session = await connectSession(target)
  await expect(connectSession(target)).rejects.toMatchObject({ laneCode: 17, goaway: { nodes: [7, 11] } })
  await node.stop()
  expect(await session.closed).toMatchObject({ laneCode: 17, goaway: { nodes: [7, 11] } })
})
