import { balances, tokens } from '@selvedge/application'
import { CODES, type BridgeMint } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { bridgeSignatures } from './support/bridge.ts'
import { CHAIN_ID, codesOf, createWallet, Network, seedOf, type Wallet } from './support/network.ts'

const keys = ['a', 'b', 'c'].map((name) => createWallet(`bridge ${name}`)).toSorted((a, b) => Buffer.compare(a.address, b.address))
const CAP = 1_000_000n
const genesis = {
  tokens: [
    { symbol: 'USD', name: 'Dollar', keys: { threshold: 2, accounts: keys.map(({ address }) => address) }, cap: CAP },
    { symbol: 'EUR', name: 'Euro', keys: { threshold: 1, accounts: [keys[0]!.address] }, cap: CAP },
  ],
}
const to = createWallet('receiver').address
const mint: BridgeMint = { token: 1, sourceId: seedOf('deposit 1'), to, prepaid: false, amount: 500_000n }

const signed = (message: BridgeMint, signers: readonly Wallet[] = keys.slice(0, 2), chainId?: number): Uint8Array =>
  bridgeSignatures(message, signers, chainId)

function send(network: Network, message: BridgeMint, signatures: Uint8Array = signed(message)): number {
  return codesOf(network.send(network.call(network.wallets[3]!, 'bridgeMint', { ...message, signatures })))[0]!
}

const supplyOf = (network: Network): bigint => network.app.state.get(tokens, 1)!.supply

test('what the keys of a bridge say has come is minted, once for ever, by whoever sends it', () => {
  const network = new Network({ genesis })
  const before = supplyOf(network)
  expect(send(network, mint)).toBe(CODES.ok)
  expect(network.app.balance(to, 1)).toBe(500_000n)
  expect(supplyOf(network)).toBe(before + 500_000n)
  expect(send(network, mint)).toBe(CODES.state)
  network.closeEpoch()
  expect(send(network, mint)).toBe(CODES.state)
})

test.each([
  ['too few keys', signed(mint, keys.slice(0, 1))],
  ['one key twice', signed(mint, [keys[0]!, keys[0]!])],
  ['keys out of order', signed(mint, [keys[1]!, keys[0]!])],
  ['a stranger among them', signed(mint, [keys[0]!, createWallet('stranger')])],
  ['another amount', signed({ ...mint, amount: 499_999n })],
  ['another chain', signed(mint, keys.slice(0, 2), CHAIN_ID + 1)],
  ['half a signature', signed(mint).slice(0, 100)],
  ['a byte too many', Buffer.concat([signed(mint), Uint8Array.of(0)])],
  ['more signatures than keys', Buffer.concat([signed(mint, keys), signed(mint, keys.slice(0, 1))])],
  ['nothing', new Uint8Array(0)],
])('%s mints nothing', (_, signatures) => {
  const network = new Network({ genesis })
  expect(send(network, mint, signatures)).toBe(CODES.proof)
  expect(network.app.balance(to, 1)).toBe(0n)
})

test('a cap an epoch holds, and is whole again in the next', () => {
  const network = new Network({ genesis })
  expect(send(network, mint)).toBe(CODES.ok)
  const second = { ...mint, sourceId: seedOf('deposit 2'), amount: CAP - 500_000n + 1n }
  expect(send(network, second)).toBe(CODES.cap)
  network.closeEpoch()
  expect(send(network, second)).toBe(CODES.ok)
})

test('prepaid money makes a client without any native token; other tokens cannot', () => {
  const network = new Network({ genesis })
  expect(send(network, { ...mint, prepaid: true })).toBe(CODES.ok)
  expect(network.app.account(to)).toMatchObject({ native: 0n, clientIndex: 1 })
  const euro = { ...mint, token: 2, prepaid: true, sourceId: seedOf('deposit 3') }
  expect(send(network, euro, signed(euro, keys.slice(0, 1)))).toBe(CODES.outOfBounds)
})

test('amounts of nothing, tokens that are not there and sums beyond a u64 have their codes', () => {
  const wide = { tokens: [{ ...genesis.tokens[0]!, cap: 2n ** 64n - 1n }, genesis.tokens[1]!] }
  const network = new Network({ genesis: wide })
  const none = { ...mint, amount: 0n }
  expect(send(network, none, signed(none))).toBe(CODES.amount)
  const unknown = { ...mint, token: 7 }
  expect(send(network, unknown, signed(unknown))).toBe(CODES.notFound)
  const all = { ...mint, amount: 2n ** 64n - 1n }
  expect(send(network, all, signed(all))).toBe(CODES.overflow)
})

test('leaving over the bridge burns and is numbered', () => {
  const network = new Network({ genesis })
  const wallet = network.wallets[0]!
  const [before, supply] = [network.app.balance(wallet.address, 1), supplyOf(network)]
  const out = (amount: bigint, remote = Uint8Array.of(1, 2, 3), token = 1): ReturnType<typeof network.send> =>
    network.send(network.call(wallet, 'bridgeOut', { token, to: remote, amount }))
  const [first, second] = [out(10n), out(20n)]
  expect([...codesOf(first), ...codesOf(second)]).toEqual([CODES.ok, CODES.ok])
  const eventOf = (outcome: typeof first): unknown => outcome.executed[0]?.events.find(({ kind }) => kind === 'bridge')
  expect([eventOf(first), eventOf(second)]).toEqual([
    { kind: 'bridge', direction: 1, token: 1, id: 0, account: wallet.address, amount: 10n, remote: Uint8Array.of(1, 2, 3) },
    { kind: 'bridge', direction: 1, token: 1, id: 1, account: wallet.address, amount: 20n, remote: Uint8Array.of(1, 2, 3) },
  ])
  expect(network.app.balance(wallet.address, 1)).toBe(before - 30n)
  expect(supplyOf(network)).toBe(supply - 30n)
  expect(codesOf(out(before))).toEqual([CODES.amount])
  expect(codesOf(out(0n))).toEqual([CODES.amount])
  expect(codesOf(out(1n, new Uint8Array(65)))).toEqual([CODES.outOfBounds])
  expect(codesOf(out(1n, Uint8Array.of(1), 9))).toEqual([CODES.notFound])
  const held = network.app.state.rows(balances).reduce((sum, [{ token }, amount]) => sum + (token === 1 ? amount : 0n), 0n)
  expect(held).toBe(supplyOf(network))
})
