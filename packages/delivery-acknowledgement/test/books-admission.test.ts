/** Who is let in to pay, and for how much the node serves it. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createBooks } from '@selvedge/delivery-acknowledgement/node'
import { expect, test } from 'vitest'
import { createMemoryStore } from './support/memory-store.ts'
import { createWorld, GROUP, groups, KIB, Link, nextEpoch, refusalOf, RICH, rulesAt, silentLink, type World } from './support/paid-link.ts'
import { BINDING, RAND } from './support/paying.ts'
import { CHAIN_ID, delegationOf, EPOCH, NODE, seedOf } from './support/world.ts'

test('who is let in', () => {
  const world = createWorld()
  const admit = (change: Partial<ReturnType<typeof delegationOf>>, client = 1, key = client): number | undefined => {
    const delegation = encodeDelegation({ ...delegationOf(client), ...change })
    const clientKey = createKeyPair(seedOf(key)).publicKey
    const admission = world.books.admit({ delegation, clientKey, clientRand: RAND, nodeRand: RAND, channelBinding: BINDING })
    return 'refuse' in admission ? admission.refuse : undefined
  }
  expect(admit({})).toBe(undefined)
  expect(admit({}, 1, 2)).toBe(6) // the key of HELLO is not the delegation's
  expect(admit({ spendCap: 5n })).toBe(6) // the account did not sign that
  expect(admit(delegationOf(1, { notAfterEpoch: EPOCH - 1n }))).toBe(6)
  expect(admit(delegationOf(1, { nonce: 0n }))).toBe(6) // revoked
  expect(admit({}, 60)).toBe(13) // nobody who pays
  world.means = () => ({ ...RICH, free: 0n })
  expect(admit({})).toBe(13)
  expect(admit(delegationOf(1, { spendCap: 0n }))).toBe(13)
  world.means = () => RICH
  expect(admit(delegationOf(1, { spendCap: 0n }))).toBe(14)
  const noise = { delegation: new Uint8Array(142), clientKey: RAND, clientRand: RAND, nodeRand: RAND, channelBinding: BINDING }
  expect(world.books.admit(noise)).toEqual({ refuse: 6 })
})

test('what was spent under a delegation counts, whatever kind of array it comes in', () => {
  const world = createWorld()
  const delegation = delegationOf(1, { spendCap: 2n })
  const link = new Link(world, 1, delegation)
  link.open(1, groups(40))
  link.settle()
  expect(link.left).toBe(14)
  const clientKey = createKeyPair(seedOf(1)).publicKey
  const hello = { clientKey, clientRand: RAND, nodeRand: RAND, channelBinding: BINDING }
  const bytes = encodeDelegation(delegation)
  for (const each of [bytes, Buffer.from(bytes)]) expect(world.books.admit({ ...hello, delegation: each })).toEqual({ refuse: 14 })
})

test('an account has 64 sessions, and one of them ended makes room', () => {
  const world = createWorld()
  const links = Array.from({ length: 64 }, () => new Link(world, 1))
  expect(refusalOf(() => new Link(world, 1))).toBe(7)
  expect(refusalOf(() => new Link(world, 2))).toBe(undefined)
  links[5]!.close(undefined)
  expect(refusalOf(() => new Link(world, 1))).toBe(undefined)
})

test('sessions of one account share its window', () => {
  const world = createWorld()
  const links = Array.from({ length: 8 }, () => silentLink(world))
  for (const link of links) {
    link.open(1, groups(100))
    link.settle()
  }
  const sent = links.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  expect(sent).toBeLessThanOrEqual(256 * KIB + GROUP)
})

test('a balance is served up to its float: a fortieth, and what is reserved for this node', () => {
  const served = (change: Partial<typeof RICH>): number => {
    const world = createWorld()
    world.means = () => ({ ...RICH, ...change })
    const link = new Link(world, 1)
    link.open(1, groups(400))
    link.settle()
    expect(link.left).toBe(13)
    expect(link.ackedBytes).toBe(link.sentBytes)
    return Number(link.payer.cost.microUsd)
  }
  // at most one µUSD is left over: amounts are rounded down, so no unit more is sure to be paid
  const floats: [Partial<typeof RICH>, number][] = [
    [{ free: 400n }, 10],
    [{ free: 400n, creditors: 20 }, 5],
    [{ free: 400n, reserve: 7n }, 17],
    [{ free: 4_000n, epochCap: 3n }, 3],
  ]
  for (const [change, float] of floats) {
    expect(served(change)).toBeLessThanOrEqual(float)
    expect(served(change)).toBeGreaterThanOrEqual(float - 1)
  }
})

test('a delegation’s cap holds over its sessions together', async () => {
  const world = createWorld()
  const delegation = delegationOf(1, { spendCap: 10n })
  const link = new Link(world, 1, delegation)
  link.open(1, groups(49))
  link.settle()
  link.close(undefined)
  expect(link.payer.cost.microUsd).toBe(8n)
  const other = new Link(world, 1, delegation)
  other.open(1, groups(400))
  other.settle()
  expect(other.left).toBe(14)
  expect(other.payer.cost.microUsd).toBeLessThanOrEqual(2n)
  const claimed = await claimedAfter(world)
  expect(claimed.length).toBe(2)
  expect(claimed.reduce((sum, { leaf }) => sum + leaf.amount, 0n)).toBeLessThanOrEqual(10n)
})

/** What the node claims of the running epoch, once it is over. */
async function claimedAfter(world: World): Promise<NonNullable<ReturnType<World['books']['takeEpoch']>>> {
  nextEpoch(world)
  world.nowMs += 30_000
  expect(world.books.takeEpoch(world.epoch - 1n)).toBe(undefined) // it is not known to be on disk
  await Promise.resolve()
  return world.books.takeEpoch(world.epoch - 1n) ?? []
}

test('nobody is let in before the ledger has said which epoch it is, and a guest is told the node’s place', () => {
  const rest = { means: () => RICH, store: createMemoryStore(), nowMs: () => 0, rand: (bytes: number) => new Uint8Array(bytes) }
  const options = { chainId: CHAIN_ID, nodeKey: NODE.keys.publicKey, nodeIndex: NODE.nodeIndex, epochMs: 60_000 }
  const books = createBooks({ rules: rulesAt, ...rest }, options)
  const clientKey = createKeyPair(seedOf(1)).publicKey
  const hello = { delegation: encodeDelegation(delegationOf(1)), clientKey, clientRand: RAND, nodeRand: RAND, channelBinding: BINDING }
  expect(books.admit(hello)).toEqual({ refuse: 6 })
  expect(books.place).toEqual({ nodeIndex: 2, epoch: 0n, priceVersion: 0 })
  expect(createWorld().books.place).toEqual({ nodeIndex: 2, epoch: EPOCH, priceVersion: 3 })
  expect(books.nextLaneNonce() + 1n).toBe(books.nextLaneNonce())
})
