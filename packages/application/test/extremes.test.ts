import { nodes, type BlockItem, type Outcome } from '@selvedge/application'
import {
  callOf,
  CODES,
  codesOf,
  decodeTransaction,
  encodeAction,
  encodeSystemCall,
  nativeSupplyOf,
  NODE_KINDS,
  nodeKindOf,
  PARAMETER_NAMES,
  SYSTEM_FUNCTIONS,
  transactionId,
  type Checks,
  type NodeKindName,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { encodeClaimCommit, encodeClaimDebits } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { leaksOf } from './support/conservation.ts'
import { createWallet, Network, seedOf, WEI, type Wallet } from './support/network.ts'
import { createRandom, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 6)
const U64 = 2n ** 64n - 1n
const U256 = 2n ** 256n - 1n

// Goal: no arguments, however large, small or out of time, make execution throw or move money that is not there.
// Method: every function and kind, well signed and well formed, with numbers from the edges of their types; epochs with and without claims.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'arguments from the edges of their types neither throw nor leak, seed %i',
  (seed) => {
    const random = createRandom(seed)
    const network = new Network({ nodes: 5, genesis: { parameters: { unbondEpochs: 4, gasTargetPerSecond: 2_100_000 } } })
    const native = nativeSupplyOf(network.genesis)
    const codes = new Set<number>()
    network.send(network.transfer(network.wallets[0]!, createWallet('governor').address, 10n ** 10n))
    for (let epoch = 0; epoch < 5; epoch++) {
      for (const afterMs of [500, 1_000, 3_000, 4_000, 2_000]) {
        const items = extremeItems(network, random)
        const { executed } = network.run(items, afterMs)
        for (const { code } of executed) codes.add(code)
        expect(unlisted(items, executed)).toEqual([])
        expect(leaksOf(network.app, native)).toEqual([])
      }
      network.closeEpoch(...extremeItems(network, random))
      expect(leaksOf(network.app, native)).toEqual([])
    }
    expect(codes.size).toBeGreaterThan(7)
  },
)

/** What failed with a code that the schema of its function or kind does not list. */
function unlisted(items: readonly BlockItem[], executed: Outcome['executed']): string[] {
  const codeById = new Map(executed.map(({ id, code }) => [Buffer.from(id).toString('hex'), code]))
  const all = items.flatMap((item) => (item.type === 'transactions' ? item.transactions : []))
  return all.flatMap((bytes) => {
    const code = codeById.get(Buffer.from(transactionId(bytes)).toString('hex')) ?? CODES.ok
    const [name, checks] = schemaOf(bytes)
    return code === CODES.ok || codesOf(checks).includes(code) ? [] : [`${name}: ${code}`]
  })
}

function schemaOf(bytes: Uint8Array): readonly [name: string, checks: Checks] {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok) return ['nothing', []]
  const { transaction } = decoded
  if (transaction.form === 'node') {
    const kind = nodeKindOf(transaction.kind)!
    return [kind, NODE_KINDS[kind].checks]
  }
  const call = callOf(transaction)
  return call.target === 'system' ? [call.name, SYSTEM_FUNCTIONS[call.name].checks] : [call.target, []]
}

function extremeItems(network: Network, random: Random): BlockItem[] {
  const used = new Map<string, bigint>()
  const governor = createWallet('governor')
  const wallets = [...network.wallets, ...network.nodes.map(({ owner }) => owner), governor]
  const transactions: Uint8Array[] = []
  for (let i = 0; i < 30; i++) {
    const isOfNode = random.below(3) === 0
    const nodeIndex = random.below(network.nodes.length)
    const called = random.pick(Object.keys(SYSTEM_FUNCTIONS) as SystemFunctionName[])
    const wallet = called === 'govern' ? governor : random.pick(wallets) // others' actions are not looked at
    const sender = isOfNode ? `node ${nodeIndex}` : String(wallet.address)
    const nonce = used.get(sender) ?? (isOfNode ? network.app.state.get(nodes, nodeIndex)!.nonceBase : network.nonceOf(wallet))
    const bytes = isOfNode
      ? network.node(nodeIndex, nonce, bodyOf(network, random, nodeIndex))
      : callBytesOf(network, random, wallets, { name: called, wallet, nonce })
    if (network.app.checkAdmission(bytes).code === 0) used.set(sender, nonce + 1n) // what is refused leaves its nonce to the next
    transactions.push(bytes)
  }
  return [{ type: 'transactions', author: 0, transactions }]
}

interface Called {
  readonly name: SystemFunctionName
  readonly wallet: Wallet
  readonly nonce: bigint
}

function callBytesOf(network: Network, random: Random, wallets: readonly Wallet[], { name, wallet, nonce }: Called): Uint8Array {
  const isPaying = SYSTEM_FUNCTIONS[name].payable && random.below(4) > 0
  const value = isPaying ? random.pick([1n, 10n * 10n ** 6n, 100n * 10n ** 6n, 1_000n * 10n ** 6n, 10n ** 11n]) * WEI : 0n
  return network.account(wallet, { ...encodeSystemCall(name, argsOf(network, random, wallets, name) as never), value, nonce })
}

function argsOf<N extends SystemFunctionName>(network: Network, random: Random, wallets: readonly Wallet[], name: N): SystemArguments<N> {
  const args: Record<string, unknown> = {}
  for (const { name: field, type, unit } of SYSTEM_FUNCTIONS[name].args as readonly { name: string; type: string; unit?: string }[]) {
    const value = valueOf(network, random, wallets, field, type)
    args[field] = unit === 'wei' && random.below(6) > 0 ? ((value as bigint) / WEI) * WEI : value
  }
  return args as SystemArguments<N>
}

