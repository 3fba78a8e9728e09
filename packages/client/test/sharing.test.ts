/** Others read with what a client pays: what they verified is paid for, to the byte. Over real TLS and real WebSockets, in this process and in one of its own. */
import { fork, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Client, type Connect, connectOverWebSocket, createClient, type NodeAddress } from '../src/index.ts'
import { type Access, type ClientSharing, createSharing, type HolderReport, joining, type Share } from '../src/sharing.ts'
import { MemoryContent } from './node.ts'
import { payingAccount, priceOfBytes, servingUnits, startPaidNode } from './paying-node.ts'
import { bytesOf, clientOf, DATA, errorOf, faultsOf, isData, paidTo, settled, TWICE } from './paying-world.ts'

const MUCH = { ttlSeconds: 600, bytesMax: 2 ** 30 }

interface Sharer {
  readonly client: Client
  readonly sharing: ClientSharing
}

function sharerOf(nodes: readonly NodeAddress[], by = 'TLS'): Sharer {
  const sharing = createSharing()
  return { client: clientOf({ nodes, sharing, ...(by === 'TLS' ? {} : { connect: connectOverWebSocket }) }), sharing }
}

/** In another context: everything between the two goes as copies. */
function holderOf({ access, takeReport }: Share, by = 'TLS'): Client {
  const report = (each: HolderReport): void => takeReport(structuredClone(each))
  const client = createClient(joining(structuredClone(access), { report, isOverWebSocket: by !== 'TLS' }))
  onTestFinished(() => client.close())
  return client
}

describe.each(['TLS', 'WebSocket'])('over %s', (by) => {
  test('by root, by CID and as a tree what the other side reads is paid by the client, to the last byte and no further', async () => {
    const content = new MemoryContent()
    const [root, cid] = [await content.addRoot(DATA), await content.add({ file: DATA })]
    const folder = await content.add({ a: DATA.subarray(0, 1_000_000), b: DATA.subarray(1_000_000) })
    const node = await startPaidNode(servingUnits(content))
    const { client, sharing } = sharerOf([node], by)
    const holder = holderOf(await sharing.share(MUCH), by)
    let received = 0
    for (const address of [root, cid]) {
      const download = await holder.get(address)
      expect(isData(await bytesOf(download))).toBe(true)
      received += download.receivedBytes
    }
    const tree = holder.getTree(folder)
    for await (const { content: bytes } of tree) for await (const _ of bytes);
    received += tree.receivedBytes
    await holder.close()
    await client.close()
    await settled(node)
    expect(faultsOf(node)).toEqual([])
    expect(client.cost()).toEqual({ bytes: BigInt(received), microUsd: priceOfBytes(BigInt(received)) })
    expect(paidTo(node)).toEqual(client.cost())
    expect([holder.cost(), holder.receipts(), node.meters.length]).toEqual([{ bytes: 0n, microUsd: 0n }, [], 1])
  })

  test('both read at once, and the sum is what both received', async () => {
    const content = new MemoryContent()
    const root = await content.addRoot(TWICE)
    const node = await startPaidNode(servingUnits(content))
    const { client, sharing } = sharerOf([node], by)
    const holders = [holderOf(await sharing.share(MUCH), by), holderOf(await sharing.share(MUCH), by)]
    const received = await Promise.all(
      [client, ...holders].map(async (each) => {
        const download = await each.get(root)
        expect(Buffer.compare(await bytesOf(download), TWICE)).toBe(0)
        return download.receivedBytes
      }),
    )
    for (const each of [...holders, client]) await each.close()
    await settled(node)
    expect(faultsOf(node)).toEqual([])
    expect(client.cost().bytes).toBe(BigInt(received.reduce((a, b) => a + b)))
    expect(paidTo(node)).toEqual(client.cost())
  })
})

test('a price is told before a byte comes, as to whoever pays', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const node = await startPaidNode(servingUnits(content))
  const { client, sharing } = sharerOf([node])
  const holder = holderOf(await sharing.share(MUCH))
  const quotes = [await client.quote(root), await holder.quote(root)]
  expect(quotes[1]).toEqual(quotes[0])
  expect(quotes[1]!.microUsdMax).toBeGreaterThan(0n)
})

