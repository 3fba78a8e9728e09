/** Defects of the network before this one (the page of transactions, "Defects"), each as the test that would have found it. */
import { nodes, parameters, seats, supplyRow, tokens } from '@selvedge/application'
import {
  CODES,
  decodeTransaction,
  encodeAccountTransaction,
  encodeAction,
  encodeSystemCall,
  LedgerError,
  PARAMETER_NAMES,
  PARAMETERS,
  registrationSigningBytes,
  signAccountTransaction,
  SYSTEM_FUNCTIONS,
  type AccountTransaction,
  type ParameterName,
  type SystemArguments,
} from '@selvedge/ledger-types'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { expect, test } from 'vitest'
import { CHAIN_ID, codesOf, createNode, createWallet, EPOCH_MS, GENESIS_MS, NATIVE, Network, seedOf, WEI } from './support/network.ts'
import { registrationOf } from './support/registration.ts'

test('a lock is until an epoch, whatever was locked before', () => {
  const network = new Network()
  const { owner } = network.nodes[0]!
  const lock = (untilEpoch: bigint): number => codesOf(network.send(network.call(owner, 'lock', { nodeIndex: 0, untilEpoch })))[0]!
  expect(lock(2n)).toBe(CODES.ok)
  for (let epoch = 0; epoch < 6; epoch++) network.closeEpoch()
  expect(lock(10n)).toBe(CODES.ok)
  expect(network.app.state.get(nodes, 0)?.lockedUntil).toBe(10)
  expect(lock(9n)).toBe(CODES.outOfBounds)
  expect(lock(7n + 1_460n)).toBe(CODES.outOfBounds)
})

test('stake on its way out does not make a node Active', () => {
  const network = new Network({ nodes: 5 })
  const { owner } = network.nodes[4]!
  network.send(network.call(owner, 'optOut', { nodeIndex: 4 }))
  network.closeEpoch()
  network.send(network.call(owner, 'unstake', { nodeIndex: 4, amount: 1_500n * NATIVE * WEI }))
  expect(codesOf(network.send(network.call(owner, 'optIn', { nodeIndex: 4 })))).toEqual([CODES.amount])
})

test('unbonded money goes to whom the call names', () => {
  const network = new Network({ nodes: 5 })
  const { owner } = network.nodes[4]!
  const heir = createWallet('heir').address
  network.send(network.call(owner, 'unstake', { nodeIndex: 4, amount: 500n * NATIVE * WEI }))
  for (let epoch = 0; epoch < 6; epoch++) network.closeEpoch()
  const before = network.app.account(owner.address).native
  expect(codesOf(network.send(network.call(owner, 'claimUnbonded', { to: heir })))).toEqual([CODES.ok])
  expect(network.app.account(heir).native).toBe(500n * NATIVE)
  expect(network.app.account(owner.address).native).toBeLessThan(before)
})

test('two accounts with equal contents are two accounts', () => {
  const network = new Network()
  const [a, b] = [createWallet('twin a'), createWallet('twin b')]
  for (const { address } of [a, b]) network.send(network.transfer(network.wallets[0]!, address, NATIVE))
  expect(network.app.account(a.address)).toEqual(network.app.account(b.address))
  expect(codesOf(network.send(network.transfer(a, b.address, 1n)))).toEqual([CODES.ok])
  expect(codesOf(network.send(network.transfer(a, a.address, 1n)))).toEqual([CODES.ok])
  expect(network.app.account(b.address).native).toBe(NATIVE + 1n)
})

test('a deposit is what was paid, where it was paid to', () => {
  const network = new Network()
  const [payer, client] = [network.wallets[0]!, createWallet('client').address]
  const before = network.app.balance(payer.address, 1)
  expect(codesOf(network.send(network.call(payer, 'deposit', { account: client, amount: 777n })))).toEqual([CODES.ok])
  expect(network.app.balance(payer.address, 1)).toBe(before - 777n)
  expect(network.app.balance(client, 1)).toBe(0n)
  expect(network.app.account(client).clientIndex).toBe(1)
})

