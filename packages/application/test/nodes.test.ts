import { nodes, NODE_STATES } from '@selvedge/application'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeAddresses, type SystemArguments } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { codesOf, createNode, NATIVE, Network, seedOf, WEI, type TestNode, type Wallet } from './support/network.ts'
import { noiseRecordOf as noiseRecord, registrationOf } from './support/registration.ts'

const STAKE = 1_000n * NATIVE

const registration = (node: TestNode, { address }: Wallet, addresses?: Uint8Array): SystemArguments<'registerNode'> =>
  registrationOf(node, address, addresses)

const register = (network: Network, args: SystemArguments<'registerNode'>, stake = STAKE): number | undefined => {
  return codesOf(network.send(network.call(network.wallets[0]!, 'registerNode', args, { value: stake * WEI }))).at(0)
}

test('a node registers, opts in, and is Active and weighed from the epoch after', () => {
  const network = new Network()
  const node = createNode(9)
  expect(register(network, registration(node, network.wallets[0]!))).toBe(0)
  expect(network.app.state.get(nodes, 4)).toMatchObject({ stake: STAKE, state: NODE_STATES.idle, owner: network.wallets[0]!.address })
  const opt = network.call(network.wallets[0]!, 'optIn', { nodeIndex: 4 })
  expect(codesOf(network.send(opt))).toEqual([0])
  expect(network.app.state.get(nodes, 4)?.state).toBe(NODE_STATES.optingIn)
  expect(network.app.view().nodes).toHaveLength(4)
  network.run([], 4_000)
  const { view } = network.closeEpoch().final!
  expect(view.nodes.find(({ index }) => index === 4)).toMatchObject({ state: 'active', stake: STAKE })
  expect(view.committee.map(({ nodeIndex }) => nodeIndex)).not.toContain(4) // its weight counts from the epoch in which it was Active
  network.run([], 4_000)
  expect(network.closeEpoch().final!.view.nodes).toHaveLength(5)
})

test('a registration needs its stake, new keys, every proof and addresses of hosts', () => {
  const network = new Network()
  const node = createNode(9)
  const owner = network.wallets[0]!
  const good = registration(node, owner)
  const twin = { ...node, keys: createKeyPair(seedOf('twin')) }
  const at = (...bytes: number[]): Uint8Array => encodeAddresses([{ ...node.address, ip: Uint8Array.from(bytes) }])
  const rows: readonly (readonly [string, number, SystemArguments<'registerNode'>, bigint?])[] = [
    ['less than minStake', 40, good, STAKE - 1n],
    ['a node key that is known', 41, { ...good, nodeKey: network.nodes[0]!.keys.publicKey }],
    ['a BLS key that is known', 41, { ...good, bls: network.nodes[0]!.bls.publicKey }],
    ['another’s possession', 42, { ...good, pop: createBlsKeyPair(seedOf('other')).provePossession() }],
    ['another’s signature', 42, { ...good, nodeSig: twin.keys.sign(new Uint8Array(1)) }],
    ['an owner that did not send it', 42, registration(node, network.wallets[1]!)],
    ['another’s session key', 42, { ...good, noiseRecord: noiseRecord(twin) }],
    ['a session key of another chain', 42, { ...good, noiseRecord: noiseRecord(node, 200, 1) }],
    ['no addresses', 43, registration(node, owner, Uint8Array.of(0))],
    ['an address of nobody', 43, registration(node, owner, at(0, 0, 0, 1))],
    ['a multicast address', 43, registration(node, owner, at(239, 0, 0, 1))],
    ['IPv4 inside IPv6', 43, registration(node, owner, at(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1))],
    ['IPv4 behind 6to4', 43, registration(node, owner, at(0x20, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))],
    ['bytes behind the addresses', 43, registration(node, owner, Uint8Array.of(...encodeAddresses([node.address]), 0))],
  ]
  for (const [name, code, args, stake] of rows) expect([name, register(network, args, stake)]).toEqual([name, code])
  expect(register(network, good)).toBe(0)
  expect(register(network, registration({ ...twin, bls: node.bls }, owner))).toBe(41)
})