function valueOf(network: Network, random: Random, wallets: readonly Wallet[], field: string, type: string): unknown {
  const epoch = network.app.lastApplied().epoch
  switch (type) {
    case 'uint32':
      return field === 'priceMultiplePpm' || field === 'ppm'
        ? random.pick([0, 1, 50_000, 1_000_000, 2 ** 32 - 1])
        : random.pick([0, 1, 2, 3, 4, 4, 0, 5, 100, 2 ** 32 - 1])
    case 'uint64':
      return random.pick([
        0n,
        1n,
        BigInt(Math.max(0, epoch - 1)),
        BigInt(epoch),
        BigInt(epoch + 1),
        BigInt(epoch + 3),
        1_460n,
        2n ** 32n - 1n,
        U64,
      ])
    case 'uint256':
      return random.pick([0n, 1n, 10n ** 6n, 10n ** 9n, 10n ** 12n, 10n ** 15n, 10n ** 21n, 2n ** 64n, U64, U256, (U256 / WEI) * WEI])
    case 'address':
      return random.below(8) === 0 ? new Uint8Array(20) : random.pick(wallets).address
    case 'bytes32':
      return random.pick([new Uint8Array(32), seedOf(`word ${random.below(3)}`), network.nodes[0]!.keys.publicKey])
    case 'bool':
      return random.below(2) === 0
    case '(address,uint32)[]':
      return random.pick([
        [],
        [{ account: random.pick(wallets).address, ppm: 1_000_000 }],
        [{ account: random.pick(wallets).address, ppm: 2 ** 32 - 1 }],
        Array.from({ length: 16 }, () => ({ account: wallets[0]!.address, ppm: 62_500 })),
      ])
    default:
      return field === 'action' ? actionBytes(random, wallets) : new Uint8Array(random.pick([0, 1, 48, 64, 65, 96, 136]))
  }
}

function actionBytes(random: Random, wallets: readonly Wallet[]): Uint8Array {
  const value = random.pick([0n, 1n, 100n, 12_000n, 10n ** 6n, 2n ** 32n, 2n ** 40n, U64])
  const to = random.pick(wallets).address
  const keys = { threshold: 1, accounts: [createWallet('governor').address] }
  if (random.below(2) === 0) return encodeAction({ kind: 'parameter', id: random.below(PARAMETER_NAMES.length + 1), value }) // the last is none
  return encodeAction(
    random.pick([
      { kind: 'prices', bytePrice: value, cpuPrice: value },
      { kind: 'addToken', symbol: 'X', name: 'x', cap: value, keys },
      { kind: 'tokenKeys', token: random.below(3), keys },
      { kind: 'tokenCap', token: random.below(3), cap: value },
      { kind: 'governors', keys },
      { kind: 'nativePrice', price: value },
      { kind: 'removeService', serviceId: random.below(3) },
      { kind: 'spend', to, amount: value },
    ] as const),
  )
}

function bodyOf(network: Network, random: Random, nodeIndex: number): Parameters<Network['node']>[2] {
  const now = network.app.lastApplied().epoch
  const epoch = random.pick([0, Math.max(0, now - 1), Math.max(0, now - 1), now, now + 1, 2 ** 32 - 1])
  const kind = random.pick(Object.keys(NODE_KINDS) as NodeKindName[])
  const count = random.pick([1, 2, 2 ** 32 - 1])
  const total = random.pick([1n, 2n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n])
  const head = { epoch: BigInt(epoch), nodeIndex }
  const root = seedOf('root')
  switch (kind) {
    case 'setNode':
      return { kind, noiseRecord: new Uint8Array(136), addresses: new Uint8Array(1) }
    case 'claimCommit':
      return { kind, bytes: encodeClaimCommit({ ...head, root, total, count, debitsDigest: root } as never) }
    case 'claimDebits': {
      const parts = random.pick([1, 2, 65_535])
      const bytes = new Uint8Array(random.pick([1, 18, 28, 100]))
      bytes[4] = 1
      return { kind, bytes: encodeClaimDebits({ ...head, part: random.below(parts), parts, bytes }) }
    }
    case 'claimAnswer':
      return { kind, bytes: noOpening(head, random.pick([0, 63, 65_535]), random) }
    case 'disputeAnswer':
      return {
        kind,
        clientIndex: random.pick([0, 1, 2 ** 32 - 1]),
        serviceId: 0,
        bytes: noOpening(head, 0, random),
      }
    case 'reportCommit':
      return { kind, epoch, commitment: root }
    case 'reportReveal':
      return { kind, epoch, salt: root, measurements: [{ target: count, rttMicros: count, jitterMicros: 0, answered: 65_535, asked: 0 }] }
    case 'coordinates':
      return { kind, epoch, coordinates: Array.from({ length: 24 }, () => 65_535), receiptRoot: root }
    case 'contentUpdate':
      return { kind, entries: [{ root: seedOf(`content ${random.below(3)}`), isAdded: random.below(2) === 0 }] }
    case 'evidence':
      return { kind, bytes: Uint8Array.of(random.pick([0, 1, 2, 3, 16]), ...new Uint8Array(random.pick([0, 1, 300]))) }
    case 'version':
      return { kind, newest: count }
    default:
      return { kind }
  }
}

/** The head of a ClaimAnswer, with counts of openings that are not there. */
function noOpening(
  { epoch, nodeIndex }: { readonly epoch: bigint; readonly nodeIndex: number },
  first: number,
  random: Random,
): Uint8Array {
  const out = new Uint8Array(16 + random.pick([0, 1, 400]))
  const view = new DataView(out.buffer)
  view.setBigUint64(0, epoch, true)
  view.setUint32(8, nodeIndex, true)
  view.setUint16(12, first, true)
  view.setUint16(14, random.pick([0, 1, 64]), true)
  return out
}