test('a transfer of a token moves that token', () => {
  const network = new Network()
  const [from, to] = [network.wallets[0]!, createWallet('to').address]
  const [native, usd] = [network.app.account(from.address).native, network.app.balance(from.address, 1)]
  const supply = network.app.state.get(tokens, 1)?.supply
  const address = Buffer.concat([Buffer.from('selvedge/token\0\0'), Buffer.from([0, 0, 0, 1])])
  const selector = Buffer.from('a9059cbb', 'hex')
  const data = Buffer.concat([selector, Buffer.alloc(12), to, Buffer.alloc(31), Buffer.of(9)])
  const outcome = network.send(network.account(from, { to: address, data }))
  expect(codesOf(outcome)).toEqual([CODES.ok])
  expect(network.app.balance(to, 1)).toBe(9n)
  expect(network.app.balance(from.address, 1)).toBe(usd - 9n)
  expect(native - network.app.account(from.address).native).toBeLessThan(10_000n) // the fee and nothing else
  expect(network.app.state.get(tokens, 1)?.supply).toBe(supply)
})

test('who stakes on another’s node changes its stake and nothing else', () => {
  const network = new Network()
  const before = network.app.state.get(nodes, 0)!
  const stranger = network.wallets[2]!
  expect(codesOf(network.send(network.call(stranger, 'stake', { nodeIndex: 0 }, { value: NATIVE * WEI })))).toEqual([CODES.ok])
  expect(network.app.state.get(nodes, 0)).toEqual({ ...before, stake: before.stake + NATIVE })
  const record = { nodeIndex: 0, noiseRecord: before.noiseRecord, addresses: new Uint8Array(0) }
  expect(codesOf(network.send(network.call(stranger, 'setNode', record)))).toEqual([CODES.notOwner])
  expect(codesOf(network.send(network.call(stranger, 'unstake', { nodeIndex: 0, amount: WEI })))).toEqual([CODES.notOwner])
})

test('a node is registered with a least stake and keys that it holds', () => {
  const network = new Network()
  const wallet = network.wallets[0]!
  const { nodeKey, bls, noiseRecord } = network.app.state.get(nodes, 0)!
  const strange = createBlsKeyPair(seedOf('strange'))
  const args = { nodeKey, bls, pop: new Uint8Array(96), nodeSig: new Uint8Array(64), noiseRecord, addresses: new Uint8Array(0) }
  const register = (changed: Partial<typeof args>, value: bigint): number =>
    codesOf(network.send(network.call(wallet, 'registerNode', { ...args, ...changed }, { value: value * WEI })))[0]!
  expect(register({}, 999n * NATIVE)).toBe(CODES.amount)
  expect(register({}, 1_000n * NATIVE)).toBe(CODES.keyInUse)
  expect(register({ nodeKey: seedOf('new'), bls: strange.publicKey }, 1_000n * NATIVE)).toBe(CODES.proof)
  expect(network.app.state.rows(nodes)).toHaveLength(4)
})

test('each unstaking is due by itself', () => {
  const network = new Network({ nodes: 5 })
  const { owner } = network.nodes[4]!
  const unstake = (): void => void network.send(network.call(owner, 'unstake', { nodeIndex: 4, amount: 100n * NATIVE * WEI }))
  unstake()
  network.closeEpoch()
  network.closeEpoch()
  unstake()
  for (let epoch = 0; epoch < 4; epoch++) network.closeEpoch()
  const heir = createWallet('heir').address
  network.send(network.call(owner, 'claimUnbonded', { to: heir }))
  expect(network.app.account(heir).native).toBe(100n * NATIVE)
})

test('an epoch in which nobody earned anything ends like any other', () => {
  const network = new Network()
  for (let epoch = 0; epoch < 4; epoch++) expect(network.closeEpoch().final?.view.epoch).toBe(epoch + 1)
  expect(network.app.state.get(supplyRow, null)?.minted).toBe(0n)
})