test('a session key and addresses change with the next epoch, the owner whenever he likes, the node once and only for longer', () => {
  const network = new Network()
  const [node, other] = network.nodes as [TestNode, TestNode]
  const addresses = encodeAddresses([{ ...node.address, pool: 7 }])
  const args = { nodeIndex: 0, noiseRecord: noiseRecord(node, 50), addresses }
  const send = (wallet: Wallet, more: object): number[] => codesOf(network.send(network.call(wallet, 'setNode', { ...args, ...more })))
  expect(send(other.owner, {})).toEqual([44])
  expect(send(node.owner, { nodeIndex: 9 })).toEqual([44])
  expect(send(node.owner, { noiseRecord: noiseRecord(other) })).toEqual([42])
  expect(send(node.owner, { addresses: Uint8Array.of(0) })).toEqual([43])
  expect(send(node.owner, {})).toEqual([0])
  const body = { kind: 'setNode', noiseRecord: noiseRecord(node, 60), addresses } as const
  const kind = (nonce: bigint, more: object): number[] => codesOf(network.send(network.node(0, nonce, { ...body, ...more })))
  expect(kind(0n, { noiseRecord: noiseRecord(node, 50) })).toEqual([42])
  expect(kind(1n, { addresses: Uint8Array.of(0) })).toEqual([43])
  expect(kind(2n, {})).toEqual([0])
  expect(kind(3n, { noiseRecord: noiseRecord(node, 70) })).toEqual([51])
  expect(network.app.state.get(nodes, 0)?.addresses[0]?.pool).toBe(9000)
  network.run([], 4_000)
  const { view } = network.closeEpoch().final!
  expect(view.nodes[0]).toMatchObject({ noiseRecord: body.noiseRecord, addresses: [{ pool: 7 }] })
  expect(kind(4n, { noiseRecord: noiseRecord(node, 70) })).toEqual([0])
})

test('opting in and out: whose node it is, how it stands, what it has at stake', () => {
  const network = new Network()
  const { owner } = network.nodes[0]!
  const send = (name: 'optIn' | 'optOut', wallet = owner): number[] => codesOf(network.send(network.call(wallet, name, { nodeIndex: 0 })))
  expect(send('optOut', network.wallets[0]!)).toEqual([44])
  expect(send('optIn', network.wallets[0]!)).toEqual([44])
  expect(send('optIn')).toEqual([51])
  expect(send('optOut')).toEqual([0])
  expect(send('optOut')).toEqual([51])
  expect(network.app.view().nodes[0]?.state).toBe('active') // to the end of the epoch
  expect(codesOf(network.send(network.node(0, 0n, { kind: 'version', newest: 3 })))).toEqual([0]) // one that leaves still serves
  network.run([], 4_000)
  network.closeEpoch()
  expect(network.app.state.get(nodes, 0)).toMatchObject({ state: NODE_STATES.idle, newestVersion: 3 })
  expect(
    codesOf(network.send(network.node(0, 1n, { kind: 'setNode', noiseRecord: new Uint8Array(136), addresses: Uint8Array.of(1) }))),
  ).toEqual([51])
  network.send(network.call(owner, 'unstake', { nodeIndex: 0, amount: 1_500n * NATIVE * WEI }))
  expect(send('optIn')).toEqual([40])
  expect(codesOf(network.send(network.node(0, 2n, { kind: 'optIn' })))).toEqual([40])
  network.send(network.call(network.wallets[0]!, 'stake', { nodeIndex: 0 }, { value: 1_000n * NATIVE * WEI }))
  expect(codesOf(network.send(network.node(0, 3n, { kind: 'optIn' })))).toEqual([0])
  expect(send('optOut')).toEqual([0])
  expect(network.app.state.get(nodes, 0)?.state).toBe(NODE_STATES.idle)
})
