/**
 * What a client allows is judged up to two epochs later, so a row keeps versions: four of caps and nonces, some of each reserve.
 *
 * Method: random changes over random epochs against a ledger that forgets nothing. For caps and nonces it is the rule itself (the highest cap of an
 * epoch counts in it, the last one from the next on); for reserves it is what nobody may take back: a past epoch's, and what was promised for three.
 */
import { accounts, clients, encodeField, reserves, type ClientRow } from '@selvedge/application'
import { CODES } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { depositCalls, reserveIn, termsIn } from '../src/calls/deposits.ts'
import { U64_MAX } from '../src/state/amounts.ts'
import { NATIVE, Network } from './support/network.ts'
import { createRandom, type Random } from './support/random-actions.ts'
import { stepOf, type Step } from './support/step.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 40)
const EPOCHS = 40
/** Address, four amounts, a count, and four versions of 24: what a client costs at most. */
const CLIENT_BYTES_MAX = 20 + 4 * 8 + 1 + 4 * 24
/** One an epoch: two that are still to be settled, the running one, and three to come. */
const RESERVE_VERSIONS_MAX = 6
/** Epochs for which a reserve stands, whatever its client says afterwards. */
const PROMISED = 3

const network = new Network()
const sender = network.wallets[0]!.address

function clientWith(prepaid: bigint): Step {
  const step = stepOf(network)
  step.state.put(accounts, sender, { nonce: 0n, native: NATIVE, clientIndex: 1 })
  step.state.put(clients, 1, { address: sender, prepaid, pending: 0n, collateral: 0n, leaving: 0n, terms: [] })
  return step
}

const seeds = Array.from({ length: COUNT }, (_, i) => FIRST + i)
const amountOf = (random: Random): bigint => random.pick([0n, 1n, random.amount(10n ** 9n), random.amount(10n ** 9n), U64_MAX])

interface Terms {
  readonly epochCap: bigint
  readonly minNonce: bigint
}

test.each(seeds)('four versions say what held in each epoch that is still to be settled, seed %i', (seed) => {
  const random = createRandom(seed)
  const { state, block, emit } = clientWith(0n)
  const held = new Map<number, Terms>()
  let next: Terms = { epochCap: U64_MAX, minNonce: 0n }
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    held.set(epoch, next)
    for (let i = random.below(5); i > 0; i--) {
      const call = { state, block: { ...block, epoch }, emit, sender, value: 0n }
      if (random.below(3) > 0) {
        const amount = amountOf(random)
        expect(depositCalls.setEpochCap!(call, { amount })).toBe(CODES.ok)
        const now = held.get(epoch)!
        if (amount > now.epochCap) held.set(epoch, { ...now, epochCap: amount })
        next = { ...next, epochCap: amount }
      } else {
        const minNonce = BigInt(random.below(3 * EPOCHS))
        const isRaised = minNonce > next.minNonce
        expect(depositCalls.raiseMinNonce!(call, { minNonce })).toBe(isRaised ? CODES.ok : CODES.outOfBounds)
        if (isRaised) next = { ...next, minNonce }
      }
      const row = state.get(clients, 1) as ClientRow
      for (let judged = Math.max(0, epoch - 2); judged <= epoch; judged++) expect(termsIn(row, judged)).toMatchObject(held.get(judged)!)
      expect(termsIn(row, epoch + 1)).toMatchObject(next)
      expect(encodeField(clients.value, row).length).toBeLessThanOrEqual(CLIENT_BYTES_MAX)
    }
  }
})

test.each(seeds)('what a reserve has promised is not taken back, and the last word holds from the third epoch on, seed %i', (seed) => {
  const random = createRandom(seed)
  const { state, block, emit } = clientWith(U64_MAX)
  const key = { clientIndex: 1, nodeIndex: 0 }
  const amountIn = (epoch: number): bigint => reserveIn(state.get(reserves, key) ?? [], epoch)
  const settledAt = new Map<number, bigint>()
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (let i = random.below(4); i > 0; i--) {
      const before = Array.from({ length: PROMISED }, (_, ahead) => amountIn(epoch + ahead))
      const [perEpoch, lastEpoch] = [random.below(4) === 0 ? 0n : random.amount(10n ** 9n), epoch + random.below(9)]
      const args = { nodeIndex: 0, perEpoch, lastEpoch: BigInt(lastEpoch) }
      expect(depositCalls.reserve!({ state, block: { ...block, epoch }, emit, sender, value: 0n }, args)).toBe(CODES.ok)
      for (const [ahead, promised] of before.entries()) expect(amountIn(epoch + ahead)).toBeGreaterThanOrEqual(promised)
      for (let later = epoch + PROMISED; later < epoch + 12; later++) expect(amountIn(later)).toBe(later > lastEpoch ? 0n : perEpoch)
      for (let judged = Math.max(0, epoch - 2); judged < epoch; judged++) expect(amountIn(judged)).toBe(settledAt.get(judged))
      expect(state.get(reserves, key)?.length ?? 0).toBeLessThanOrEqual(RESERVE_VERSIONS_MAX)
    }
    settledAt.set(epoch, amountIn(epoch))
  }
})
