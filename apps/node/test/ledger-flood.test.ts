// Goal: a flood at three times what the nodes can do costs its sender more with each block, by the rule and no more; a wallet that asks meanwhile gets
// answers that agree, and what it sends for twice the quoted price is confirmed; a staked node's duties go through and are free.
// Method: four real nodes. What this machine can do is measured first, with a burst of a bounded number of transfers; a second network then has a
// quarter of it as target (presets mean half: a quarter leaves room for a machine that gets slower meanwhile), and is offered three times
// the capacity in block time. Where a machine can do less than four times the lowest target, its block time goes slower, so that it still can.
// Nothing is asserted about how long anything takes: only the rule of the fee, over the blocks that came.
import type { Application } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeNodeBody, feeOf, NODE_KINDS, signNodeTransaction, transactionId } from '@selvedge/ledger-types'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPublicClient, createWalletClient, defineChain, http, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { CHAIN_ID, signed, TestNetwork, type SeenBlock } from './ledger-network.ts'

const TRANSFER_GAS = 21_000
/** Transfers a second: the lowest target there is. */
const TARGET_MIN = 100
const CAPACITY_OVER_TARGET = 4
const OFFERED_OVER_CAPACITY = 3
const FEE_MIN = 100n
/** Transfers whose execution is timed. */
const MEASURED = 1_200
/** Transfers a second that are believed at most: a flood is ten seconds of target, which is 2.5 of these. */
const CAPACITY_MAX = 4_000
/** As many excess gas make e^(10/16) = 1.87 of the least fee: a price never doubles in such a flood. */
const FLOOD_TARGET_SECONDS = 10
/** Of the flood, that is offered whatever happens; the rest when the fee has risen, so that some of it is executed after that on any machine. */
const FIRST_SHARE = 0.8
/** What a machine that stood still offers afterwards, at most. */
const STEP_MS_MAX = 2_000
const EPOCH_MS = 3_600_000

let folder: string
const networks: TestNetwork[] = []

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'flood-'))
})

