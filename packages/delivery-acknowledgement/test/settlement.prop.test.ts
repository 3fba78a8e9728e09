/** Settlement: held against its definition, and no micro-unit is lost or made over random epochs. */
import { type ClaimedDebit, type ClientMeans, settle, splitRevenue } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { plainSettle, plainSplit } from './reference/plain-settlement.ts'
import { createRandom } from './support/world.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 300)
/** One a test up to a thousand; a million epochs are a thousand tests. */
const SEEDS_A_TEST = Math.ceil(COUNT / 1_000)
const U64_END = 2n ** 64n

/** From 1 µ to 2^bits, every size as likely. */
function logUniform(random: () => number, bits: number): bigint {
  const top = 1n << BigInt(random() % bits)
  return top + (((BigInt(random()) << 32n) + BigInt(random())) % top)
}

interface Epoch {
  readonly debits: readonly ClaimedDebit[]
  readonly means: ReadonlyMap<number, ClientMeans>
  readonly shares: { readonly burnPpm: bigint; readonly servicePpm: bigint; readonly protocolPpm: bigint }
}

function epochOf(seed: number): Epoch {
  const random = createRandom(seed)
  const [nodes, services, clients] = [1 + (random() % 6), 1 + (random() % 3), 1 + (random() % 5)]
  const debits: ClaimedDebit[] = []
  for (let nodeIndex = 0; nodeIndex < nodes; nodeIndex++) {
    for (let serviceId = 0; serviceId < services; serviceId++) {
      for (let clientIndex = 0; clientIndex < clients; clientIndex++) {
        if (random() % 3 > 0 || debits.length === 0) debits.push({ nodeIndex, serviceId, clientIndex, amount: logUniform(random, 47) })
      }
    }
  }
  const means = new Map<number, ClientMeans>()
  for (let clientIndex = 0; clientIndex < clients; clientIndex++) {
    const reserves = new Map<number, bigint>()
    for (let nodeIndex = 0; nodeIndex <= nodes; nodeIndex++) if (random() % 4 === 0) reserves.set(nodeIndex, logUniform(random, 47))
    const epochCap = random() % 2 === 0 ? undefined : logUniform(random, 50) - 1n
    means.set(clientIndex, { prepaid: logUniform(random, 52) - 1n, epochCap, collateral: logUniform(random, 40) - 1n, reserves })
  }
  const burnPpm = 10_000n + BigInt(random() % 890_000)
  const servicePpm = BigInt(random()) % (900_001n - burnPpm)
  const protocolPpm = BigInt(random()) % (900_001n - burnPpm - servicePpm)
  return { debits, means, shares: { burnPpm, servicePpm, protocolPpm } }
}

const firsts = Array.from({ length: Math.ceil(COUNT / SEEDS_A_TEST) }, (_, index) => FIRST + index * SEEDS_A_TEST)
test.each(firsts)(`value is conserved and shared as defined, seed %i and the ${SEEDS_A_TEST - 1} after it`, (first) => {
  for (let seed = first; seed < Math.min(first + SEEDS_A_TEST, FIRST + COUNT); seed++) {
    try {
      expectConserved(seed)
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause })
    }
  }
})

function expectConserved(seed: number): void {
  const { debits, means, shares } = epochOf(seed)
  const settlement = settle(debits, (clientIndex) => means.get(clientIndex)!, shares)
  const plain = plainSettle(debits, (clientIndex) => means.get(clientIndex)!)

  const revenues = new Map<string, bigint>()
  debits.forEach(({ nodeIndex, serviceId, amount }, index) => {
    const name = `${nodeIndex}/${serviceId}`
    expect(plain.paid[index]! <= amount).toBe(true)
    revenues.set(name, (revenues.get(name) ?? 0n) + plain.paid[index]!)
  })
  const earned = [...revenues].filter(([, revenue]) => revenue > 0n)
  expect(settlement.payments.map(({ nodeIndex, serviceId, revenue }) => [`${nodeIndex}/${serviceId}`, revenue])).toEqual(earned)
  for (const { revenue, burnt, protocol, service, node } of settlement.payments) {
    expect([burnt, protocol, service, node]).toEqual(plainSplit(revenue, shares))
    expect(burnt + protocol + service + node).toBe(revenue)
    expect(burnt * 1_000_000n >= revenue * shares.burnPpm && node >= 0n && service >= 0n).toBe(true)
  }
  let left = 0n
  for (const { clientIndex, paid, missing, collateralBurnt } of settlement.clients) {
    const { prepaid, collateral } = means.get(clientIndex)!
    const owed = debits.reduce((sum, debit) => sum + (debit.clientIndex === clientIndex ? debit.amount : 0n), 0n)
    expect({ clientIndex, burnt: collateralBurnt }).toEqual({ clientIndex, burnt: plain.collateralBurnt.get(clientIndex) })
    expect(paid + missing).toBe(owed)
    expect(paid <= prepaid && collateralBurnt <= collateral && collateralBurnt <= missing).toBe(true)
    left += paid
  }
  expect(left).toBe(settlement.revenue)
  expect(settlement.payments.reduce((sum, { revenue }) => sum + revenue, 0n)).toBe(settlement.revenue)
  expect(settlement.revenue < U64_END).toBe(true)
}