test('after a long stop one epoch ends, not all that were missed', () => {
  const network = new Network()
  network.run([], 1_000 * EPOCH_MS)
  const { final } = network.closeEpoch()
  expect(final?.view).toMatchObject({ epoch: 1, startMs: GENESIS_MS + 1_000 * EPOCH_MS, endMs: GENESIS_MS + 1_001 * EPOCH_MS })
  expect(network.run([], 100).final).toBeUndefined()
  expect(network.app.lastApplied().epoch).toBe(1)
})

type Values = readonly (readonly [parameter: ParameterName | number, value: bigint])[]

/** What governors must set together with one value of a parameter, since several have a sum or a product that is bounded. */
const COMPANY: { readonly [N in ParameterName]?: (value: bigint) => Values } = {
  burnPpm: () => [['servicePpm', 0n]],
  servicePpm: () => [['burnPpm', 10_000n]],
  protocolPpm: () => [
    ['burnPpm', 10_000n],
    ['servicePpm', 0n],
  ],
  emissionPpm: () => [['boostMaxPpm', 1_000_000n]],
  boostMaxPpm: () => [['emissionPpm', 5_000n]],
  emissionNodesPpm: (value) => [['emissionServicesPpm', 1_000_000n - value]],
  emissionServicesPpm: (value) => [['emissionNodesPpm', 1_000_000n - value]],
  emissionProtocolPpm: (value) => [
    ['emissionNodesPpm', 1_000_000n - value],
    ['emissionServicesPpm', 0n],
  ],
}

/** Its one governor asks for all of them from the next epoch on. @returns the codes */
function governAll(network: Network, values: Values): number[] {
  const governor = createWallet('governor')
  const epoch = BigInt(network.app.lastApplied().epoch + 1)
  network.send(network.transfer(network.wallets[0]!, governor.address, 1_000n * NATIVE))
  return values.flatMap(([parameter, value]) => {
    const id = typeof parameter === 'number' ? parameter : PARAMETERS[parameter].id
    const action = encodeAction({ kind: 'parameter', id, value })
    return codesOf(network.send(network.call(governor, 'govern', { action, epoch })))
  })
}

const heldBy = (network: Network, name: ParameterName): bigint => network.app.state.get(parameters, PARAMETERS[name].id)!.value

const CONTENT = { kind: 'contentUpdate', entries: [{ root: seedOf('content'), isAdded: true }] } as const

/** To the end of the running epoch, with stake, a lock, a bond, a duty and fees in it, whatever becomes of them. */
function liveAnEpoch(network: Network): void {
  const [wallet, { owner }] = [network.wallets[0]!, network.nodes[0]!]
  const { epoch } = network.app.lastApplied()
  network.send(network.transfer(wallet, owner.address, 1n), network.node(0, network.app.state.get(nodes, 0)!.nonceBase, CONTENT))
  network.send(network.call(owner, 'lock', { nodeIndex: 0, untilEpoch: BigInt(epoch + 1) }))
  network.send(network.call(owner, 'unstake', { nodeIndex: 0, amount: WEI }))
  const payees = [{ account: wallet.address, ppm: 1_000_000 }]
  const terms = { manifest: seedOf('manifest'), priceMultiplePpm: 1_000_000, payees }
  network.send(network.call(wallet, 'addService', terms, { value: heldBy(network, 'serviceBond') * WEI }))
  expect(network.closeEpoch().final?.view.epoch).toBe(epoch + 1)
}

test('no value of any parameter that governors can pass stops the ledger', () => {
  const beyond = new Network()
  const beyondBounds = PARAMETER_NAMES.flatMap((name): Values => {
    const [least, most] = [BigInt(PARAMETERS[name].min), BigInt(PARAMETERS[name].max)]
    const values = [least - 1n, most + 1n, 2n ** 64n - 1n].filter((value) => value >= 0n)
    return values.map((value) => [name, value] as const)
  })
  const wrong: Values = [...beyondBounds, [PARAMETER_NAMES.length, 1n], [2 ** 16 - 1, 1n]] // the last are none
  expect(governAll(beyond, wrong)).toEqual(wrong.map(() => CODES.outOfBounds))
  liveAnEpoch(beyond)
  for (const name of PARAMETER_NAMES) expect([name, heldBy(beyond, name)]).toEqual([name, BigInt(PARAMETERS[name].dev)])

  for (const name of PARAMETER_NAMES) {
    for (const value of [BigInt(PARAMETERS[name].min), BigInt(PARAMETERS[name].max)]) {
      const network = new Network()
      const asked: Values = [[name, value], ...(COMPANY[name]?.(value) ?? [])]
      expect([name, value, governAll(network, asked)]).toEqual([name, value, asked.map(() => CODES.ok)])
      network.closeEpoch()
      expect([name, heldBy(network, name)]).toEqual([name, value])
      for (let epoch = 1; epoch <= 2; epoch++) liveAnEpoch(network)
      expect([name, heldBy(network, name)]).toEqual([name, value])
    }
  }
})