afterAll(async () => {
  for (const network of networks) await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

async function started(name: string, pace: number, gasTargetPerSecond: number, senders: number): Promise<TestNetwork> {
  const network = await TestNetwork.create(join(folder, name), { pace, parameters: { gasTargetPerSecond, epochMs: EPOCH_MS }, senders })
  networks.push(network)
  await network.startAll(() => ({}))
  await network.until(() => network.blocks.get(0)!.length > 0)
  return network
}

/** Transfers a second of this machine's time, from the offer of a burst, a part at each node, to the execution of all of it. */
async function measuredCapacity(): Promise<number> {
  const network = await started('measured', 1, TARGET_MIN * TRANSFER_GAS, MEASURED)
  const burst = network.senders.map((sender) => signed(sender, 0n, network.user.address, 1n))
  const at = network.application(0).balance(network.user.address, 0)
  const share = MEASURED / network.nodes.length
  const began = performance.now()
  await Promise.all(network.nodes.map(({ index }) => network.submit(index, burst.slice(index * share, (index + 1) * share))))
  await network.until(() => network.application(0).balance(network.user.address, 0) === at + BigInt(MEASURED))
  const seconds = (performance.now() - began) / 1_000
  await network.stopAll()
  return Math.min(CAPACITY_MAX, MEASURED / seconds)
}

test('a flood at three times the measured capacity costs its sender, and shuts out neither a wallet nor the duties of staked nodes', {
  timeout: 300_000,
}, async () => {
  const capacity = await measuredCapacity()
  const pace = Math.min(1, capacity / (CAPACITY_OVER_TARGET * TARGET_MIN))
  const target = Math.max(TARGET_MIN, Math.floor(capacity / CAPACITY_OVER_TARGET)) // transfers a second of block time
  const offeredPerSecond = (OFFERED_OVER_CAPACITY * capacity) / pace
  const network = await started('flooded', pace, target * TRANSFER_GAS, FLOOD_TARGET_SECONDS * target + 1)

  // One transfer an account: those of one keep their order within a batch only, and one that comes too early is refused.
  const [receiver, ...senders] = network.senders as [(typeof network.senders)[0], ...typeof network.senders]
  const app = network.application(0)
  const heldBy = (): bigint => senders.reduce((sum, { address }) => sum + app.balance(address, 0), 0n)
  const [before, ofSenders] = [app.balance(receiver.address, 0), heldBy()]
  const flood = senders.map((sender) => signed(sender, 0n, receiver.address, 1n))
  const blocks = network.blocks.get(0)!
  expect(app.lastApplied().baseFee).toBe(FEE_MIN)

  const hasRisen = (): boolean => [0, 1].every((at) => network.application(at).lastApplied().baseFee >= (FEE_MIN * 11n) / 10n)
  let others: Promise<[Confirmed, Uint8Array]> | undefined
  const askOthers = (): Promise<[Confirmed, Uint8Array]> => (others ??= Promise.all([confirmedTransfer(network), sentDuty(network)]))
  const submitting: Promise<number>[] = []
  let [offered, at, owed] = [0, blocks.at(-1)!.timestampMs, 0]
  while (offered < flood.length) {
    const seen = blocks.length
    await network.until(() => blocks.length > seen)
    const { timestampMs } = blocks.at(-1)!
    owed += (Math.min(STEP_MS_MAX, timestampMs - at) * offeredPerSecond) / 1_000
    at = timestampMs
    const most = hasRisen() ? flood.length : Math.floor(flood.length * FIRST_SHARE)
    const count = Math.min(Math.floor(owed), most - offered)
    owed -= count
    // Nobody waits for what is taken: a sender who floods does not.
    if (count > 0) submitting.push(refusedOf(network, flood.slice(offered, offered + count)))
    offered += count
    if (hasRisen()) void askOthers()
  }
  const [wallet, duty] = await askOthers()
  let taken = flood.length
  for (const refused of submitting) taken -= await refused
  await network.until(() => app.balance(receiver.address, 0) === before + BigInt(taken))

  // The flood paid, each transfer what its block cost: the least fee, and more as it went on.
  const fees = feesOf(app, flood)
  expect([fees.length, fees.filter(({ paid, due }) => paid !== due)]).toEqual([taken, []])
  const paid = ofSenders - heldBy() - BigInt(taken)
  expect(paid).toBe(fees.reduce((sum, fee) => sum + fee.paid, 0n))
  expect(paid).toBeGreaterThan(BigInt(taken) * feeOf(TRANSFER_GAS, FEE_MIN))
  const trail = trailOf(blocks, network.genesis.timeMs, target * TRANSFER_GAS)
  for (const { fee, baseFee } of trail) expect(Math.abs(fee - Number(baseFee))).toBeLessThanOrEqual(1)
  const peak = trail.reduce((highest, step) => (step.baseFee > highest.baseFee ? step : highest))
  expect(peak.baseFee).toBeLessThan(2n * FEE_MIN)

  // The wallet paid what the block cost that has its transfer, and no more than it had said.
  expect(wallet.status).toBe('success')
  expect(wallet.effectiveGasPrice).toBe(wallet.blockFee)
  expect(wallet.effectiveGasPrice).toBeLessThanOrEqual(wallet.cap)

  // The node's owner has no money at all: a duty that is not free would be refused.
  const last = network.nodes.at(-1)!
  expect(app.balance(last.owner.address, 0)).toBe(0n)
  await network.until(() => app.history.receiptOf(transactionId(duty)) !== undefined)
  expect(app.history.receiptOf(transactionId(duty))!.receipt).toMatchObject({ code: 0, fee: 0n })
})

/** Hands a part to each node. @returns how many were refused. */
async function refusedOf(network: TestNetwork, transactions: readonly Uint8Array[]): Promise<number> {
  const partOf = (index: number): readonly Uint8Array[] => transactions.filter((_, i) => i % network.nodes.length === index)
  const some = network.nodes.filter(({ index }) => index < transactions.length)
  const refused = await Promise.all(some.map(({ index }) => network.node(index).submit(partOf(index))))
  return refused.reduce((sum, { length }) => sum + length, 0)
}

/** Of those that were executed: what each paid, and what a transfer cost in its block. */
function feesOf({ history }: Application, transactions: readonly Uint8Array[]): { readonly paid: bigint; readonly due: bigint }[] {
  return transactions.flatMap((bytes) => {
    const found = history.receiptOf(transactionId(bytes))
    if (found === undefined) return [] // it was refused
    return [{ paid: found.receipt.fee, due: feeOf(TRANSFER_GAS, history.recordOf(found.height)!.baseFee) }]
  })
}

interface Confirmed {
  readonly status: string
  readonly effectiveGasPrice: bigint
  /** Of the block that has it. */
  readonly blockFee: bigint | null
  readonly cap: bigint
}

/** A wallet asks what gas costs, offers twice that, as many do by default, and waits. */
async function confirmedTransfer(network: TestNetwork): Promise<Confirmed> {
  const url = `http://127.0.0.1:${network.nodes[1]!.ports.rpc}`
  const nativeCurrency = { name: 'Selvedge', symbol: 'SLV', decimals: 18 }
  const chain = defineChain({ id: CHAIN_ID, name: 'flood', nativeCurrency, rpcUrls: { default: { http: [url] } } })
  const account = privateKeyToAccount(toHex(network.user.secretKey))
  const wallet = createWalletClient({ account, chain, transport: http() })
  const reader = createPublicClient({ chain, transport: http(), pollingInterval: 100 })
  const to = toHex(network.nodes[0]!.owner.address)
  const { price, gas } = await quoteOf(url, account.address, to)
  const cap = 2n * price
  const hash = await wallet.sendTransaction({ to, value: parseEther('1'), gas, maxFeePerGas: cap, maxPriorityFeePerGas: 0n })
  const { status, effectiveGasPrice, blockNumber } = await reader.waitForTransactionReceipt({ hash, timeout: 200_000 })
  const { baseFeePerGas } = await reader.getBlock({ blockNumber })
  return { status, effectiveGasPrice, blockFee: baseFeePerGas, cap }
}

interface History {
  readonly oldestBlock: string
  readonly baseFeePerGas: readonly string[]
}

/** All questions that wallets have about gas, asked in one batch, and again until no block came in between: then the answers have to agree. */
async function quoteOf(url: string, from: string, to: string): Promise<{ readonly price: bigint; readonly gas: bigint }> {
  const questions: readonly (readonly [string, readonly unknown[]])[] = [
    ['eth_blockNumber', []],
    ['eth_gasPrice', []],
    ['eth_maxPriorityFeePerGas', []],
    ['eth_feeHistory', ['0x1', 'latest', [50]]],
    ['eth_estimateGas', [{ from, to, value: toHex(parseEther('1')) }]],
    ['eth_getBlockByNumber', ['latest', false]],
    ['eth_blockNumber', []],
  ]
  const body = JSON.stringify(questions.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })))
  for (let tries = 0; tries < 1_000; tries++) {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const answers = (await response.json()) as { readonly result: unknown }[]
    const [before, price, tip, history, gas, block, after] = answers.map(({ result }) => result) as [
      string,
      string,
      string,
      History,
      string,
      { readonly number: string; readonly baseFeePerGas: string },
      string,
    ]
    if (before !== after) continue
    expect([history.oldestBlock, block.number, tip, BigInt(gas)]).toEqual([before, before, '0x0', BigInt(TRANSFER_GAS)])
    expect(history.baseFeePerGas).toEqual([block.baseFeePerGas, price])
    return { price: BigInt(price), gas: BigInt(gas) }
  }
  throw new Error('a block came within each of a thousand batches')
}

