/**
 * What random blocks are made of. Each action writes one transaction, or nothing when there is nothing to do; it may well fail. Whoever adds
 * a kind of transaction adds a line, and the properties of the whole ledger are tried with it.
 */
import { clients, committees, delegations, nodes, services, tokens } from '@selvedge/application'
import {
  encodeAction,
  encodeTokenCall,
  PARAMETERS,
  type BridgeMint,
  type GovernedAction,
  type ParameterName,
  type SystemArguments,
} from '@selvedge/ledger-types'
import { bridgeSignatures } from './bridge.ts'
import { evidenceOf } from './evidence.ts'
import { createNode, createWallet, NATIVE, seedOf, WEI, type Network, type TestNode, type Wallet } from './network.ts'
import { registrationOf } from './registration.ts'

export interface Random {
  /** A whole number in [0, limit). */
  below(limit: number): number
  pick<T>(from: readonly T[]): T
  /** A µ amount, log-uniform from 1 to `max`. */
  amount(max: bigint): bigint
}

/** The same numbers for the same seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit: number): number => next() % limit
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    amount(max) {
      const bits = below(max.toString(2).length)
      const value = (1n << BigInt(bits)) + ((BigInt(next()) * BigInt(next())) % (1n << BigInt(bits)))
      return value > max ? max : value
    },
  }
}

/** `nonces` gives the next nonce of a wallet or node within a block that is still being made. */
export interface Makings {
  readonly network: Network
  readonly random: Random
  nonceOf(wallet: Wallet): bigint
  nodeNonceOf(nodeIndex: number): bigint
}

export type Action = (makings: Makings) => Uint8Array | undefined

const walletsOf = ({ wallets, nodes: all }: Network): readonly Wallet[] => [...wallets, ...all.map(({ owner }) => owner)]
const call = ({ network, nonceOf }: Makings, wallet: Wallet, ...[name, args, micro = 0n]: CallOf): Uint8Array => {
  return network.call(wallet, name as 'stake', args as never, { nonce: nonceOf(wallet), value: micro * WEI })
}
type CallOf = readonly [name: string, args: object, micro?: bigint]

