// Goal: what was promised ends: executed, in the order in which it was promised, or refused for a reason that is said; and nothing is brought for ever.
// Method: the real state machine on its memory store; what the duty brings in is the next block, unless nobody takes it.
import { createApplication, createMemoryStore, type Application } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { signAccountTransaction } from '@selvedge/ledger-types'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { ReturnedDuty } from '../src/ledger/returned-duty.ts'
import { createWallet } from '../src/ledger-devnet/setup.ts'
import { scratchFolder } from './harness.ts'
import { CHAIN_ID, MICRO, signed, TestNetwork } from './ledger-network.ts'

const TO = new Uint8Array(20).fill(3)

class World {
  readonly network: TestNetwork
  readonly application: Application
  readonly duty: ReturnedDuty
  readonly settled: (readonly [Uint8Array, string | undefined])[] = []
  readonly brought: Uint8Array[] = []
  isTaken = true
  #next: Uint8Array[] = []

  private constructor(network: TestNetwork) {
    this.network = network
    this.application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis: network.genesis })
    this.duty = new ReturnedDuty({
      application: this.application,
      judge: () => Promise.resolve(undefined), // no thread is there: it is judged where it is needed
      submit: (bytes) => {
        if (!this.isTaken) return Promise.reject(new Error('nobody takes it'))
        this.brought.push(bytes)
        this.#next.push(bytes)
        return Promise.resolve()
      },
      onSettled: (bytes, refusal) => this.settled.push([bytes, refusal]),
    })
  }

  static async create(): Promise<World> {
    return new World(await TestNetwork.create(await scratchFolder(), { pace: 1, senders: 2 }))
  }

  async blocks(count: number, ...first: readonly Uint8Array[]): Promise<void> {
    this.#next.push(...first)
    for (let i = 0; i < count; i++) {
      const { epoch, index, timestampMs, blockDigest } = this.application.lastApplied()
      const items = [{ type: 'transactions', author: 0, transactions: this.#next } as const]
      this.#next = []
      this.application.execute({ epoch, index: index + 1, digest: sha256(blockDigest), timestampMs: timestampMs + 1, items })
      this.duty.onBlock()
      await nextTurn()
    }
  }
}

test('transactions of one account are executed in their order, each brought in when it is its turn', async () => {
  const world = await World.create()
  const [sender] = world.network.senders
  const promised = [0n, 1n, 2n, 3n].map((nonce) => signed(sender!, nonce, TO, MICRO))
  world.duty.add(promised)
  world.duty.add(promised) // a restart hands them out again
  await world.blocks(16)
  expect(world.settled.map(([bytes]) => bytes)).toEqual(promised)
  expect(world.settled.map(([, refusal]) => refusal)).toEqual(promised.map(() => undefined))
  expect(world.brought).toEqual(promised)
  expect(world.application.balance(TO, 0)).toBe(4n * MICRO)
})

test('what was ordered by others before is not brought in again', async () => {
  const world = await World.create()
  const [sender] = world.network.senders
  const promised = signed(sender!, 0n, TO, MICRO)
  await world.blocks(1, promised)
  world.duty.add([promised])
  await world.blocks(2)
  expect([world.settled, world.brought]).toEqual([[[promised, undefined]], []])
})

test('a nonce that another has used, another chain and a gap are refused in words; what lacks money waits for it', async () => {
  const world = await World.create()
  const [first, second] = world.network.senders
  const poor = createWallet()
  await world.blocks(1, signed(first!, 0n, TO, 2n * MICRO))
  const overtaken = signed(first!, 0n, TO, MICRO)
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 15n, gasLimit: 21_000n }
  const elsewhere = { form: 'eip1559', chainId: CHAIN_ID + 1, nonce: 0n, ...fees, to: TO, value: 0n, data: new Uint8Array(0) } as const
  const foreign = signAccountTransaction(elsewhere, second!.secretKey)
  const gap = signed(second!, 3n, TO, MICRO)
  const unpaid = signed(poor, 0n, TO, MICRO)
  world.duty.add([overtaken, foreign, gap, unpaid])
  await world.blocks(20)
  expect(world.settled).toEqual([
    [overtaken, 'nonce too low'],
    [foreign, 'chain id'],
  ])
  await world.blocks(1, signed(first!, 1n, poor.address, 1_000n * MICRO))
  await world.blocks(150)
  expect(world.settled.slice(2)).toEqual(
    expect.arrayContaining([
      [unpaid, undefined],
      [gap, 'nonce too high'],
    ]),
  )
  expect(world.settled).toHaveLength(4)
})

test('what nobody takes is given up after a number of tries, with what was said last', async () => {
  const world = await World.create()
  world.isTaken = false
  const promised = signed(world.network.senders[0]!, 0n, TO, MICRO)
  world.duty.add([promised])
  await world.blocks(1_100)
  expect(world.settled).toEqual([[promised, 'nobody takes it']])
})

test('after stop nothing is looked at any more', async () => {
  const world = await World.create()
  world.duty.add([signed(world.network.senders[0]!, 0n, TO, MICRO)])
  await world.duty.stop()
  const brought = world.brought.length
  await world.blocks(20)
  expect(world.brought.length).toBe(brought)
})
