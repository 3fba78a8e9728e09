import {
  createVerdicts,
  judgeTransaction,
  nodes,
  VERDICT_BYTES,
  type Application,
  type BlockItem,
  type VerdictJudge,
  type Verdicts,
} from '@selvedge/application'
import { concatBytes, encodeAccountTransaction, leafHash, signAccountTransaction, transactionId } from '@selvedge/ledger-types'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import { verdictOf } from '../src/execute/verdict.ts'
import { CHAIN_ID, Network, seedOf, WEI, type Wallet } from './support/network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 8)
const BLOCKS = 8

/** What worker threads do, in this one; and what it was asked. */
class Judge implements VerdictJudge {
  readonly asked: { readonly count: number; readonly urgency: string }[] = []

  judge(...[transactions, { urgency, hints, signal }]: Parameters<VerdictJudge['judge']>): Promise<Uint8Array> {
    this.asked.push({ count: transactions.length, urgency })
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return Promise.resolve(concatBytes(...transactions.map((bytes, i) => judgeTransaction(bytes, hints[i]!))))
  }
}

function verdictsFor(app: Application, entriesMax?: number): { readonly judge: Judge; readonly verdicts: Verdicts } {
  const judge = new Judge()
  const nodeKeyOf = (nodeIndex: number): Uint8Array | undefined => app.state.get(nodes, nodeIndex)?.nodeKey
  return { judge, verdicts: createVerdicts({ judge, nodeKeyOf }, entriesMax === undefined ? {} : { entriesMax }) }
}

const batch = (...transactions: readonly Uint8Array[]): BlockItem => ({ type: 'transactions', author: 1, transactions })
const verdictsIn = (items: readonly BlockItem[]): unknown[] =>
  items.flatMap((item) => (item.type === 'transactions' ? [...(item.verdicts ?? [])] : []))

// Goal: a verdict saves work and changes nothing, so that nodes with and without threads stay one ledger.
// Method: random transactions, one in four damaged or signed by somebody else, and some twice, through four ledgers: without verdicts, with all
// of them (some reached before the block, as batches came), with a random half, and with those that a cache of four kept.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('with and without verdicts there is one ledger, seed %i', async (seed) => {
  const random = createRandom(seed)
  const [plain, full, half, tiny] = [new Network(), new Network(), new Network(), new Network()]
  const complete = verdictsFor(full.app)
  const forgetful = verdictsFor(tiny.app, 4)
  for (let i = 0; i < BLOCKS; i++) {
    const items = randomItems(plain, random)
    const early = items.flatMap((item) => (item.type === 'transactions' ? item.transactions : [])).filter(() => random.below(2) === 0)
    await complete.verdicts.verify(early, random.pick(['client', 'peer']))
    await forgetful.verdicts.verify(early, 'peer')
    const filled = await complete.verdicts.withVerdicts(items)
    const run = random.below(4) === 0 ? 'closeEpoch' : 'run'
    const play = (network: Network, with_: readonly BlockItem[]) => (run === 'run' ? network.run(with_) : network.closeEpoch(...with_))
    const halved = filled.map((item) =>
      item.type === 'system' ? item : { ...item, verdicts: item.verdicts!.map((verdict) => (random.below(2) === 0 ? verdict : undefined)) },
    )
    const outcome = play(plain, items)
    expect(play(full, filled)).toEqual(outcome)
    expect(play(half, halved)).toEqual(outcome)
    expect(play(tiny, await forgetful.verdicts.withVerdicts(items))).toEqual(outcome)
    expect(forgetful.verdicts.size).toBeLessThanOrEqual(4)
    const receiptsOf = (network: Network): readonly Uint8Array[] => network.app.history.receiptsOf(outcome.height)
    expect(receiptsOf(full)).toEqual(receiptsOf(plain))
    expect(receiptsOf(half)).toEqual(receiptsOf(plain))
  }
})

/** One or two batches. */
function randomItems(network: Network, random: Random): BlockItem[] {
  const used = new Map<string, bigint>()
  const next = (key: string, first: bigint): bigint => {
    const nonce = used.get(key) ?? first
    used.set(key, nonce + 1n)
    return nonce
  }
  const makings: Makings = {
    network,
    random,
    nonceOf: (wallet: Wallet) => next(Buffer.from(wallet.address).toString('hex'), network.nonceOf(wallet)),
    nodeNonceOf: (i) => next(`node ${i}`, network.app.state.get(nodes, i)!.nonceBase),
  }
  const transactions = Array.from({ length: 12 }, () => ACTIONS[random.pick(Object.keys(ACTIONS))]!(makings)).filter(
    (bytes) => bytes !== undefined,
  )
  transactions.push(
    network.node(1, makings.nodeNonceOf(1), { kind: 'version', newest: 1 }, random.pick([stranger, network.nodes[1]!.keys])),
  )
  const all = transactions.map((bytes) => (random.below(4) === 0 ? damaged(bytes, random) : bytes))
  all.push(random.pick(all))
  const cut = random.below(all.length)
  return [batch(...all.slice(0, cut)), batch(...all.slice(cut))]
}

const stranger = createKeyPair(seedOf('nobody'))

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice(0, random.below(3) === 0 ? random.below(bytes.length) : bytes.length)
  if (out.length > 0) out[random.below(out.length)]! ^= 1 << random.below(8)
  return out
}

