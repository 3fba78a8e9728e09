import { connectSession } from '@selvedge/handshake'
import { expect, test } from 'vitest'
import { openDownload } from '../src/download.ts'
import { createClient } from '../src/index.ts'
import { createNodeLink } from '../src/node-link.ts'
import { createPurse } from '../src/purse.ts'
import { targetOf } from '../src/target.ts'
import { MemoryContent } from './node.ts'
import { CHAIN_ID, payingAccount, servingUnits, startPaidNode } from './paying-node.ts'
import { DATA, clientOf, bytesOf, errorOf, isData, sumOf, faultsOf, paidTo, settled } from './paying-world.ts'

test.each([
  [0n, 0],
  [7n, 1],
  [20n, 1],
])('a cap of %s µUSD is where it stops', async (capMicroUsd, sessions) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA) // some 30 µUSD
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const client = clientOf({ nodes, capMicroUsd })
  let bytes = 0
  const error = await errorOf(async () => {
    for await (const part of await client.get(root)) bytes += part.bytes.length
  })
  expect(error.code).toBe('CLIENT_CAP')
  expect((await errorOf(async () => await client.get(root))).code).toBe('CLIENT_CAP')
  await client.close()
  await settled(...nodes)
  expect(client.cost().microUsd).toBe(capMicroUsd)
  expect(sumOf(nodes.map((node) => paidTo(node).microUsd))).toBe(capMicroUsd)
  expect(nodes.flatMap(({ meters }) => meters)).toHaveLength(sessions) // the second node was not even asked
  expect(nodes.flatMap(faultsOf)).toEqual([])
  const steps = nodes.flatMap(({ meters }) => meters).map(({ window }) => window / 4)
  expect(BigInt(bytes)).toBeLessThanOrEqual(client.cost().bytes + BigInt(Math.max(0, ...steps))) // verified, and not yet due to be signed for
})

test('one cap holds for two nodes that are asked at once', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const account = payingAccount()
  const purse = createPurse({ account, chainId: CHAIN_ID, capMicroUsd: 40n })
  const pace = { bytesPerSecondMin: 0, rateWindowMs: 60_000 }
  const links = nodes.map((node) =>
    createNodeLink(node, connectSession, { chainId: CHAIN_ID, lanesMax: 4, stallTimeoutMs: 60_000, pace, purse }),
  )
  const codes = await Promise.all(
    links.map(async (link) => (await errorOf(async () => await bytesOf(await openDownload([link], targetOf(root), {})))).code),
  )
  expect(codes).toContain('CLIENT_CAP')
  await Promise.all(links.map((link) => link.close()))
  await settled(...nodes)
  expect(purse.cost.microUsd).toBe(40n)
  expect(sumOf(nodes.map((node) => paidTo(node).microUsd))).toBe(40n)
})

test("the delegation's own cap ends a node's session, and the next node is asked", async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const client = clientOf({ nodes }, payingAccount({ spendCap: 20n }))
  expect(isData(await bytesOf(await client.get(root)))).toBe(true)
  await client.close()
  await settled(...nodes)
  expect(nodes.flatMap(faultsOf)).toEqual([])
  expect(paidTo(nodes[0]!).microUsd).toBe(20n)
  expect(paidTo(nodes[1]!).microUsd).toBeLessThanOrEqual(20n)
})

test("at prices above the client's own most nothing is signed, whichever node is asked; at them it is", async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  for (const [bytePrice, code] of [
    [9n, 'CLIENT_TOO_DEAR'],
    [10n, undefined],
  ] as const) {
    const client = clientOf({ nodes, priceMax: { bytePrice, cpuPrice: 0n } })
    const asked = async (): Promise<boolean> => isData(await bytesOf(await client.get(root)))
    if (code === undefined) expect(await asked()).toBe(true)
    else expect(await errorOf(asked)).toMatchObject({ code, message: expect.stringContaining('price-refused'), details: { laneCode: 19 } })
    await client.close()
    await settled(...nodes)
    expect(nodes.map((node) => paidTo(node).bytes > 0n)).toEqual([code === undefined, false])
    expect(client.cost()).toEqual(code === undefined ? paidTo(nodes[0]!) : { bytes: 0n, microUsd: 0n })
  }
  expect((await errorOf(async () => createClient({ nodes, priceMax: { bytePrice: 1n, cpuPrice: 1n } }))).code).toBe('CLIENT_BAD_ARGUMENT')
})
