import { duties, nodes } from '@selvedge/application'
import {
  CODE_WORDS,
  CODES,
  codesOf as listedIn,
  encodeNodeBody,
  encodeSystemCall,
  feeOf,
  NODE_KINDS,
  nodeGas,
  signNodeTransaction,
  SYSTEM_ADDRESS,
  SYSTEM_FUNCTIONS,
  SYSTEM_KINDS,
  TOKEN_FUNCTIONS,
  tokenAddress,
  type Checks,
  type Code,
  type NodeBody,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { codesOf, createWallet, Network, WEI } from './support/network.ts'
import { ascending } from './support/step.ts'

const wallet = (network: Network, i = 0): Network['wallets'][0] => network.wallets[i]!

/** Node 0 leaves, on a chain that it names and signs for. */
function onChain({ nodes: [node] }: Network, chainId: number): Uint8Array {
  const fields = { chainId, nodeIndex: 0, nonce: 0n, kind: NODE_KINDS.optOut.id, body: encodeNodeBody({ kind: 'optOut' }) }
  return signNodeTransaction(fields, (message) => node!.keys.sign(message))
}

/** What must be refused: nothing changes, there is no receipt, a pool is told why. */
const REFUSED: Readonly<Record<string, readonly [Code, (network: Network) => Uint8Array]>> = {
  noise: [1, () => Uint8Array.of(0xff, 1, 2)],
  'a system transaction on the wire': [1, () => Uint8Array.of(1, 0, 0, 0)],
  'too many bytes': [1, (network) => network.account(wallet(network), { data: new Uint8Array(65_536) })],
  'a node kind that does not exist': [2, (network) => network.nodeBytes(0, 0n, 0x77, new Uint8Array(0))],
  'a body that is not its kind’s': [1, (network) => network.nodeBytes(0, 0n, 0x40, new Uint8Array(3))],
  'another chain': [3, (network) => network.account(wallet(network), { chainId: 1 })],
  'a node on another chain': [3, (network) => onChain(network, 1)],
  'another node’s key': [4, (network) => network.node(0, 0n, { kind: 'optOut' }, network.nodes[1]!.keys)],
  'a nonce that was used': [
    5,
    (network) => (
      network.send(network.transfer(wallet(network), wallet(network, 1).address, 1n)), network.account(wallet(network), { nonce: 0n })
    ),
  ],
  'a nonce too far ahead': [6, (network) => network.account(wallet(network), { nonce: 17n })],
  'a node nonce beyond the window': [6, (network) => network.node(0, 64n, { kind: 'optOut' })],
  'a node nonce that was used': [
    5,
    (network) => (network.send(network.node(0, 5n, { kind: 'version', newest: 1 })), network.node(0, 5n, { kind: 'optOut' })),
  ],
  'too little gas': [8, (network) => network.account(wallet(network), { gasLimit: 20_999n })],
  'a fee cap below the base fee': [7, (network) => network.account(wallet(network), { maxFeePerGas: 100n * 10n ** 9n - 1n })],
  'a value that is no whole µ': [9, (network) => network.account(wallet(network), { value: WEI + 1n })],
  'an argument that is no whole µ': [
    9,
    (network) => network.account(wallet(network), encodeSystemCall('unstake', { nodeIndex: 0, amount: 1n })),
  ],
  'more than there is': [10, (network) => network.account(wallet(network), { value: 10n ** 12n * WEI })],
  'an account with nothing': [10, (network) => network.account(createWallet('poor'), {})],
  'a node that is not registered': [11, (network) => network.node(9, 0n, { kind: 'optOut' }, network.nodes[0]!.keys)],
}

test.each(Object.entries(REFUSED))('refused without a trace: %s', (_, [code, make]) => {
  const network = new Network()
  const bytes = make(network)
  const accountsBefore = network.wallets.map(({ address }) => network.app.account(address))
  expect(network.app.checkAdmission(bytes)).toEqual({ code, words: CODE_WORDS[code] })
  const outcome = network.send(bytes)
  expect(codesOf(outcome)).toEqual([])
  expect(outcome.refused).toEqual(new Map([[0, 1]]))
  expect(network.wallets.map(({ address }) => network.app.account(address))).toEqual(accountsBefore)
})

test('a nonce ahead waits in a pool and is refused in a block', () => {
  const network = new Network()
  const bytes = network.account(wallet(network), { nonce: 3n })
  expect(network.app.checkAdmission(bytes)).toMatchObject({ code: 0, nonce: 3n, isNext: false })
  expect(codesOf(network.send(bytes))).toEqual([])
})

const FAILED: Readonly<Record<string, readonly [Code, (network: Network) => Uint8Array]>> = {
  'value to the system': [33, (network) => network.transfer(wallet(network), SYSTEM_ADDRESS, 1n)],
  'value to a token': [33, (network) => network.transfer(wallet(network), tokenAddress(1), 1n)],
  'data to an account': [33, (network) => network.account(wallet(network), { to: wallet(network, 1).address, data: Uint8Array.of(1) })],
  'value with a function that takes none': [33, (network) => network.call(wallet(network), 'optIn', { nodeIndex: 0 }, { value: WEI })],
  'a selector of nothing': [32, (network) => network.account(wallet(network), { to: SYSTEM_ADDRESS, data: Uint8Array.of(1, 2, 3, 4) })],
  'a token that is not there': [
    33,
    (network) => network.account(wallet(network), { to: tokenAddress(7), data: network.tokenData('transfer', wallet(network, 1).address) }),
  ],
  'an approval': [
    34,
    (network) => network.account(wallet(network), { to: tokenAddress(1), data: network.tokenData('approve', wallet(network, 1).address) }),
  ],
  'more tokens than there are': [40, (network) => network.tokenTransfer(wallet(network), wallet(network, 1).address, 10n ** 18n)],
}

test.each(Object.entries(FAILED))('failed: fee and nonce are used, nothing else: %s', (_, [code, make]) => {
  const network = new Network()
  const { address } = wallet(network)
  const before = network.app.account(address)
  const outcome = network.send(make(network))
  expect(codesOf(outcome)).toEqual([code])
  expect(outcome.executed[0]?.events).toEqual([])
  const { receipt } = network.app.history.receiptOf(outcome.executed[0]!.id)!
  expect(network.app.account(address)).toEqual({ ...before, nonce: 1n, native: before.native - receipt.fee })
})

test('there is no code but those that are tried here and those that the schemas list, each of which is tried as well', () => {
  const schemas: readonly Readonly<Record<string, { readonly checks: Checks }>>[] = [
    { ...SYSTEM_FUNCTIONS },
    { ...TOKEN_FUNCTIONS },
    NODE_KINDS,
    SYSTEM_KINDS,
  ]
  const listed = schemas.flatMap((each) => Object.values(each)).flatMap(({ checks }) => listedIn(checks))
  const tried = [...Object.values(REFUSED), ...Object.values(FAILED)].map(([code]) => code)
  expect([...new Set<number>([CODES.ok, ...tried, ...listed])].toSorted(ascending)).toEqual(Object.values(CODES).toSorted(ascending))
})

test('node nonces come in any order, each once', () => {
  const network = new Network()
  const send = (nonce: bigint): number[] => codesOf(network.send(network.node(0, nonce, { kind: 'version', newest: 1 })))
  for (const nonce of [3n, 0n, 63n, 1n, 2n]) expect(send(nonce)).toEqual([0])
  expect(network.app.state.get(nodes, 0)).toMatchObject({ nonceBase: 4n, nonceBits: 1n << 59n })
  for (const nonce of [0n, 3n, 63n, 68n]) expect(send(nonce)).toEqual([])
  expect(send(67n)).toEqual([0])
})

test('duties are free up to the allowance, then the owner pays, then there is nobody to pay', () => {
  const network = new Network({ genesis: { parameters: { dutyGasBase: 40_000, dutyGasPerStake: 0 } } })
  const { address } = network.nodes[0]!.owner
  const before = network.app.account(address).native
  let nonce = 0n
  const send = (): number[] => codesOf(network.send(network.node(0, nonce++, { kind: 'version', newest: 1 })))
  expect([send(), send()]).toEqual([[0], [0]]) // 17,000 gas each
  expect(network.app.account(address).native).toBe(before)
  expect(send()).toEqual([0])
  const fee = before - network.app.account(address).native
  expect(fee).toBe(1_700n)
  expect(network.app.state.get(duties, 0)).toEqual({ epoch: 0, gas: 34_000n })
  const left = network.app.account(address).native
  network.send(network.transfer(network.nodes[0]!.owner, wallet(network).address, left - 2_100n))
  expect(network.app.account(address).native).toBe(0n)
  expect(network.app.checkAdmission(network.node(0, nonce, { kind: 'version', newest: 1 }))).toMatchObject({ code: 10 })
})

test('what is no duty is paid by the owner, however much of the allowance is left', () => {
  const network = new Network()
  const { address } = network.nodes[0]!.owner
  const bodies: readonly NodeBody[] = [
    { kind: 'evidence', bytes: new Uint8Array(0) },
    { kind: 'disputeAnswer', clientIndex: 1, serviceId: 0, bytes: new Uint8Array(16) },
  ]
  for (const [nonce, body] of bodies.entries()) {
    const before = network.app.account(address).native
    const bytes = network.node(0, BigInt(nonce), body)
    const gas = nodeGas({ kind: NODE_KINDS[body.kind].id, body: encodeNodeBody(body) }, bytes.length)
    expect(codesOf(network.send(bytes))).toEqual([46])
    expect([body.kind, before - network.app.account(address).native]).toEqual([body.kind, feeOf(gas, 100n)])
  }
  expect(network.app.state.get(duties, 0)).toBeUndefined()
})

test('a verdict that came with the block is believed, a missing one is made up for', () => {
  const network = new Network()
  const transactions = [0, 1, 2].map((i) => network.transfer(wallet(network, i), wallet(network, 3).address, 5n))
  const verdicts = [{ isSigned: true, sender: wallet(network).address }, { isSigned: false }, undefined]
  const outcome = network.run([{ type: 'transactions', author: 2, transactions, verdicts }])
  expect(codesOf(outcome)).toEqual([0, 0])
  expect(outcome.refused).toEqual(new Map([[2, 1]]))
})

test('a call is tried without a trace, and views answer', () => {
  const network = new Network()
  const from = wallet(network).address
  const asked = { from, to: tokenAddress(1), value: 0n, data: network.tokenData('balanceOf', from) }
  expect(BigInt(`0x${Buffer.from(network.app.simulate(asked).output).toString('hex')}`)).toBe(10n ** 10n)
  const stake = { from, value: WEI, ...encodeSystemCall('stake', { nodeIndex: 9 }) }
  expect(network.app.simulate(stake)).toMatchObject({ code: 45, words: 'not found', gas: 32_000 })
  network.run([])
  expect(network.app.account(from).nonce).toBe(0n)
})