test('who leaves in the middle has all that came paid; and where the node lied nothing behind what was true', async () => {
  for (const isLie of [false, true]) {
    const content = new MemoryContent()
    const root = await content.addRoot(TWICE)
    const node = await startPaidNode(servingUnits(content, isLie ? { flipAt: 1_000_000 } : {}))
    const { client, sharing } = sharerOf([node])
    const holder = holderOf(await sharing.share(MUCH))
    const download = await holder.get(root)
    if (isLie) expect((await errorOf(async () => await bytesOf(download))).code).toBe('CLIENT_UNVERIFIED')
    else for await (const { offset } of download) if (offset > 1_000_000) break
    const lane = node.meters[0]!.lanes.get(8_193)!
    await vi.waitFor(() => expect(lane.how).toBe('reset-by-client'), { timeout: 20_000 })
    await holder.close()
    await client.close()
    await settled(node)
    const { bytes } = client.cost()
    if (isLie) expect([bytes > 900_000n, bytes <= 1_000_000n]).toEqual([true, true])
    else expect([bytes > 1_000_000n, bytes]).toEqual([true, lane.sent])
    expect([faultsOf(node), paidTo(node)]).toEqual([[], client.cost()])
  }
})

test('of a share no more is paid than was allowed, whatever its other side reads and tells', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(TWICE)
  const node = await startPaidNode(servingUnits(content))
  const { client, sharing } = sharerOf([node])
  const bytesMax = 1_000_000
  const { access, takeReport } = await sharing.share({ ...MUCH, bytesMax })
  const holder = createClient({ ...joining(access, { report: takeReport }), stallTimeoutMs: 500 })
  onTestFinished(() => holder.close())
  const { code } = await errorOf(async () => await bytesOf(await holder.get(root)))
  await holder.close()
  await client.close()
  await settled(node)
  expect([code, client.cost().bytes]).toEqual(['CLIENT_INTERRUPTED', BigInt(bytesMax)])
  expect(paidTo(node)).toEqual(client.cost())
})

describe('another process', () => {
  const childOf = (access: Access, root: Uint8Array, onMessage: (message: Told, child: ChildProcess) => void): ChildProcess => {
    const execArgv = ['--conditions=@selvedge/source']
    const child = fork(join(import.meta.dirname, 'sharing.child.ts'), { execArgv, serialization: 'advanced' })
    onTestFinished(() => void child.kill('SIGKILL'))
    child.on('message', (message) => onMessage(message as Told, child))
    child.send({ access, root })
    return child
  }
  type Told = { readonly report: HolderReport } | { readonly sha256: string; readonly receivedBytes: number }

  test('reads with the access that it was given', { timeout: 120_000 }, async () => {
    const content = new MemoryContent()
    const root = await content.addRoot(TWICE)
    const node = await startPaidNode(servingUnits(content))
    const { client, sharing } = sharerOf([node])
    const { access, takeReport } = await sharing.share(MUCH)
    const results: unknown[] = []
    let received = 0
    const child = childOf(access, root, (message) => {
      if ('report' in message) return takeReport(message.report)
      results.push(message.sha256)
      received = message.receivedBytes
    })
    await once(child, 'exit')
    await client.close()
    await settled(node)
    expect(results).toEqual([createHash('sha256').update(TWICE).digest('hex')])
    expect([faultsOf(node), client.cost().bytes]).toEqual([[], BigInt(received)])
    expect(paidTo(node)).toEqual(client.cost())
  })

  test('is killed while it reads: what it had told is paid, and the client goes on', { timeout: 120_000 }, async () => {
    const content = new MemoryContent()
    const root = await content.addRoot(TWICE)
    const node = await startPaidNode(servingUnits(content))
    const { client, sharing } = sharerOf([node])
    const share = await sharing.share(MUCH)
    let told = 0n
    const child = childOf(share.access, root, (message, self) => {
      if (!('report' in message) || self.killed) return
      share.takeReport(message.report)
      if (message.report.type === 'verified') told = message.report.offset
      if (told > 1_000_000n) self.kill('SIGKILL')
    })
    await once(child, 'exit')
    share.end()
    share.takeReport({ type: 'gone', holder: '00' }) // nobody listens any more
    const lane = node.meters[0]!.lanes.get(8_193)!
    await vi.waitFor(() => expect([lane.how === undefined, lane.acknowledged]).toEqual([false, told]), { timeout: 20_000 })
    const download = await client.get(root)
    expect(Buffer.compare(await bytesOf(download), TWICE)).toBe(0)
    await client.close()
    await settled(node)
    expect(client.cost().bytes).toBe(told + BigInt(download.receivedBytes))
    expect([faultsOf(node), paidTo(node)]).toEqual([[], client.cost()])
  })
})

