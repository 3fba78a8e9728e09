/** Ticks in place of signatures, over real sessions with the real books of a node: what is paid is the same to the byte. */
import { expect, test } from 'vitest'
import { connectOverWebSocket, createClient } from '../src/index.ts'
import { createTicks } from '../src/ticks.ts'
import { MemoryContent } from './node.ts'
import { payingAccount, servingUnits, startPaidNode } from './paying-node.ts'
import { bytesOf, clientOf, DATA, errorOf, faultsOf, isData, paidTo, settled } from './paying-world.ts'

test.each(['TLS', 'WebSocket'])('over %s a client that ticks pays what one that signs pays, with fewer signatures', async (by) => {
  const content = new MemoryContent()
  const [root, cid] = [await content.addRoot(DATA), await content.add({ file: DATA })]
  const connect = by === 'TLS' ? {} : { connect: connectOverWebSocket }
  const seen = []
  for (const ticks of [{}, { ticks: createTicks() }]) {
    const node = await startPaidNode(servingUnits(content))
    const client = clientOf({ nodes: [node], ...connect, ...ticks })
    for (const address of [root, cid]) expect(isData(await bytesOf(await client.get(address)))).toBe(true)
    await client.close()
    await settled(node)
    expect(faultsOf(node)).toEqual([])
    expect(paidTo(node)).toEqual(client.cost()) // by acknowledgements alone: at the end all is signed for
    const [meter] = node.meters
    seen.push({ cost: client.cost(), ticks: meter!.ticks, signatures: meter!.acknowledgements.length })
  }
  const [signing, ticking] = seen
  expect(ticking!.cost).toEqual(signing!.cost)
  expect([signing!.ticks, ticking!.ticks > 0, ticking!.signatures < signing!.signatures]).toEqual([0, true, true])
})

test('behind the last element of a chain all is signed for', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node], ticks: createTicks({ length: 3 }) })
  expect(isData(await bytesOf(await client.get(await content.addRoot(DATA))))).toBe(true)
  await client.close()
  await settled(node)
  expect([faultsOf(node), paidTo(node)]).toEqual([[], client.cost()])
  expect(node.meters[0]!.ticks).toBeLessThanOrEqual(2)
})

test.each([0, 1, 1.5, 65_537, Number.NaN])(
  'a chain of %d elements is the caller’s mistake, and so are ticks of a guest',
  async (length) => {
    expect((await errorOf(async () => createTicks({ length }))).code).toBe('CLIENT_BAD_ARGUMENT')
    const options = { nodes: [`selvedge://127.0.0.1:1/${'ab'.repeat(32)}`], ticks: createTicks() }
    expect((await errorOf(async () => createClient(options))).code).toBe('CLIENT_BAD_ARGUMENT')
    await createClient({ ...options, account: payingAccount() }).close()
  },
)
