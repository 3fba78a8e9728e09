/** Several tokens side by side: each has its own balances, supply, keys and cap, and what is done with one leaves the others alone. */
import { balances, tokens } from '@selvedge/application'
import { CODES, encodeTokenCall, nativeSupplyOf, type BridgeMint, type EventOf, type GenesisDetails } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { bridgeSignatures } from './support/bridge.ts'
import { leaksOf } from './support/conservation.ts'
import { codesOf, createWallet, Network, seedOf, type Wallet } from './support/network.ts'

const [usdKey, eurKey] = [createWallet('bridge'), createWallet('bridge of euros')]
const [USD, EUR] = [1, 2]
const CAP = 1_000_000n
const tokenOf = (symbol: string, name: string, { address }: Wallet): GenesisDetails['tokens'][number] => {
  return { symbol, name, keys: { threshold: 1, accounts: [address] }, cap: CAP }
}
const genesis = { tokens: [tokenOf('USD', 'Dollar', usdKey), tokenOf('EUR', 'Euro', eurKey)] }
const [receiver, stranger] = [createWallet('receiver'), createWallet('stranger')]

function createNetwork(): Network {
  const network = new Network({ genesis })
  for (const { address } of [receiver, stranger]) network.send(network.transfer(network.wallets[0]!, address, 1_000_000n))
  return network
}

const mintOf = (token: number, amount: bigint, source = 'deposit', prepaid = false): BridgeMint => {
  return { token, sourceId: seedOf(source), to: receiver.address, prepaid, amount }
}

function mint(network: Network, message: BridgeMint, key: Wallet): number {
  const args = { ...message, signatures: bridgeSignatures(message, [key]) }
  return codesOf(network.send(network.call(network.wallets[3]!, 'bridgeMint', args)))[0]!
}

const supplyOf = (network: Network, token: number): bigint => network.app.state.get(tokens, token)!.supply
const held = (network: Network, { address }: Wallet): bigint[] => [USD, EUR].map((token) => network.app.balance(address, token))

function transfer(network: Network, token: number, from: Wallet, to: Uint8Array, amount: bigint): ReturnType<Network['send']> {
  return network.send(network.account(from, encodeTokenCall(token, 'transfer', { to, amount })))
}

test('a second token is minted by its own keys, moved and burnt, and the first is as it was', () => {
  const network = createNetwork()
  const usd = supplyOf(network, USD)
  const expectSound = (): void => expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
  expect(mint(network, mintOf(EUR, 900n), usdKey)).toBe(CODES.proof)
  expect(mint(network, mintOf(EUR, 900n), eurKey)).toBe(CODES.ok)
  expect([...held(network, receiver), supplyOf(network, EUR)]).toEqual([0n, 900n, 900n])
  expectSound()
  const moved = transfer(network, EUR, receiver, stranger.address, 400n)
  expect(codesOf(moved)).toEqual([CODES.ok])
  const isTransfer = (event: { readonly kind: string }): event is EventOf<'transfer'> => event.kind === 'transfer'
  expect(moved.executed[0]!.events.filter(isTransfer)).toEqual([
    { kind: 'transfer', token: EUR, from: receiver.address, to: stranger.address, amount: 400n },
  ])
  expect([...held(network, receiver), ...held(network, stranger), supplyOf(network, EUR)]).toEqual([0n, 500n, 0n, 400n, 900n])
  expect(codesOf(transfer(network, EUR, receiver, stranger.address, 501n))).toEqual([CODES.amount])
  expect(codesOf(transfer(network, USD, receiver, stranger.address, 1n))).toEqual([CODES.amount])
  const out = network.call(stranger, 'bridgeOut', { token: EUR, to: Uint8Array.of(1), amount: 150n })
  expect(codesOf(network.send(out))).toEqual([CODES.ok])
  expect([...held(network, stranger), supplyOf(network, EUR), supplyOf(network, USD)]).toEqual([0n, 250n, 750n, usd])
  expectSound()
  expect(codesOf(transfer(network, EUR, receiver, stranger.address, 500n))).toEqual([CODES.ok])
  expect(network.app.state.get(balances, { address: receiver.address, token: EUR })).toBeUndefined()
  expectSound()
})

test('each token has its cap, its own sources, and says its own name and supply', () => {
  const network = createNetwork()
  expect(mint(network, mintOf(EUR, CAP), eurKey)).toBe(CODES.ok)
  expect(mint(network, mintOf(EUR, 1n, 'another'), eurKey)).toBe(CODES.cap)
  expect(mint(network, mintOf(USD, CAP), usdKey)).toBe(CODES.ok) // the id of a source over there is one of each bridge's
  expect(mint(network, mintOf(EUR, CAP), eurKey)).toBe(CODES.state)
  expect(held(network, receiver)).toEqual([CAP, CAP])
  const ask = (token: number, name: 'symbol' | 'totalSupply'): string => {
    const { output } = network.app.simulate({ from: stranger.address, value: 0n, ...encodeTokenCall(token, name, {}) })
    return Buffer.from(output).toString('hex')
  }
  const word = (value: bigint): string => value.toString(16).padStart(64, '0')
  expect([ask(USD, 'totalSupply'), ask(EUR, 'totalSupply')]).toEqual([word(supplyOf(network, USD)), word(CAP)])
  expect([USD, EUR].map((token) => Buffer.from(ask(token, 'symbol').slice(128, 134), 'hex').toString())).toEqual(['USD', 'EUR'])
})

test('services are paid in the first token alone: euros are no deposit, collateral or prepaid money', () => {
  const network = createNetwork()
  expect(mint(network, mintOf(EUR, 900n), eurKey)).toBe(CODES.ok)
  expect(mint(network, mintOf(EUR, 9n, 'prepaid', true), eurKey)).toBe(CODES.outOfBounds)
  const deposit = network.call(receiver, 'deposit', { account: receiver.address, amount: 1n })
  expect(codesOf(network.send(deposit))).toEqual([CODES.amount])
  expect(mint(network, mintOf(USD, 10n), usdKey)).toBe(CODES.ok)
  expect(codesOf(network.send(network.call(receiver, 'deposit', { account: receiver.address, amount: 10n })))).toEqual([CODES.ok])
  expect(codesOf(network.send(network.call(receiver, 'setCollateral', { amount: 1n })))).toEqual([CODES.amount])
  expect(held(network, receiver)).toEqual([0n, 900n])
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})