describe('a share is asked for', () => {
  test('of one client that pays, of one of its nodes, within bounds', async () => {
    const node = await startPaidNode(servingUnits(new MemoryContent()))
    const { client, sharing } = sharerOf([node])
    const stranger = `selvedge://127.0.0.1:1/${'ab'.repeat(32)}`
    const mistakes = [{ ttlSeconds: 0 }, { ttlSeconds: 601 }, { bytesMax: 0 }, { node: stranger }, { node: 'nowhere' }]
    for (const mistake of mistakes) expect((await errorOf(() => sharing.share({ ...MUCH, ...mistake }))).code).toBe('CLIENT_BAD_ARGUMENT')
    expect((await errorOf(() => createSharing().share(MUCH))).code).toBe('CLIENT_BAD_ARGUMENT')
    for (const account of [{}, { account: payingAccount() }]) // a guest; and a second client
      expect((await errorOf(async () => createClient({ nodes: [node], sharing, ...account }))).code).toBe('CLIENT_BAD_ARGUMENT')
    const { access, takeReport } = await sharing.share({ ...MUCH, node })
    expect(access.node).toEqual({ host: node.host, port: node.port, nodeKey: node.nodeKey, websocket: node.websocket })
    const report: HolderReport = { type: 'over', holder: 'a', epoch: 0n, lane: 5, offset: 1n, how: 'ended' }
    expect((await errorOf(async () => takeReport(report))).code).toBe('CLIENT_BAD_ARGUMENT')
    await client.close()
    expect((await errorOf(() => sharing.share(MUCH))).code).toBe('CLIENT_CLOSED')
  })

  test('and what is to be cloned holds nothing but itself, also where the node was named by Buffers of a pool', async () => {
    const node = await startPaidNode(servingUnits(new MemoryContent()))
    const { host, port, nodeKey, websocket } = node
    const pooled = {
      host,
      port,
      nodeKey: Buffer.from(nodeKey),
      websocket: { ...websocket, noiseRecord: Buffer.from(websocket.noiseRecord) },
    }
    const { access } = await sharerOf([pooled]).sharing.share(MUCH)
    const all = [access.token, access.node.nodeKey, access.node.websocket!.noiseRecord]
    expect(all.map(({ buffer }) => buffer.byteLength)).toEqual([48, 32, 136])
  })

  test('until its signal aborts, or the node has said nothing for too long', async () => {
    const node = await startPaidNode(servingUnits(new MemoryContent()))
    const sharing = createSharing()
    const never: Connect = ({ signal }) =>
      new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error), { once: true }))
    clientOf({ nodes: [node], sharing, stallTimeoutMs: 50, connect: never })
    expect((await errorOf(() => sharing.share(MUCH))).code).toBe('CLIENT_INTERRUPTED')
    const controller = new AbortController()
    const asked = sharing.share({ ...MUCH, signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    await expect(sharing.share({ ...MUCH, signal: controller.signal })).rejects.toThrow('enough')
  })

  test('and where the node cannot be reached, or sends the client away, the error says so', async () => {
    const node = await startPaidNode(servingUnits(new MemoryContent()))
    const { sharing } = sharerOf([node])
    await node.stop()
    expect((await errorOf(() => sharing.share(MUCH))).code).toBe('CLIENT_UNREACHABLE')
  })
})

test('a share that is ended says so once for each connection that its other side had, the last 64, and hears nothing more', async () => {
  const told: HolderReport[] = []
  const sharing = createSharing()
  const session = { requestToken: async () => new Uint8Array(48), takeReport: (report: HolderReport) => void told.push(report) }
  Object.assign(sharing, { openSession: () => session })
  const connect: Connect = async () => ({
    openLane: async () => Promise.reject(new Error('no lane is opened here')),
    close: async () => {},
    closed: new Promise(() => {}),
  })
  clientOf({ nodes: [`selvedge://127.0.0.1:1/${'ab'.repeat(32)}`], sharing, connect })
  const share = await sharing.share(MUCH)
  const report = (i: number): HolderReport => ({ type: 'verified', holder: `holder ${i}`, epoch: 0n, lane: 8_193, offset: 1n })
  for (let i = 0; i < 66; i++) for (let times = 0; times < 2; times++) share.takeReport(report(i))
  expect(told.splice(0)).toHaveLength(132)
  share.end()
  share.end()
  share.takeReport(report(0))
  expect(told).toEqual(Array.from({ length: 64 }, (_, i) => ({ type: 'gone', holder: `holder ${i + 2}` })))
})