test('a record says who signed and what names it, as execution would find out', () => {
  const network = new Network()
  const [from, node] = [network.wallets[0]!, network.nodes[2]!]
  const transfer = network.transfer(from, from.address, 1n)
  const record = judgeTransaction(transfer, new Uint8Array(0))
  expect(record).toHaveLength(VERDICT_BYTES)
  expect(verdictOf(record)).toEqual({ isSigned: true, sender: from.address, id: transactionId(transfer), leaf: leafHash(transfer) })
  const duty = network.node(2, 0n, { kind: 'version', newest: 1 })
  const said = (nodeKey: Uint8Array) => verdictOf(judgeTransaction(duty, nodeKey))
  const names = { id: transactionId(duty), leaf: leafHash(duty) }
  expect(said(node.keys.publicKey)).toEqual({ isSigned: true, nodeKey: node.keys.publicKey, ...names })
  expect(said(stranger.publicKey)).toEqual({ isSigned: false, nodeKey: stranger.publicKey, ...names })
  expect(said(new Uint8Array(0))).toBeUndefined()
  expect(verdictOf(judgeTransaction(transfer.slice(1), new Uint8Array(0)))).toMatchObject({ isSigned: false })
})

test('a verdict under a key that is not the registered one counts for nothing', () => {
  const network = new Network()
  const good = network.node(2, 0n, { kind: 'version', newest: 1 })
  const forged = network.node(3, 0n, { kind: 'version', newest: 1 }, stranger)
  const verdicts = [
    { isSigned: false, nodeKey: stranger.publicKey },
    { isSigned: true, nodeKey: stranger.publicKey },
  ]
  const { executed, refused } = network.run([{ type: 'transactions', author: 0, transactions: [good, forged], verdicts }])
  expect(executed.slice(0, -1)).toMatchObject([{ id: transactionId(good), code: 0 }])
  expect(refused).toEqual(new Map([[0, 1]]))
})

test('of own clients the good is let in; of another member all that is not bad whatever the state is', async () => {
  const network = new Network()
  const [from, to] = network.wallets
  const unsigned = { form: 'eip1559', chainId: CHAIN_ID, nonce: 0n, maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 13n } as const
  const fields = { ...unsigned, gasLimit: 21_000n, to: to!.address, value: WEI, data: new Uint8Array(0) }
  const noSignature = encodeAccountTransaction({ ...fields, signature: new Uint8Array(64), v: 0 })
  const transactions = [
    signAccountTransaction(fields, from!.secretKey),
    noSignature,
    network.node(0, 0n, { kind: 'version', newest: 1 }),
    network.node(0, 0n, { kind: 'version', newest: 1 }, stranger),
    network.node(77, 0n, { kind: 'version', newest: 1 }, stranger), // no such node yet: another member may know it
    Uint8Array.of(1, 2, 3),
  ]
  const { verdicts } = verdictsFor(network.app)
  expect(await verdicts.verify(transactions, 'client')).toEqual([true, false, true, false, false, false])
  expect(await verdicts.verify(transactions, 'peer')).toEqual([true, false, true, true, true, false])
})

test('each transaction is looked at once, and what a block finds missing in one go', async () => {
  const network = new Network()
  const { judge, verdicts } = verdictsFor(network.app)
  const transfers = network.wallets.map((from) => network.transfer(from, network.wallets[0]!.address, 1n))
  await verdicts.verify(transfers.slice(0, 2), 'client')
  expect(verdicts.size).toBe(2)
  const items = await verdicts.withVerdicts([
    batch(transfers[0]!, transfers[2]!),
    network.system(0, { kind: 'readyToClose', epoch: 0 }),
    batch(transfers[1]!, transfers[3]!),
  ])
  expect(judge.asked).toEqual([
    { count: 2, urgency: 'client' },
    { count: 2, urgency: 'block' },
  ])
  expect(verdicts.size).toBe(0)
  expect(verdictsIn(items)).toMatchObject([0, 2, 1, 3].map((i) => ({ isSigned: true, sender: network.wallets[i]!.address })))
  await verdicts.withVerdicts([])
  expect(judge.asked).toHaveLength(2)
})

test('a wallet’s transaction is looked at once: at the door, not again for its batch and its block', async () => {
  const network = new Network()
  const { judge, verdicts } = verdictsFor(network.app)
  const [from, to] = network.wallets
  const transfer = network.transfer(from!, to!.address, 1n)
  const verdict = await verdicts.judge(transfer)
  expect(verdict).toMatchObject({ isSigned: true, sender: from!.address })
  expect(network.app.checkAdmission(transfer, verdict)).toEqual(network.app.checkAdmission(transfer))
  expect(await verdicts.verify([transfer], 'client')).toEqual([true])
  expect(verdictsIn(await verdicts.withVerdicts([batch(transfer)]))).toMatchObject([{ sender: from!.address }])
  expect(judge.asked).toEqual([{ count: 1, urgency: 'client' }])
  expect(await verdicts.judge(Uint8Array.of(1, 2, 3))).toMatchObject({ isSigned: false })
})

test('what nobody waits for any more is forgotten, the oldest first', async () => {
  const network = new Network()
  const { judge, verdicts } = verdictsFor(network.app, 3)
  const transfers = network.wallets.map((from) => network.transfer(from, network.wallets[0]!.address, 1n))
  await verdicts.verify(transfers, 'peer')
  expect(verdicts.size).toBe(3)
  await verdicts.withVerdicts([batch(...transfers)])
  expect(judge.asked.map(({ count }) => count)).toEqual([4, 1])
})

test('who gives up hears its own reason', async () => {
  const network = new Network()
  const { verdicts } = verdictsFor(network.app)
  const signal = AbortSignal.abort(new Error('enough'))
  const transfer = network.transfer(network.wallets[0]!, network.wallets[1]!.address, 1n)
  await expect(verdicts.withVerdicts([batch(transfer)], { signal })).rejects.toThrow('enough')
})