test('what is no transaction is refused without a trace', () => {
  const network = new Network()
  const wallet = network.wallets[0]!
  const good = network.transfer(wallet, wallet.address, 1n)
  const legacy = {
    form: 'legacy' as const,
    chainId: CHAIN_ID,
    nonce: 0n,
    maxFeePerGas: 10n ** 12n,
    maxPriorityFeePerGas: 0n,
    gasLimit: 21_000n,
    to: wallet.address,
    value: 0n,
    data: new Uint8Array(0),
  }
  const withoutChain = Buffer.from(
    'f85f8085e8d4a510008252089400000000000000000000000000000000000000008080' + '1b' + 'a0' + '11'.repeat(32) + 'a0' + '11'.repeat(32),
    'hex',
  )
  const huge = signAccountTransaction({ ...legacy, nonce: 2n ** 64n - 1n }, wallet.secretKey)
  const bad = [
    new Uint8Array(0),
    Uint8Array.of(0),
    Uint8Array.of(0xc0),
    Uint8Array.of(2),
    withoutChain,
    huge,
    good.subarray(0, good.length - 1),
    new Uint8Array(65_537),
  ]
  const root = network.app.lastApplied().stateRoot
  const outcome = network.send(...bad)
  expect(codesOf(outcome)).toEqual([])
  expect([...outcome.refused.values()]).toEqual([bad.length])
  expect(network.app.lastApplied().stateRoot).not.toEqual(root) // the block itself: height and time
  expect(codesOf(network.send(signAccountTransaction(legacy, wallet.secretKey)))).toEqual([CODES.ok])
})

test('every byte of a signed transaction is signed', () => {
  const network = new Network()
  const node = network.node(0, 0n, { kind: 'version', newest: 1 })
  const account = network.transfer(network.wallets[0]!, network.wallets[1]!.address, 5n)
  const receivers = network.app.account(network.wallets[1]!.address).native
  for (const bytes of [node, account]) {
    const flipped = Array.from(bytes, (_, i) => {
      const copy = bytes.slice()
      copy[i]! ^= 0x01
      return copy
    })
    const outcome = network.send(...flipped)
    expect(outcome.executed.filter(({ code }) => code === CODES.ok)).toHaveLength(1) // the block's own
  }
  expect(network.app.account(network.wallets[1]!.address).native).toBe(receivers)
  expect(network.app.account(network.wallets[0]!.address).nonce).toBe(0n)
})