/** The last node wants to leave with the epoch, which is one of its duties. */
async function sentDuty(network: TestNetwork): Promise<Uint8Array> {
  const { index, seeds } = network.nodes.at(-1)!
  const keys = createKeyPair(seeds.node)
  const body = { kind: 'optOut' } as const
  const nonce = 40n // far from those that the node itself uses, and within the window
  const bytes = signNodeTransaction(
    { chainId: CHAIN_ID, nodeIndex: index, nonce, kind: NODE_KINDS.optOut.id, body: encodeNodeBody(body) },
    (message) => keys.sign(message),
  )
  expect(network.application(index).checkAdmission(bytes).code).toBe(0) // its owner has nothing to pay with
  await network.submit(index, [bytes])
  return bytes
}

interface Step {
  readonly baseFee: bigint
  /** As the rule of the fee has it, with real numbers. */
  readonly fee: number
}

/** What was used above the target so far, block by block, and the fee that follows from it. */
function trailOf(blocks: readonly SeenBlock[], startMs: number, targetGas: number): Step[] {
  let [excess, before] = [0, startMs]
  return blocks.map(({ outcome: { gasUsed, nextBaseFee }, timestampMs }) => {
    const elapsedMs = timestampMs - before
    excess = Math.max(0, excess + gasUsed - (targetGas * elapsedMs) / 1_000)
    before = timestampMs
    return { baseFee: nextBaseFee, fee: Number(FEE_MIN) * Math.exp(excess / (16 * targetGas)) }
  })
}
