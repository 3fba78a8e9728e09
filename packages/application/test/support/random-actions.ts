/**
 * What random blocks are made of. Each action writes one transaction, or nothing when there is nothing to do; it may well fail. Whoever adds
 * a kind of transaction adds a line, and the properties of the whole ledger are tried with it.
 */
import { NATIVE, WEI, type Network, type Wallet } from './network.ts'
import { clients, delegations, nodes } from '@selvedge/application'

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
  tokenTransfer: ({ network, random, nonceOf }) => {
    const from = random.pick(walletsOf(network))
    return network.tokenTransfer(from, random.pick(walletsOf(network)).address, random.amount(20_000n * NATIVE), { nonce: nonceOf(from) })
  },
}
