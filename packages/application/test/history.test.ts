import { createMemoryStore, SPACES } from '@selvedge/application'
import {
  decodeCheckpoint,
  encodeBlockCertificate,
  isArchivedBlockWhole,
  isLeafProven,
  leafHash,
  proveLeaf,
  readEpochFile,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { Network, type Wallet } from './support/network.ts'

function epochOf(network: Network, blocks: number): Uint8Array[] {
  const [a, b] = network.wallets as [Wallet, Wallet]
  const ids: Uint8Array[] = []
  for (let i = 0; i < blocks; i++) ids.push(network.send(network.transfer(a, b.address, 3n)).executed[0]!.id)
  network.run([], 4_000)
  network.closeEpoch()
  return ids
}

test('a block is found by height and digest, a transaction by its id, and proven by the roots of the checkpoint', () => {
  const network = new Network()
  const [a, b] = network.wallets as [Wallet, Wallet]
  const transactions = [1n, 2n, 3n].map((nonce, i) => network.transfer(a, b.address, nonce, { nonce: BigInt(i) }))
  const outcome = network.run([{ type: 'transactions', author: 0, transactions }])
  const { history } = network.app
  expect(history.heightOf(outcome.blockDigest)).toBe(1)
  expect(history.transactionsOf(1)).toEqual(transactions)
  const checkpoint = decodeCheckpoint(history.recordOf(1)!.checkpoint)
  for (const [index, { id }] of outcome.executed.slice(0, -1).entries()) {
    expect(history.placeOf(id)).toEqual({ height: 1, index })
    const receipts = history.receiptsOf(1).map(leafHash)
    expect(isLeafProven(checkpoint.receiptsRoot, leafHash(history.receiptOf(id)!.bytes), proveLeaf(receipts, index))).toBe(true)
    const leaves = transactions.map(leafHash)
    expect(isLeafProven(checkpoint.txRoot, leaves[index]!, proveLeaf(leaves, index))).toBe(true)
  }
  expect(history.placeOf(new Uint8Array(32))).toBeUndefined()
  expect(history.placeOf(new Uint8Array(3))).toBeUndefined()
})

test('a subscriber resumes at any number and misses nothing', () => {
  const network = new Network()
  epochOf(network, 5)
  const { history } = network.app
  const all = history.eventsFrom(0, 1_000)
  expect(all.events.map(({ seq }) => seq)).toEqual(all.events.map((_, i) => i))
  expect(all.next).toBe(network.app.lastApplied().nextEvent)
  const collected: unknown[] = []
  for (let next = 0; ; ) {
    const page = history.eventsFrom(next, 3)
    collected.push(...page.events)
    if (page.next === next) break
    next = page.next
  }
  expect(collected).toEqual(all.events)
  const transfers = history.eventsFrom(0, 1_000, new Set(['transfer']))
  expect(transfers.events).toEqual(all.events.filter(({ event }) => event.kind === 'transfer'))
  expect(transfers.next).toBe(all.next)
  expect(new Set(all.events.map(({ event }) => event.kind))).toEqual(new Set(['block', 'transfer', 'beacon', 'epoch']))
})

test('a node keeps two epochs and says what is the oldest; an archive keeps all', () => {
  const [node, archive] = [new Network(), new Network({ isArchive: true })]
  for (const network of [node, archive]) for (let i = 0; i < 4; i++) epochOf(network, 3)
  const first = epochOf(node, 1)
  node.run([]) // old blocks go a few with each new one
  const startHeight = node.app.lastApplied().start.height
  expect(node.app.history.oldest()).toBe(startHeight - 2) // the epoch before had 3 blocks, the one before it is gone
  expect(node.app.history.receiptOf(first[0]!)).toBeDefined()
  expect(node.app.history.recordOf(1)).toBeUndefined()
  expect([...node.store.range(SPACES.transactionIds, new Uint8Array(0))].length).toBeLessThan(8)
  const oldest = node.app.history.recordOf(node.app.history.oldest())!.firstEvent
  expect(() => node.app.history.eventsFrom(oldest - 1, 5)).toThrow(
    expect.objectContaining({ code: 'APPLICATION_PRUNED', details: { oldest } }),
  )
  expect(node.app.history.eventsFrom(oldest, 1).events[0]?.seq).toBe(oldest)
  expect(archive.app.history.oldest()).toBe(1)
  expect(archive.app.history.eventsFrom(0, 1).events).toHaveLength(1)
})

test('an archive writes a closed epoch as a file that checks itself', () => {
  const network = new Network({ isArchive: true })
  epochOf(network, 3)
  expect(network.app.epochFile(1)).toBeUndefined()
  expect(network.app.epochFile(0)).toBeUndefined() // certificates are missing
  for (let height = 1; height <= 5; height++) {
    const checkpoint = decodeCheckpoint(network.app.history.recordOf(height)!.checkpoint)
    network.app.addCertificate(height, encodeBlockCertificate({ checkpoint, signers: [0, 1, 2], aggregate: new Uint8Array(96) }, 4))
  }
  const { header, blocks } = readEpochFile(Buffer.concat([...network.app.epochFile(0)!]))
  expect(header).toEqual({ chainId: network.genesis.chainId, epoch: 0, count: 5 })
  let previous = network.genesis.hash
  for (const block of blocks) {
    expect(isArchivedBlockWhole(block, previous)).toBe(true)
    previous = decodeCheckpoint(block.certificate.slice(0, 253)).blockDigest
  }
})

test('a store of another chain is refused, and so are blocks out of order or under rules that are not known', () => {
  const network = new Network()
  const block = network.next([])
  for (const wrong of [{ index: 2 }, { index: 0 }, { epoch: 1 }, { timestampMs: 1 }, { digest: new Uint8Array(31) }]) {
    expect(() => network.app.execute({ ...block, ...wrong })).toThrow(expect.objectContaining({ code: 'APPLICATION_OUT_OF_ORDER' }))
  }
  expect(network.app.execute(block).height).toBe(1)
  expect(() => network.app.execute(block)).toThrow(expect.objectContaining({ code: 'APPLICATION_OUT_OF_ORDER' }))
  expect(() => new Network({ store: network.store, wallets: 5 })).toThrow(expect.objectContaining({ code: 'APPLICATION_FOREIGN_STORE' }))
  const damaged = createMemoryStore()
  const bytes = new Network({ store: damaged }).node(0, 0n, { kind: 'optOut' })
  damaged.commit([{ space: 6, key: new Uint8Array(4), value: new Uint8Array(3) }])
  const again = new Network({ store: damaged })
  expect(() => again.app.checkAdmission(bytes)).toThrow(expect.objectContaining({ code: 'APPLICATION_DAMAGED' }))
})