test('a key that is not there is none of zeros, and neither is anybody’s', () => {
  const network = new Network()
  const owner = network.wallets[0]!
  const fresh = createNode(9)
  const good = registrationOf(fresh, owner.address)
  const { noiseRecord, addresses } = good
  const signed = (bls: Uint8Array): Uint8Array =>
    fresh.keys.sign(registrationSigningBytes({ chainId: CHAIN_ID, owner: owner.address, bls, noiseRecord, addresses }))
  type Changed = Partial<SystemArguments<'registerNode'>>
  const dataOf = (changed: Changed): Uint8Array => encodeSystemCall('registerNode', { ...good, ...changed }).data
  const register = (changed: Changed): number[] =>
    codesOf(network.send(network.call(owner, 'registerNode', { ...good, ...changed }, { value: 1_000n * NATIVE * WEI })))
  const [none, zeros] = [new Uint8Array(0), new Uint8Array(48)]
  expect(() => signed(none)).toThrow(LedgerError) // there is nothing that such a word could be
  expect(dataOf({ bls: none })).not.toEqual(dataOf({ bls: zeros }))
  const absent: readonly Changed[] = [{ bls: none }, { pop: none }, { nodeSig: none }, { noiseRecord: none }]
  const empty: readonly Changed[] = [
    { bls: zeros },
    { bls: zeros, nodeSig: signed(zeros), pop: new Uint8Array(96) },
    { bls: zeros, nodeSig: signed(zeros) },
    { nodeKey: new Uint8Array(32) },
    { nodeSig: new Uint8Array(64) },
    { noiseRecord: new Uint8Array(136) },
  ]
  for (const changed of [...absent, ...empty]) expect([changed, register(changed)]).toEqual([changed, [CODES.proof]])
  const node = network.node(0, 0n, { kind: 'version', newest: 1 })
  const transfer = decodeTransaction(network.transfer(owner, owner.address, 1n)) as { readonly transaction: AccountTransaction }
  const unsigned = [
    node.subarray(0, -64),
    Uint8Array.of(...node.subarray(0, -64), ...new Uint8Array(64)),
    encodeAccountTransaction({ ...transfer.transaction, signature: new Uint8Array(64) }),
  ]
  const outcome = network.send(...unsigned)
  expect([codesOf(outcome), [...outcome.refused.values()]]).toEqual([[], [3]])
  expect(register({})).toEqual([CODES.ok])
})

test('there are no functions but those of the table', () => {
  const network = new Network()
  const { to } = encodeSystemCall('optIn', { nodeIndex: 0 })
  const names = Object.keys(SYSTEM_FUNCTIONS)
  expect(names.some((name) => name.toLowerCase().includes('job'))).toBe(false)
  for (const data of [Buffer.from('deadbeef', 'hex'), Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(36)]) {
    expect(codesOf(network.send(network.account(network.wallets[0]!, { to, data })))).toEqual([CODES.abi])
  }
})

test('a transaction is good once, in whichever epoch it comes again', () => {
  const network = new Network()
  const transfer = network.transfer(network.wallets[0]!, network.wallets[1]!.address, 5n)
  const node = network.node(0, 0n, { kind: 'version', newest: 1 })
  expect(codesOf(network.send(transfer, node, transfer, node))).toEqual([CODES.ok, CODES.ok])
  for (let epoch = 0; epoch < 3; epoch++) {
    network.closeEpoch()
    expect(codesOf(network.send(transfer, node))).toEqual([])
  }
})

test('time in execution is the block’s and nothing else', () => {
  const now = Date.now
  const random = Math.random
  const refuse = (): never => {
    throw new Error('a ledger has no clock and no chance')
  }
  Date.now = refuse
  Math.random = refuse
  try {
    const network = new Network()
    network.send(network.transfer(network.wallets[0]!, network.wallets[1]!.address, 5n))
    expect(network.closeEpoch().final?.view.startMs).toBe(GENESIS_MS + EPOCH_MS)
    expect(network.app.state.rows(seats).length).toBeGreaterThan(0)
  } finally {
    Date.now = now
    Math.random = random
  }
})

test('the root that is signed is that of the state after the block', () => {
  const [one, other] = [new Network(), new Network()]
  const block = one.next([{ type: 'transactions', author: 0, transactions: [one.transfer(one.wallets[0]!, one.wallets[1]!.address, 5n)] }])
  const { stateRoot } = one.app.execute(block)
  expect(one.app.lastApplied().stateRoot).toEqual(stateRoot)
  expect(other.app.execute({ ...block, items: [] }).stateRoot).not.toEqual(stateRoot)
})

test('the first nonce of an account is 0', () => {
  const network = new Network()
  expect(network.app.account(createWallet('fresh').address).nonce).toBe(0n)
  network.send(network.transfer(network.wallets[0]!, network.wallets[1]!.address, 5n))
  expect(network.app.account(network.wallets[0]!.address).nonce).toBe(1n)
})