export const ACTIONS: Readonly<Record<string, Action>> = {
  transfer: (makings) => {
    const { network, random, nonceOf } = makings
    const from = random.pick(walletsOf(network))
    return network.transfer(from, random.pick(walletsOf(network)).address, random.amount(2_000_000n * NATIVE), { nonce: nonceOf(from) })
  },
  stake: (makings) => {
    const { network, random } = makings
    return call(makings, random.pick(walletsOf(network)), 'stake', { nodeIndex: random.below(5) }, random.amount(1_000n * NATIVE))
  },
  lock: (makings) => {
    const nodeIndex = makings.random.below(makings.network.nodes.length)
    return call(makings, makings.network.nodes[nodeIndex]!.owner, 'lock', { nodeIndex, untilEpoch: BigInt(makings.random.below(6)) })
  },
  unstake: (makings) => {
    const { network, random } = makings
    const nodeIndex = random.below(network.nodes.length)
    const stake = network.app.state.get(nodes, nodeIndex)?.stake ?? 0n
    const amount = random.below(4) === 0 ? stake : random.amount(600n * NATIVE)
    return call(makings, network.nodes[nodeIndex]!.owner, 'unstake', { nodeIndex, amount: amount * WEI })
  },
  delegate: (makings) => {
    const { network, random } = makings
    return call(makings, random.pick(walletsOf(network)), 'delegate', { nodeIndex: random.below(4) }, random.amount(4_000n * NATIVE))
  },
  undelegate: (makings) => {
    const { network, random } = makings
    const wallet = random.pick(walletsOf(network))
    const nodeIndex = random.below(4)
    const held = network.app.state.get(delegations, { nodeIndex, address: wallet.address })?.shares ?? 1n
    return call(makings, wallet, 'undelegate', { nodeIndex, shares: random.below(3) === 0 ? held : random.amount(held) })
  },
  setCommission: (makings) => {
    const nodeIndex = makings.random.below(makings.network.nodes.length)
    return call(makings, makings.network.nodes[nodeIndex]!.owner, 'setCommission', { nodeIndex, ppm: makings.random.below(120_000) })
  },
  claimUnbonded: (makings) => {
    const { network, random } = makings
    return call(makings, random.pick(walletsOf(network)), 'claimUnbonded', { to: random.pick(walletsOf(network)).address })
  },
  opt: (makings) => {
    const nodeIndex = makings.random.below(makings.network.nodes.length)
    return call(makings, makings.network.nodes[nodeIndex]!.owner, makings.random.below(3) > 0 ? 'optIn' : 'optOut', { nodeIndex })
  },
  nodeOpt: ({ network, random, nodeNonceOf }) => {
    const nodeIndex = random.below(network.nodes.length)
    return network.node(nodeIndex, nodeNonceOf(nodeIndex), { kind: random.below(3) > 0 ? 'optIn' : 'optOut' })
  },
  deposit: (makings) => {
    const { network, random } = makings
    const account = random.pick(walletsOf(network)).address
    return call(makings, random.pick(walletsOf(network)), 'deposit', { account, amount: random.amount(2_000n * NATIVE) })
  },
  requestWithdraw: (makings) => {
    const { network, random } = makings
    const client = network.app.state.rows(clients).find(() => random.below(2) === 0)?.[1]
    const amount = random.below(3) === 0 && client !== undefined ? client.prepaid : random.amount(1_000n * NATIVE)
    return call(makings, random.pick(walletsOf(network)), 'requestWithdraw', { amount })
  },
  setCollateral: (makings) => {
    const { network, random } = makings
    return call(makings, random.pick(walletsOf(network)), 'setCollateral', { amount: random.amount(3_000n * NATIVE) })
  },
  setEpochCap: (makings) =>
    call(makings, makings.random.pick(walletsOf(makings.network)), 'setEpochCap', { amount: makings.random.amount(10n ** 12n) }),
  reserve: (makings) => {
    const { network, random } = makings
    const args = { nodeIndex: random.below(5), perEpoch: random.amount(500n * NATIVE), lastEpoch: BigInt(random.below(12)) }
    return call(makings, random.pick(walletsOf(network)), 'reserve', args)
  },
  raiseMinNonce: (makings) =>
    call(makings, makings.random.pick(walletsOf(makings.network)), 'raiseMinNonce', { minNonce: BigInt(makings.random.below(8)) }),
  registerNode: (makings) => {
    const { network, random } = makings
    const owner = random.pick(walletsOf(network))
    return call(makings, owner, 'registerNode', registrationBy(9 + random.below(4), owner), (900n + BigInt(random.below(400))) * NATIVE)
  },
  addService: (makings) => {
    const bond = (makings.random.below(4) === 0 ? 99n : 100n) * NATIVE
    return call(makings, makings.random.pick(walletsOf(makings.network)), 'addService', termsOf(makings), bond)
  },
  updateService: (makings) => {
    const [serviceId, owner] = serviceOf(makings)
    return call(makings, owner, 'updateService', { serviceId, ...termsOf(makings) })
  },
  removeService: (makings) => {
    const [serviceId, owner] = serviceOf(makings)
    return call(makings, owner, 'removeService', { serviceId })
  },
  bridgeMint: (makings) => {
    const { network, random } = makings
    const message: BridgeMint = {
      token: 1 + random.below(3),
      sourceId: seedOf(`source ${random.below(30)}`),
      to: random.pick(walletsOf(network)).address,
      prepaid: random.below(3) === 0,
      amount: random.amount(2_000n * NATIVE),
    }
    const signatures = bridgeSignatures(message, [createWallet(random.below(6) === 0 ? 'a stranger' : 'bridge')])
    return call(makings, random.pick(walletsOf(network)), 'bridgeMint', { ...message, signatures })
  },
  bridgeOut: (makings) => {
    const { network, random } = makings
    const args = { token: 1 + random.below(3), to: seedOf('over there'), amount: random.amount(1_000n * NATIVE) }
    return call(makings, random.pick(walletsOf(network)), 'bridgeOut', args)
  },
  /** The only governor has nothing at first: then somebody pays him. */
  govern: (makings) => {
    const { network, random, nonceOf } = makings
    const governor = createWallet('governor')
    if (network.app.account(governor.address).native < NATIVE) {
      const from = random.pick(walletsOf(network))
      return network.transfer(from, governor.address, 100n * NATIVE, { nonce: nonceOf(from) })
    }
    const epoch = BigInt(network.app.view().epoch + 1 + random.below(3))
    return call(makings, governor, 'govern', { action: encodeAction(governedOf(makings)), epoch })
  },
  /** Somebody shows what the last node signed twice, the node itself not excepted; mostly it is not quite what it signed. */
  evidence: ({ network, random, nodeNonceOf }) => {
    const { epoch } = network.app.view()
    const accused = network.nodes.length - 1
    const seat = (network.app.state.get(committees, epoch) ?? []).findIndex(({ nodeIndex }) => nodeIndex === accused)
    if (seat < 0) return undefined
    const { keys } = network.nodes[random.below(4) === 0 ? accused : 0]!
    const from = random.below(network.nodes.length)
    const bytes = evidenceOf(keys, epoch, seat, [seedOf('one'), seedOf('two')])
    return network.node(from, nodeNonceOf(from), { kind: 'evidence', bytes })
  },
  otherTokenTransfer: ({ network, random, nonceOf }) => {
    const holder = walletsOf(network).find(({ address }) => network.app.balance(address, 2) > 0n)
    const from = random.below(4) === 0 || holder === undefined ? random.pick(walletsOf(network)) : holder
    const args = { to: random.pick(walletsOf(network)).address, amount: random.amount(1_000n * NATIVE) }
    return network.account(from, { ...encodeTokenCall(2, 'transfer', args), nonce: nonceOf(from) })
  },
  tokenTransfer: ({ network, random, nonceOf }) => {
    const from = random.pick(walletsOf(network))
    return network.tokenTransfer(from, random.pick(walletsOf(network)).address, random.amount(20_000n * NATIVE), { nonce: nonceOf(from) })
  },
}

