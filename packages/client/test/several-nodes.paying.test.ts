/**
 * Three real nodes that are paid, with real sessions and books, serve one response together; one stalls, one lies, one dies. Time is a clock that
 * moves only while nobody could send: what it says is how long the plan waits before it asks somebody else.
 */
import { expect, test, vi } from 'vitest'
import { MemoryContent, sampleBytes } from './node.ts'
import { priceOfBytes, servingUnits, startPaidNode, type PaidNode } from './paying-node.ts'
import { clientOf, errorOf, faultsOf, paidTo, settled, sumOf } from './paying-world.ts'
import { behindWire, bytesFrom, counting, ManualClock, of, read, watched } from './spread-world.ts'

const SIZE = 8_000_000
const DATA = sampleBytes(SIZE)
/** What was sent on all lanes. */
const sentBy = (nodes: readonly PaidNode[]): number =>
  Number(sumOf(nodes.flatMap(({ meters }) => meters.flatMap(({ lanes }) => [...lanes.values()].map(({ sent }) => sent)))))

test.each(['root', 'cid'])(
  'one stalls, one lies, one dies: no byte twice, no gap over 500 ms, each paid exactly its bytes, by %s',
  async (how) => {
    const content = new MemoryContent()
    const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA }, 65_536)
    let goOn = (): void => {}
    let isStalled = false
    const isOver = new Promise<void>((resolve) => (goOn = resolve))
    const stalling = await startPaidNode(
      servingUnits(content, { stall: { atBytes: 500_000, isOver, onStall: () => (isStalled = true) } }),
      { nodeIndex: 1 },
    )
    const lying = await startPaidNode(servingUnits(content, { flipAt: 200_000 }), { nodeIndex: 2 })
    const dying = await startPaidNode(servingUnits(content), { nodeIndex: 3 })
    const nodes = [stalling, lying, dying]
    const wire = await behindWire(dying)
    const clock = new ManualClock()
    const { decisions, downloads } = watched({ clock, aheadBytesMax: 2_000_000 })
    const { connect, receivedFrom } = counting()
    const client = clientOf({ nodes: [stalling, lying, wire.address], downloads, connect })

    const download = await client.get(address)
    // Only who stalls is asked for anything, and nothing is on its way.
    const open = (node: { port: number }): number =>
      of(decisions, 'asked', node as PaidNode).length -
      decisions.filter(({ type, node: name }) => type !== 'asked' && name.includes(`:${node.port}/`)).length
    let isCut = false
    const isQuiet = (): boolean =>
      isCut
        ? open(stalling) === 0 // who is cut off sends no more, whatever he was asked for
        : isStalled && open(lying) === 0 && open(wire.address) === 0 && receivedFrom(stalling) === sentBy([stalling])
    const { bytes, gapMsMax } = await read(download, clock, isQuiet, (end) => {
      if (isCut || end < SIZE / 2) return
      isCut = true
      isStalled = false
      goOn() // who stalled is back, and the last one that is left
      wire.cut()
    })
    expect(Buffer.compare(bytes, DATA)).toBe(0)
    expect({ isCut, liesTold: of(decisions, 'failed', lying).length }).toEqual({ isCut: true, liesTold: 1 })
    expect(gapMsMax).toBeGreaterThan(0) // it did stall
    expect(gapMsMax).toBeLessThanOrEqual(500)
    // Each byte was kept once, whoever sent it; the last answer may end after the reader has.
    await vi.waitFor(() => expect(bytesFrom(decisions)).toBe(SIZE), { timeout: 20_000 })
    for (const node of [stalling, lying, wire.address]) expect(bytesFrom(decisions, node)).toBeGreaterThan(0)

    await client.close()
    await vi.waitFor(() => expect([stalling, lying].flatMap(({ meters }) => meters).every((meter) => meter.isOver)).toBe(true), {
      timeout: 20_000,
    })
    expect(nodes.flatMap(faultsOf)).toEqual([])
    const receiptOf = ({ nodeKey }: PaidNode): bigint =>
      sumOf(
        client.receipts().flatMap((each) => (Buffer.compare(each.nodeKey, nodeKey) === 0 ? [each.evidence.acknowledgement.cumBytes] : [])),
      )
    // Who stalled is paid for all that he sent: all of it was true.
    expect(paidTo(stalling).bytes).toBe(BigInt(sentBy([stalling])))
    // Who lied, on each lane to the end of the last unit before the lie and no further: what the client could verify.
    const lies = lying.meters.flatMap(({ lanes }) => [...lanes.values()].map(({ acknowledged }) => Number(acknowledged)))
    expect(Math.max(...lies)).toBeLessThanOrEqual(200_000)
    expect(Math.max(...lies)).toBeGreaterThan(200_000 - 70_000) // a unit is a leaf of 65,536 bytes, or less
    expect(paidTo(lying).bytes).toBeGreaterThanOrEqual(BigInt(bytesFrom(decisions, lying)))
    // Who died, for what reached the client as far as it was signed; what was signed last he may not have heard of.
    expect(receiptOf(dying)).toBeLessThanOrEqual(BigInt(sentBy([dying])))
    expect(paidTo(dying).bytes).toBeLessThanOrEqual(receiptOf(dying))
    const { bytes: signed, microUsd } = client.cost()
    expect(signed).toBe(sumOf(nodes.map(receiptOf)))
    for (const node of [stalling, lying]) expect(receiptOf(node)).toBe(paidTo(node).bytes)
    expect(microUsd).toBe(sumOf(nodes.map((node) => priceOfBytes(receiptOf(node)))))
  },
)

test('a cap holds for several nodes together, and what has come until then is handed out', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA) // some 80 µUSD
  const nodes = [1, 2, 3].map(async (nodeIndex) => await startPaidNode(servingUnits(content), { nodeIndex }))
  const three = await Promise.all(nodes)
  const { decisions, downloads } = watched({ patienceMs: 60_000 })
  const client = clientOf({ nodes: three, downloads, capMicroUsd: 30n })
  let bytes = 0
  const error = await errorOf(async () => {
    for await (const part of await client.get(root)) bytes += part.bytes.length
  })
  expect(error.code).toBe('CLIENT_CAP')
  await client.close()
  await settled(...three)
  expect(three.flatMap(faultsOf)).toEqual([])
  expect(client.cost().microUsd).toBe(30n)
  expect(sumOf(three.map((node) => paidTo(node).microUsd))).toBeLessThanOrEqual(30n)
  // All that was verified without a hole before it: parts behind the first that is not whole are nobody's.
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThanOrEqual(bytesFrom(decisions))
})