const SHARES = { burnPpm: 100_000n, servicePpm: 200_000n, protocolPpm: 0n }
const debit = (nodeIndex: number, clientIndex: number, amount: bigint): ClaimedDebit => ({ nodeIndex, serviceId: 0, clientIndex, amount })
const plainMeans: ClientMeans = { prepaid: 100n, epochCap: undefined, collateral: 0n, reserves: new Map() }

test('who owes no more than it has pays everything', () => {
  const { payments, clients } = settle([debit(0, 0, 60n), debit(1, 0, 40n)], () => plainMeans, SHARES)
  expect(payments.map(({ revenue, burnt, service, node }) => [revenue, burnt, service, node])).toEqual([
    [60n, 6n, 12n, 42n],
    [40n, 4n, 8n, 28n],
  ])
  expect(clients).toEqual([{ clientIndex: 0, paid: 100n, missing: 0n, collateralBurnt: 0n }])
})

test('who owes more pays all its nodes the same share, and its collateral burns by what is missing', () => {
  const { payments, clients } = settle([debit(0, 0, 300n), debit(1, 0, 100n)], () => ({ ...plainMeans, collateral: 250n }), SHARES)
  expect(payments.map(({ revenue }) => revenue)).toEqual([75n, 25n])
  expect(clients).toEqual([{ clientIndex: 0, paid: 100n, missing: 300n, collateralBurnt: 250n }])
})

test('a reserve is paid before others, and the cap holds for what is left', () => {
  const means = { ...plainMeans, epochCap: 90n, reserves: new Map([[1, 80n]]) }
  const { payments } = settle([debit(0, 0, 300n), debit(1, 0, 100n)], () => means, SHARES)
  expect(payments.map(({ revenue }) => revenue)).toEqual([9n, 81n]) // 10 are left for 300 and 20
})

test('reserves that the balance does not hold are paid their share of it', () => {
  const reserves = new Map([
    [0, 300n],
    [1, 100n],
  ])
  const { payments } = settle([debit(0, 0, 300n), debit(1, 0, 100n), debit(2, 0, 100n)], () => ({ ...plainMeans, reserves }), SHARES)
  expect(payments.map(({ nodeIndex, revenue }) => [nodeIndex, revenue])).toEqual([
    [0, 75n],
    [1, 25n],
  ])
})

test('the burn is never left out: of one micro-unit it takes all', () => {
  expect(splitRevenue(1n, SHARES)).toEqual({ burnt: 1n, protocol: 0n, service: 0n, node: 0n })
  expect(splitRevenue(2n, { burnPpm: 450_000n, servicePpm: 450_000n, protocolPpm: 0n })).toEqual({
    burnt: 1n,
    protocol: 0n,
    service: 0n,
    node: 1n,
  })
  expect(splitRevenue(5n, { burnPpm: 250_000n, servicePpm: 650_000n, protocolPpm: 0n })).toEqual({
    burnt: 2n,
    protocol: 0n,
    service: 3n,
    node: 0n,
  })
  expect(splitRevenue(3n, { burnPpm: 10_000n, servicePpm: 890_000n, protocolPpm: 0n })).toEqual({
    burnt: 1n,
    protocol: 0n,
    service: 2n,
    node: 0n,
  })
  expect(splitRevenue(11n, { burnPpm: 100_000n, servicePpm: 800_000n, protocolPpm: 0n })).toEqual({
    burnt: 2n,
    protocol: 0n,
    service: 8n,
    node: 1n,
  })
})

test('should shares ever sum to more than there is, the service and the protocol stand back', () => {
  const shares = { burnPpm: 300_000n, servicePpm: 600_000n, protocolPpm: 200_000n } // the bounds of parameters forbid it
  expect(splitRevenue(10n, shares)).toEqual({ burnt: 3n, protocol: 0n, service: 0n, node: 7n })
})
