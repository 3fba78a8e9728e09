import { epochRow, governorsRow, nativePrices, parameters, proposals, services, supplyRow, tokens } from '@selvedge/application'
import {
  actionHash,
  CODES,
  encodeAction,
  PARAMETERS,
  SYSTEM_ADDRESS,
  type GovernedAction,
  type ParameterName,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { applyGoverned } from '../src/epoch/governed.ts'
import { currentPrices } from '../src/epoch/view.ts'
import { nativeOf } from '../src/state/accounts.ts'
import { codesOf, createWallet, NATIVE, Network, type Wallet } from './support/network.ts'
import { ofKind, stepOf } from './support/step.ts'

const governors = ['x', 'y', 'z']
  .map((name) => createWallet(`governor ${name}`))
  .toSorted((a, b) => Buffer.compare(a.address, b.address)) as [Wallet, Wallet, Wallet]
const accounts = governors.map(({ address }) => address)

function createNetwork(): Network {
  const network = new Network({ genesis: { governors: { threshold: 2, accounts } } })
  const funder = network.wallets[0]!
  for (const { address } of governors) network.send(network.transfer(funder, address, 100n * NATIVE))
  return network
}

/** Approved by `who`, for the epoch after the next unless it says otherwise. @returns the last code. */
function govern(network: Network, action: GovernedAction, who: readonly Wallet[] = governors.slice(0, 2), ahead = 1): number {
  const epoch = BigInt(network.app.lastApplied().epoch + ahead)
  return who.map((wallet) => codesOf(network.send(network.call(wallet, 'govern', { action: encodeAction(action), epoch })))[0]!).at(-1)!
}

const parameter = (name: ParameterName, value: bigint): GovernedAction => ({ kind: 'parameter', id: PARAMETERS[name].id, value })
const valueOf = (network: Network, name: ParameterName): bigint => network.app.state.get(parameters, PARAMETERS[name].id)!.value

test('an action that enough governors approve is applied when its epoch begins, and not before', () => {
  const network = createNetwork()
  expect(govern(network, parameter('disputeBond', 5_000_000n), governors.slice(0, 1))).toBe(CODES.ok)
  expect(govern(network, parameter('disputeBond', 5_000_000n), governors.slice(1, 2))).toBe(CODES.ok)
  expect(valueOf(network, 'disputeBond')).toBe(10_000_000n)
  const closing = network.closeEpoch()
  expect(valueOf(network, 'disputeBond')).toBe(5_000_000n)
  expect(closing.executed.at(-1)?.events.filter(({ kind }) => kind === 'governance')).toMatchObject([{ state: 2, approvals: 2 }])
  expect(network.app.state.rows(proposals)).toEqual([])
})

test('one approval is not enough, and what is not approved in time is dropped', () => {
  const network = createNetwork()
  govern(network, parameter('disputeBond', 5_000_000n), governors.slice(0, 1))
  network.closeEpoch()
  expect(valueOf(network, 'disputeBond')).toBe(10_000_000n)
  expect(network.app.state.rows(proposals)).toEqual([])
})

test('strangers, repeats, late epochs and values out of bounds have their codes', () => {
  const network = createNetwork()
  const action = parameter('disputeBond', 5_000_000n)
  expect(govern(network, action, [network.wallets[1]!])).toBe(CODES.notOwner)
  expect(govern(network, action, [governors[0], governors[0]])).toBe(CODES.state)
  expect(govern(network, action, [governors[0]], 0)).toBe(CODES.outOfBounds)
  expect(govern(network, parameter('baseFeeMin', 99n), [governors[0]])).toBe(CODES.outOfBounds)
  expect(govern(network, { kind: 'parameter', id: 999, value: 1n }, [governors[0]])).toBe(CODES.outOfBounds)
  const malformed = network.call(governors[0], 'govern', { action: Uint8Array.of(77), epoch: 5n })
  expect(codesOf(network.send(malformed))).toEqual([CODES.outOfBounds])
})

test('the order’s parameters begin as genesis says, hold for a whole epoch as the view says, and are refused beyond their bounds', () => {
  const network = createNetwork()
  const before = network.app.view().params
  expect(before).toMatchObject({ orderMode: 0, gcDepth: 50, scheduleCommits: 100 })
  const [first] = governors
  const beyond = [parameter('orderMode', 2n), parameter('gcDepth', 7n), parameter('gcDepth', 201n), parameter('scheduleCommits', 1n)]
  for (const action of beyond) expect(govern(network, action, [first])).toBe(CODES.outOfBounds)
  for (const action of [parameter('orderMode', 1n), parameter('gcDepth', 8n), parameter('scheduleCommits', 10_000n)]) {
    expect(govern(network, action)).toBe(CODES.ok)
  }
  expect(network.app.view().params).toBe(before)
  const { final } = network.closeEpoch()
  expect(final?.view.params).toMatchObject({ orderMode: 1, gcDepth: 8, scheduleCommits: 10_000 })
})

test('a governor who was removed has no word left, not even one already given', () => {
  const network = createNetwork()
  govern(network, parameter('disputeBond', 5_000_000n), governors.slice(0, 2), 2)
  govern(network, { kind: 'governors', keys: { threshold: 2, accounts: accounts.slice(1) } })
  network.closeEpoch()
  expect(network.app.state.get(governorsRow, null)?.addresses).toEqual(accounts.slice(1))
  network.closeEpoch()
  expect(valueOf(network, 'disputeBond')).toBe(10_000_000n)
})

test('one key alone fills its own places and no others, not even those it left behind', () => {
  const network = createNetwork()
  const [first, second, third] = governors
  const share = Math.floor(256 / 3)
  const ask = (wallet: Wallet, value: bigint): number => govern(network, parameter('disputeBond', value), [wallet], 20)
  for (let i = 0; i < share; i++) expect(ask(first, 5_000_000n + BigInt(i))).toBe(CODES.ok)
  expect(ask(first, 9_000_000n)).toBe(CODES.tooMany)
  const without: GovernedAction = { kind: 'governors', keys: { threshold: 2, accounts: [second.address, third.address] } }
  expect(govern(network, without, [second, third])).toBe(CODES.ok)
  expect(network.app.state.rows(proposals)).toHaveLength(share + 1)
  network.closeEpoch()
  network.closeEpoch()
  expect(network.app.state.rows(proposals)).toEqual([])
})

test('shares that must sum to one are changed together, and one of them alone is dropped', () => {
  const network = createNetwork()
  govern(network, parameter('emissionNodesPpm', 700_000n))
  network.closeEpoch()
  expect(valueOf(network, 'emissionNodesPpm')).toBe(800_000n)
  govern(network, parameter('emissionNodesPpm', 700_000n))
  govern(network, parameter('emissionProtocolPpm', 100_000n))
  network.closeEpoch()
  expect([valueOf(network, 'emissionNodesPpm'), valueOf(network, 'emissionProtocolPpm')]).toEqual([700_000n, 100_000n])
})

test('no vote lifts the product that makes serving oneself pay', () => {
  const network = createNetwork()
  govern(network, parameter('emissionPpm', 130_000n)) // times a boost of 4 is 0.52
  network.closeEpoch()
  expect(valueOf(network, 'emissionPpm')).toBe(120_000n)
})

test('prices move by a tenth an epoch, in a version of their own', () => {
  const network = createNetwork()
  const { prices, priceVersion } = network.app.view()
  govern(network, { kind: 'prices', bytePrice: prices.bytePrice + 1n, cpuPrice: prices.cpuPrice - 5n })
  const next = network.closeEpoch().final!.view
  expect(next).toMatchObject({
    priceVersion: priceVersion + 1,
    prices: { bytePrice: prices.bytePrice + 1n, cpuPrice: prices.cpuPrice - 5n },
  })
  govern(network, { kind: 'prices', bytePrice: next.prices.bytePrice * 2n, cpuPrice: next.prices.cpuPrice })
  expect(network.closeEpoch().final!.view.priceVersion).toBe(priceVersion + 1)
})

test('two changes of prices for one epoch do not add up to more than a tenth, and the last of those that are good holds', () => {
  const step = stepOf(createNetwork())
  const approve = (place: number, bytePrice: bigint, cpuPrice: bigint): void => {
    const row = { action: encodeAction({ kind: 'prices', bytePrice, cpuPrice }), epoch: 1, proposedIn: 0, delays: 0 }
    step.state.put(proposals, new Uint8Array(32).fill(place), { ...row, approvals: accounts.slice(0, 2) }) // applied in the order of their hash
  }
  expect(currentPrices(step.state, 0).row).toEqual({ bytePrice: 10n, cpuPrice: 50n })
  approve(1, 11n, 55n)
  approve(2, 12n, 60n) // a tenth of what the first one made
  approve(3, 9n, 55n)
  applyGoverned(step)
  expect(ofKind(step.events, 'governance').map(({ state }) => state)).toEqual([2, 3, 2])
  expect(currentPrices(step.state, 1).row).toEqual({ bytePrice: 9n, cpuPrice: 55n })
  expect(currentPrices(step.state, 0).row).toEqual({ bytePrice: 10n, cpuPrice: 50n })
})

test('governors spend what the protocol has earned, and no more of it than there is', () => {
  const network = createNetwork()
  const grantee = createWallet('grantee').address
  const step = stepOf(network)
  const fund = 7n * NATIVE
  step.state.put(supplyRow, null, { ...step.state.get(supplyRow, null)!, fund })
  const approve = (amount: bigint, to = grantee): void => {
    const action = encodeAction({ kind: 'spend', to, amount })
    step.state.put(proposals, actionHash(action, 1n), { action, epoch: 1, proposedIn: 0, approvals: accounts.slice(0, 2), delays: 0 })
  }
  const ends = (): number[] => {
    applyGoverned(step)
    return ofKind(step.events.splice(0), 'governance').map(({ state }) => state)
  }
  approve(fund + 1n)
  approve(1n, SYSTEM_ADDRESS)
  expect(ends()).toEqual([3, 3])
  expect([step.state.get(supplyRow, null)!.fund, nativeOf(step.state, grantee)]).toEqual([fund, 0n])
  approve(fund - 2n)
  expect(ends()).toEqual([2])
  expect([step.state.get(supplyRow, null)!.fund, nativeOf(step.state, grantee)]).toEqual([2n, fund - 2n])
  expect(step.state.rows(proposals)).toEqual([])
})

test('the native price keeps what it was for thirty epochs, and no longer', () => {
  const network = createNetwork()
  for (let i = 1; i <= 35; i++) {
    govern(network, { kind: 'nativePrice', price: 1_000_000n + BigInt(i) })
    network.closeEpoch()
  }
  const steps = network.app.state.get(nativePrices, null)!
  const { epoch } = network.app.lastApplied()
  expect(steps.at(-1)).toEqual({ from: epoch, price: 1_000_035n })
  expect(steps[0]!.from).toBe(epoch - 30)
})

test('tokens are added with their bridge, changed, and capped', () => {
  const network = createNetwork()
  const keys = { threshold: 1, accounts: accounts.slice(0, 1) }
  govern(network, { kind: 'addToken', symbol: 'EUR', name: 'Euro', cap: 7n, keys })
  network.closeEpoch()
  expect(network.app.state.get(tokens, 2)).toMatchObject({ symbol: 'EUR', cap: 7n, supply: 0n, keys: keys.accounts })
  govern(network, { kind: 'tokenCap', token: 2, cap: 9n })
  govern(network, { kind: 'tokenKeys', token: 2, keys: { threshold: 2, accounts: accounts.slice(0, 2) } })
  expect(govern(network, { kind: 'tokenCap', token: 3, cap: 9n }, [governors[0]])).toBe(CODES.outOfBounds)
  network.closeEpoch()
  expect(network.app.state.get(tokens, 2)).toMatchObject({ cap: 9n, threshold: 2, keys: accounts.slice(0, 2) })
})

test('governors end a service, and cannot spend what the fund does not hold', () => {
  const network = createNetwork()
  govern(network, { kind: 'removeService', serviceId: 0 })
  govern(network, { kind: 'spend', to: createWallet('grantee').address, amount: 1n })
  network.closeEpoch()
  expect(network.app.state.get(services, 0)?.state).toBe(2)
  expect(network.app.view().services).toEqual([])
  expect(network.app.account(createWallet('grantee').address).native).toBe(0n)
  expect(network.app.state.get(supplyRow, null)?.fund).toBe(0n)
})

test('a version waits for the committee that can run it, and is dropped after ten delays', () => {
  const network = createNetwork()
  const versionOf = (): number => network.app.state.get(epochRow, null)!.version
  const announce = (nodeIndex: number, nonce: bigint): Uint8Array => network.node(nodeIndex, nonce, { kind: 'version', newest: 2 })
  govern(network, { kind: 'activateVersion', version: 2 })
  network.closeEpoch()
  expect(versionOf()).toBe(1)
  expect(codesOf(network.send(announce(0, 0n), announce(1, 0n), announce(2, 0n)))).toEqual([0, 0, 0])
  network.closeEpoch()
  expect(versionOf()).toBe(2)
  expect(() => network.run([])).toThrow(/version 2/) // this package runs version 1: it stops before it would fork
  const other = createNetwork()
  govern(other, { kind: 'activateVersion', version: 2 })
  for (let i = 0; i < 11; i++) {
    expect(other.app.state.rows(proposals)).toHaveLength(1)
    other.closeEpoch()
  }
  expect(other.app.state.rows(proposals)).toEqual([])
})
