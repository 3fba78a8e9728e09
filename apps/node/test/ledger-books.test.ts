// Goal: a node lets in who pays when it may claim what it delivers, and at no other time.
import type { Outcome } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { encodeNodeBody, NODE_KINDS, signNodeTransaction } from '@selvedge/ledger-types'
import type { NodePayments, SessionPayer } from '@selvedge/handshake'
import type { createPayer } from '@selvedge/delivery-acknowledgement/client'
import { join } from 'node:path'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { createLedgerBooks, type LedgerBooks } from '../src/payments/ledger-books.ts'
import { ClaimWorld } from './claim-world.ts'
import { CHAIN_ID } from './ledger-network.ts'

const BLOCK = {} as Outcome

interface Started {
  readonly world: ClaimWorld
  readonly books: LedgerBooks
  /** A block, of which the books hear. */
  block(...transactions: readonly Uint8Array[]): Promise<void>
}

async function start(): Promise<Started> {
  const world = await ClaimWorld.create()
  const books = await createLedgerBooks({ keys: createKeyPair(world.network.nodes[0]!.seeds.node), folder: join(world.folder, 'payments') })
  const attachment = books.attach(world.application, { submit: async () => {} })
  attachment.onBlock(undefined)
  onTestFinished(async () => {
    await attachment.stop()
    await books.stop()
  })
  return {
    world,
    books,
    async block(...transactions) {
      await world.block(...transactions)
      attachment.onBlock(BLOCK)
    },
  }
}

function hello(world: ClaimWorld): Parameters<NodePayments['admit']>[0] {
  const { delegation } = world.delivered(world.network.senders[0]!, 0, 1n).evidence
  const rand = new Uint8Array(16)
  return {
    delegation: encodeDelegation(delegation),
    clientKey: delegation.sessionKey,
    clientRand: rand,
    nodeRand: rand,
    channelBinding: new Uint8Array(33),
  }
}

test('the session server takes the books, and a session the payer', () => {
  expectTypeOf<LedgerBooks['payments']>().toExtend<NodePayments>()
  expectTypeOf<ReturnType<typeof createPayer>>().toExtend<SessionPayer>()
})

test('before the first block who would pay is refused, and guests have numbers of their own', async () => {
  const { world, books } = await start()
  expect(books.payments.admit(hello(world))).toEqual({ refuse: 6 })
  expect(books.payments.place).toEqual({ nodeIndex: 0, epoch: 0n, priceVersion: 0 })
  expect(new Set([1, 2, 3].map(() => books.payments.nextLaneNonce())).size).toBe(3)
})

test('with the state at hand an account that put something down is let in, at the price of the ledger; another is not', async () => {
  const { world, books, block } = await start()
  await block()
  expect(books.payments.admit(hello(world))).toEqual({ refuse: 13 })
  await world.deposit(world.network.senders[0]!)
  await block()
  const admission = books.payments.admit(hello(world))
  const price = { bytePrice: 10n, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] }
  expect(admission).toMatchObject({ window: 256 * 1024, maxLanes: 24, price })
  expect('laneNonce' in admission && admission.laneNonce !== books.payments.nextLaneNonce()).toBe(true)
})

test('a node that has left lets nobody in: nothing that it delivers can be claimed', async () => {
  const { world, books, block } = await start()
  await world.deposit(world.network.senders[0]!)
  await block()
  expect(books.payments.admit(hello(world))).toHaveProperty('window')
  const keys = createKeyPair(world.network.nodes[0]!.seeds.node)
  const body = encodeNodeBody({ kind: 'optOut' })
  const unsigned = { chainId: CHAIN_ID, nodeIndex: 0, nonce: 0n, kind: NODE_KINDS.optOut.id, body }
  await block(signNodeTransaction(unsigned, (message) => keys.sign(message)))
  while (world.application.view().nodes.some(({ index }) => index === 0)) await block()
  expect(books.payments.admit(hello(world))).toEqual({ refuse: 6 })
})

test('books on a folder that another process has, or this one, are refused', async () => {
  const { world } = await start()
  const keys = createKeyPair(world.network.nodes[0]!.seeds.node)
  await expect(createLedgerBooks({ keys, folder: join(world.folder, 'payments') })).rejects.toMatchObject({ code: 'NODE_BUSY' })
})
