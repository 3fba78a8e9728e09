/** A client that is closed in the middle ends what it reads, and pays all that came of it; nothing of it is the node's loss. */
import { expect, onTestFinished, test } from 'vitest'
import { type ClientError, createClient, type Download } from '../src/index.ts'
import { createSharing, joining } from '../src/sharing.ts'
import { MemoryContent } from './node.ts'
import { type PaidNode, servingUnits, startPaidNode } from './paying-node.ts'
import { clientOf, errorOf, faultsOf, paidTo, settled, TWICE } from './paying-world.ts'

/** Reads on until it is ended; resolves once the first bytes are here. */
async function reading(download: Download): Promise<{ readonly told: Promise<ClientError> }> {
  const parts = download[Symbol.asyncIterator]()
  await parts.next()
  const rest = async (): Promise<void> => {
    while ((await parts.next()).done !== true);
  }
  return { told: errorOf(rest) }
}

async function start(): Promise<{ readonly node: PaidNode; readonly root: Uint8Array }> {
  const content = new MemoryContent()
  const root = await content.addRoot(TWICE)
  return { node: await startPaidNode(servingUnits(content)), root }
}

test('what came until then is paid to the last byte, and whoever reads is told', async () => {
  const { node, root } = await start()
  const client = clientOf({ nodes: [node] })
  const readers = [await reading(await client.get(root)), await reading(await client.get(root))]
  await client.close()
  await settled(node)
  for (const { told } of readers) expect((await told).code).toBe('CLIENT_INTERRUPTED')
  const [meter] = node.meters
  const lanes = [...meter!.lanes.values()]
  expect(lanes.map(({ how, sent, acknowledged }) => [how, acknowledged === sent])).toEqual([
    ['reset-by-client', true],
    ['reset-by-client', true],
  ])
  expect([faultsOf(node), node.books.losses, meter!.last!.isFinal]).toEqual([[], { writtenOffBytes: 0n, defaults: 0 }, true])
  expect(paidTo(node)).toEqual(client.cost())
})

test('so is what came to whoever reads with its session, once he is closed', async () => {
  const { node, root } = await start()
  const sharing = createSharing()
  const client = clientOf({ nodes: [node], sharing })
  const { access, takeReport } = await sharing.share({ ttlSeconds: 60, bytesMax: 2 ** 30 })
  const holder = createClient(joining(access, { report: (report) => takeReport(structuredClone(report)) }))
  onTestFinished(() => holder.close())
  const { told } = await reading(await holder.get(root))
  await holder.close()
  expect((await told).code).toBe('CLIENT_INTERRUPTED')
  await client.close()
  await settled(node)
  const lane = node.meters[0]!.lanes.get(8_193)!
  expect([lane.how, lane.acknowledged]).toEqual(['reset-by-client', lane.sent])
  expect([faultsOf(node), node.books.losses, paidTo(node)]).toEqual([[], { writtenOffBytes: 0n, defaults: 0 }, client.cost()])
})