const registered = new Map<string, SystemArguments<'registerNode'>>()
const fresh = new Map<number, TestNode>()

/** A node that genesis does not have, registered by `owner`: proofs are dear, and made once. */
function registrationBy(number: number, { address }: Wallet): SystemArguments<'registerNode'> {
  const name = `${number} ${String(address)}`
  const node = fresh.get(number) ?? createNode(number)
  const registration = registered.get(name) ?? registrationOf(node, address)
  fresh.set(number, node)
  registered.set(name, registration)
  return registration
}

/** What a service charges and whom it pays; sometimes nobody, which is none. */
function termsOf({ network, random }: Makings): SystemArguments<'addService'> {
  const [one, other] = [random.pick(walletsOf(network)).address, random.pick(walletsOf(network)).address]
  const ppm = random.below(1_000_000)
  const payees = [
    { account: one, ppm },
    { account: other, ppm: 1_000_000 - ppm },
  ]
  return { manifest: seedOf('manifest'), priceMultiplePpm: random.below(1_000_001), payees: random.below(8) === 0 ? [] : payees }
}

/** A service that may be there, and mostly its owner. The first one stays: what nodes serve is served for it. */
function serviceOf({ network, random }: Makings): [serviceId: number, owner: Wallet] {
  const serviceId = 1 + random.below(4)
  const owner = network.app.state.get(services, serviceId)?.owner
  const wallets = walletsOf(network)
  const own = owner === undefined ? undefined : wallets.find(({ address }) => Buffer.compare(address, owner) === 0)
  return [serviceId, random.below(5) === 0 || own === undefined ? random.pick(wallets) : own]
}

/** Shares of revenue and emission, bonds, prices, tokens, what the fund pays: nothing that would change what a µ of revenue burns or mints. */
function governedOf({ network, random }: Makings): GovernedAction {
  const parameter = (name: ParameterName, value: number): GovernedAction => {
    return { kind: 'parameter', id: PARAMETERS[name].id, value: BigInt(value) }
  }
  const { bytePrice, cpuPrice } = network.app.view().prices
  const keys = { threshold: 1, accounts: [createWallet('bridge').address] }
  const to = random.pick(walletsOf(network)).address
  const areThreeThere = network.app.state.get(tokens, 3) !== undefined
  return random.pick<GovernedAction>([
    parameter('servicePpm', random.below(500_000)),
    parameter('protocolPpm', random.below(400_000)),
    parameter('emissionProtocolPpm', 100_000), // these two are dropped where they do not come together: shares are one whole
    parameter('emissionNodesPpm', 700_000),
    parameter('serviceBond', 100_000_000 + random.below(2) * 1_000_000),
    parameter('disputeBond', 5_000_000 + random.below(5_000_001)), // at most what it begins with: disputes put down so much
    { kind: 'prices', bytePrice: (bytePrice * BigInt(90 + random.below(25))) / 100n, cpuPrice },
    areThreeThere
      ? { kind: 'tokenCap', token: 2, cap: random.amount(10n ** 12n) }
      : { kind: 'addToken', symbol: 'EUR', name: 'Euro', cap: 10n ** 10n, keys },
    { kind: 'spend', to, amount: random.amount(NATIVE) },
    { kind: 'removeService', serviceId: 1 + random.below(4) },
  ])
}
