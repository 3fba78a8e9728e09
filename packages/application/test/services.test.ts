import { serviceVersions, services } from '@selvedge/application'
import { CODES, type EventOf } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { codesOf, createWallet, Network, seedOf, WEI, type Wallet } from './support/network.ts'

const BOND = 100_000_000n
const manifest = seedOf('manifest')
const payees = [
  { account: createWallet('payee 1').address, ppm: 400_000 },
  { account: createWallet('payee 2').address, ppm: 600_000 },
]
const terms = { manifest, priceMultiplePpm: 500_000, payees }

function addService(network: Network, owner: Wallet, changed: Partial<typeof terms> = {}, value = BOND): number {
  const outcome = network.send(network.call(owner, 'addService', { ...terms, ...changed }, { value: value * WEI }))
  return codesOf(outcome)[0]!
}

test('a service begins with the next epoch, in the view and with its version', () => {
  const network = new Network()
  const owner = network.wallets[1]!
  expect(addService(network, owner)).toBe(CODES.ok)
  expect(network.app.view().services.map(({ id }) => id)).toEqual([0])
  const { final } = network.closeEpoch()
  expect(final?.view.services).toEqual([expect.objectContaining({ id: 0 }), { id: 1, manifest, version: 1, multiplePpm: 500_000 }])
  expect(network.app.state.get(services, 1)).toMatchObject({ owner: owner.address, bond: BOND, state: 1 })
})

test.each([
  ['a bond that is not the bond', {}, BOND - 1n, CODES.amount],
  ['a price above the table', { priceMultiplePpm: 1_000_001 }, BOND, CODES.outOfBounds],
  ['nobody to pay', { payees: [] }, BOND, CODES.outOfBounds],
  ['shares that are not one whole', { payees: [{ account: payees[0]!.account, ppm: 999_999 }] }, BOND, CODES.outOfBounds],
  [
    'seventeen payees',
    { payees: Array.from({ length: 17 }, () => ({ account: payees[0]!.account, ppm: 58_823 })) },
    BOND,
    CODES.outOfBounds,
  ],
])('%s is no service', (_, changed, value, code) => {
  const network = new Network()
  const owner = network.wallets[1]!
  expect(addService(network, owner, changed, value)).toBe(code)
  expect(network.app.state.get(services, 1)).toBeUndefined()
})

test('only the owner changes it, and a second change in one epoch replaces the first', () => {
  const network = new Network()
  const [, owner, other] = network.wallets as [Wallet, Wallet, Wallet]
  addService(network, owner)
  network.closeEpoch()
  const update = (wallet: Wallet, priceMultiplePpm: number): number =>
    codesOf(network.send(network.call(wallet, 'updateService', { serviceId: 1, ...terms, priceMultiplePpm })))[0]!
  expect(update(other, 1)).toBe(CODES.notOwner)
  expect(update(owner, 300_000)).toBe(CODES.ok)
  expect(update(owner, 200_000)).toBe(CODES.ok)
  expect(network.app.state.rows(serviceVersions).filter(([{ serviceId }]) => serviceId === 1)).toHaveLength(2)
  expect(network.closeEpoch().final?.view.services[1]).toMatchObject({ version: 3, multiplePpm: 200_000 })
  expect(codesOf(network.send(network.call(owner, 'updateService', { serviceId: 9, ...terms })))).toEqual([CODES.notFound])
})

test('versions stay until the epochs that they held for are settled, then go', () => {
  const network = new Network()
  const owner = network.wallets[1]!
  addService(network, owner)
  for (let epoch = 0; epoch < 7; epoch++) {
    network.send(network.call(owner, 'updateService', { serviceId: 1, ...terms }))
    network.closeEpoch()
    const held = network.app.state.rows(serviceVersions).filter(([{ serviceId }]) => serviceId === 1)
    expect(held.length).toBeLessThanOrEqual(4)
    const oldest = Math.max(1, network.app.lastApplied().epoch - 2)
    expect(held[0]![1].from).toBeLessThanOrEqual(oldest) // what the oldest epoch to be settled ran under
  }
})

test('a removed service is out of the next view, is settled, and its bond comes back', () => {
  const network = new Network()
  const owner = network.wallets[1]!
  addService(network, owner)
  network.closeEpoch()
  const removed = network.send(network.call(owner, 'removeService', { serviceId: 1 }))
  expect(codesOf(removed)).toEqual([CODES.ok])
  expect(removed.executed[0]?.events.find((event): event is EventOf<'service'> => event.kind === 'service')?.state).toBe(2)
  expect(codesOf(network.send(network.call(owner, 'removeService', { serviceId: 1 })))).toEqual([CODES.state])
  expect(network.closeEpoch().final?.view.services.map(({ id }) => id)).toEqual([0])
  expect(network.app.state.get(services, 1)).toBeDefined()
  network.closeEpoch()
  network.closeEpoch()
  expect(network.app.state.get(services, 1)).toBeUndefined()
  expect(network.app.state.rows(serviceVersions).filter(([{ serviceId }]) => serviceId === 1)).toEqual([])
  for (let epoch = 0; epoch < 5; epoch++) network.closeEpoch()
  const before = network.app.account(owner.address).native
  const claim = network.send(network.call(owner, 'claimUnbonded', { to: owner.address }))
  expect(codesOf(claim)).toEqual([CODES.ok])
  expect(network.app.account(owner.address).native).toBeGreaterThan(before + BOND - 1_000_000n)
  expect(addService(network, owner)).toBe(CODES.ok)
  expect(network.app.state.get(services, 2)).toBeDefined() // an id is never used again
})
