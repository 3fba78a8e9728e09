import { createKeyPair } from '@selvedge/crypto'
import { expect, test } from 'vitest'
import { connectOverWebSocket } from '../src/index.ts'
import { MemoryContent } from './node.ts'
import { CHAIN_ID, noiseRecordOf, servingUnits, startPaidNode } from './paying-node.ts'
import { DATA, clientOf, bytesOf, errorOf, isData, faultsOf, paidTo, settled } from './paying-world.ts'

test('over WebSocket the same bytes are paid the same', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const cid = await content.add({ file: DATA })
  const costs = []
  for (const connect of [undefined, connectOverWebSocket]) {
    const node = await startPaidNode(servingUnits(content))
    const client = clientOf({ nodes: [node], ...(connect === undefined ? {} : { connect }) })
    expect(isData(await bytesOf(await client.get(root)))).toBe(true)
    expect(isData(await bytesOf(await client.get(cid)))).toBe(true)
    await client.close()
    await settled(node)
    expect(faultsOf(node)).toEqual([])
    expect(paidTo(node)).toEqual(client.cost())
    costs.push(client.cost())
  }
  expect(costs[1]).toEqual(costs[0])
})

test("a record of the key for sessions that is not the node's own for this chain is not used", async () => {
  const content = new MemoryContent()
  const identity = createKeyPair()
  const node = await startPaidNode(servingUnits(content), { identity })
  const x25519 = new Uint8Array(32).fill(9)
  const { url, noiseRecord } = node.websocket
  for (const [record, code] of [
    [noiseRecord.subarray(1), 'CLIENT_UNREACHABLE'],
    [noiseRecord.with(135, noiseRecord[135]! ^ 1), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(createKeyPair(), x25519), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(identity, x25519, CHAIN_ID + 1), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(identity, x25519), 'CLIENT_UNREACHABLE'], // signed, and not the key that the node has
  ] as const) {
    const client = clientOf({ nodes: [{ ...node, websocket: { url, noiseRecord: record } }], connect: connectOverWebSocket })
    expect((await errorOf(async () => await client.get(new Uint8Array(32)))).code).toBe(code)
  }
  expect(node.meters).toEqual([])
})
