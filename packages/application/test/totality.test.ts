import { nodes, type BlockItem } from '@selvedge/application'
import {
  encodeTransaction,
  nativeSupplyOf,
  NODE_KINDS,
  SYSTEM_ADDRESS,
  SYSTEM_FUNCTIONS,
  selectorOf,
  tokenAddress,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { leaksOf } from './support/conservation.ts'
import { Network, type Wallet } from './support/network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 12)
const BLOCKS = 12

// Goal: no byte string makes execution throw, and none moves money that it should not.
// Method: noise, cut and flipped transactions, well-signed calls with arbitrary arguments, bodies and system messages; whole epochs of them.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('no bytes make execution throw or leak, seed %i', (seed) => {
  const random = createRandom(seed)
  const network = new Network({ nodes: 4 })
  const native = nativeSupplyOf(network.genesis)
  for (let i = 0; i < BLOCKS; i++) {
    const outcome = network.run(hostileItems(network, random), random.below(4_000))
    expect(leaksOf(network.app, native)).toEqual([])
    expect(network.app.history.receiptsOf(outcome.height)).toHaveLength(outcome.executed.length)
    if (i % 4 === 3) network.closeEpoch(...hostileItems(network, random))
  }
  expect(leaksOf(network.app, native)).toEqual([])
})

test('admission answers every byte string with a code and its words', () => {
  const random = createRandom(99)
  const network = new Network()
  for (let i = 0; i < 300; i++) {
    const admission = network.app.checkAdmission(hostileBytes(network, random))
    expect(admission.code).toBeLessThan(32)
    if (admission.code !== 0) expect(admission.words).not.toBe('')
  }
})

function hostileItems(network: Network, random: Random): BlockItem[] {
  const transactions = Array.from({ length: 1 + random.below(12) }, () => hostileBytes(network, random))
  const items: BlockItem[] = [{ type: 'transactions', author: random.below(70_000), transactions }]
  for (let i = random.below(4); i > 0; i--) items.push({ type: 'system', author: random.below(6), bytes: systemNoise(random) })
  return items
}

function systemNoise(random: Random): Uint8Array {
  const bytes = noise(random, random.pick([0, 1, 9, 33, 41, 200, 755]))
  if (bytes.length > 0) bytes[0] = random.below(7)
  if (bytes.length === 9 && random.below(2) === 0) bytes.fill(0, 1) // an epoch that exists
  return bytes
}

function hostileBytes(network: Network, random: Random): Uint8Array {
  switch (random.below(5)) {
    case 0:
      return noise(random, random.below(300))
    case 1:
      return mutated(validTransaction(network, random), random)
    case 2:
      return signedNoise(network, random)
    case 3:
      return nodeNoise(network, random)
    default:
      return validTransaction(network, random)
  }
}

/** A well-signed call of a real function with arbitrary, sometimes well-formed arguments. */
function signedNoise(network: Network, random: Random): Uint8Array {
  const wallet = random.pick([...network.wallets, ...network.nodes.map(({ owner }) => owner)])
  const name = random.pick(Object.keys(SYSTEM_FUNCTIONS) as SystemFunctionName[])
  const words = SYSTEM_FUNCTIONS[name].args.length + random.below(3)
  const data = new Uint8Array(4 + 32 * words)
  data.set(selectorOf(name, SYSTEM_FUNCTIONS[name]))
  for (let word = 0; word < words; word++) {
    const at = 4 + 32 * word
    const width = random.pick([1, 2, 4, 8, 20, 32])
    if (random.below(3) > 0) data.set(noise(random, width), at + 32 - width)
    else data[at + 31] = 32 * random.below(8) // looks like the place of a tail
  }
  const to = random.pick([SYSTEM_ADDRESS, SYSTEM_ADDRESS, SYSTEM_ADDRESS, tokenAddress(1), tokenAddress(9), wallet.address])
  const value = random.below(2) === 0 ? 0n : random.amount(10n ** 15n) * 10n ** 12n
  return network.account(wallet, { to, data, value, gasLimit: 10n ** 9n })
}

/** A well-signed node transaction of a real kind with an arbitrary body. */
function nodeNoise(network: Network, random: Random): Uint8Array {
  const nodeIndex = random.below(network.nodes.length)
  const kind = random.pick(Object.values(NODE_KINDS)).id
  const body = noise(random, random.pick([0, 4, 40, 42, 88, 92, 146, 300, 1_600]))
  if (body.length >= 8 && random.below(2) === 0) body.fill(0, 1, 8) // a small epoch
  const nonce = network.app.state.get(nodes, nodeIndex)!.nonceBase + BigInt(random.below(3))
  return network.nodeBytes(nodeIndex, nonce, kind, body)
}

function validTransaction(network: Network, random: Random): Uint8Array {
  const makings: Makings = {
    network,
    random,
    nonceOf: (wallet: Wallet) => network.nonceOf(wallet),
    nodeNonceOf: (nodeIndex) => network.app.state.get(nodes, nodeIndex)!.nonceBase,
  }
  return (
    random.pick(Object.values(ACTIONS))(makings) ??
    encodeTransaction({ form: 'node', chainId: 1, nodeIndex: 0, nonce: 0n, kind: 1, body: noise(random, 0), signature: noise(random, 64) })
  )
}

function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice(0, random.below(3) === 0 ? random.below(bytes.length) : bytes.length)
  for (let i = random.below(4); i > 0 && out.length > 0; i--) out[random.below(out.length)]! ^= 1 << random.below(8)
  return out
}

function noise(random: Random, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => random.below(256))
}
