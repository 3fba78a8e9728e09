/** A disk that takes nothing: somebody is told, nobody is let in meanwhile, and nothing is lost when it takes again. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createBooks, createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RICH, rulesAt } from './support/paid-link.ts'
import { BINDING, PRICE, RAND } from './support/paying.ts'
import { recordOf, seqsOf } from './support/records.ts'
import { CHAIN_ID, delegationOf, EPOCH, NODE, seedOf } from './support/world.ts'

let folder = ''
const log = (): string => join(folder, 'acks.log')
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acks-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** The descriptor under which this process has a file open. */
function descriptorOf(path: string): number {
  const open = readdirSync('/proc/self/fd').map(Number)
  const found = open.find((each) => {
    try {
      return readlinkSync(`/proc/self/fd/${each}`) === path
    } catch {
      return false // of the listing itself
    }
  })
  expect(found).toBeDefined()
  return found!
}

/** Whoever has the descriptor writes to `path` from now on: the lowest free number is given out. */
function exchange(descriptor: number, path: string): void {
  closeSync(descriptor)
  const low: number[] = []
  let next = openSync(path, 'a')
  for (; next !== descriptor; next = openSync(path, 'a')) low.push(next)
  for (const each of low) closeSync(each)
}

test('a full disk is told of once, refuses who would pay with 23, and all is kept when there is room again', async () => {
  const errors: unknown[] = []
  const store = await createFileAckStore(folder, { onError: (error) => errors.push(error) })
  const rest = { rules: rulesAt, means: () => RICH, store, nowMs: () => 0, rand: (bytes: number) => new Uint8Array(bytes) }
  const books = createBooks(rest, { chainId: CHAIN_ID, nodeKey: NODE.keys.publicKey, nodeIndex: NODE.nodeIndex, epochMs: 60_000 })
  books.changeEpoch({ epoch: EPOCH, priceVersion: PRICE.priceVersion, price: PRICE })
  const clientKey = createKeyPair(seedOf(1)).publicKey
  const hello = { delegation: encodeDelegation(delegationOf(1)), clientKey, clientRand: RAND, nodeRand: RAND, channelBinding: BINDING }
  store.put(recordOf(0, 1))
  await store.flush()
  const descriptor = descriptorOf(log())
  exchange(descriptor, '/dev/full')
  store.put(recordOf(1, 1))
  await expect(store.flush()).rejects.toMatchObject({ code: 'ENOSPC' })
  store.put(recordOf(2, 1))
  await expect(store.flush()).rejects.toBeDefined()
  expect([store.isFailing, errors.length]).toEqual([true, 1])
  expect(books.admit(hello)).toEqual({ refuse: 23 })
  await appendFile(log(), new Uint8Array(100).fill(3)) // half an entry, as a disk that fills up leaves it
  exchange(descriptor, log())
  while (store.isFailing === true) await new Promise((resolve) => setTimeout(resolve, 5)) // by itself
  expect(books.admit(hello)).toMatchObject({ laneNonce: 0n })
  await store.stop()
  const again = await createFileAckStore(folder)
  expect(seqsOf(again.all(EPOCH))).toEqual(new Map([0, 1, 2].map((chain) => [chain, 1])))
  await again.stop()
})

test('a log that cannot be written anew is told of, and tried again', async () => {
  const errors: unknown[] = []
  const store = await createFileAckStore(folder, { onError: (error) => errors.push(error) })
  await mkdir(`${log()}.new`)
  let failed: unknown
  for (let seq = 1; failed === undefined; seq++) {
    for (let chain = 0; chain < 20; chain++) store.put(recordOf(chain, seq))
    await store.flush().catch((error: unknown) => (failed = error))
  }
  await expect(store.flush()).rejects.toBeDefined()
  expect([errors, store.isFailing]).toEqual([[failed], true])
  await rm(`${log()}.new`, { recursive: true })
  await store.flush()
  expect([errors.length, store.isFailing]).toEqual([1, false])
  await store.stop()
})
