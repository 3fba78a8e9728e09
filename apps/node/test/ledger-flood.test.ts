// Goal: a flood at three times what the nodes can do costs its sender more with each block, by the rule and no more; a wallet that asks meanwhile gets
// answers that agree, and a transfer that it sends with viem's defaults, no fee and no gas named, is confirmed; a staked node's duties go through, free.
// Method: four real nodes. What this machine can do is measured first, with a burst of a bounded number of transfers; a second network then has half
// of it as target, as the presets mean it, and is offered three times the capacity in block time. Where a machine can do less than twice the lowest
// target, its block time goes slower, so that it still can. Nothing is asserted about how long anything takes: only the rule of the fee, over the
// blocks that came. Where a machine did less than half of what was measured a moment before, or stood still until the fee had fallen again, nothing was
// seen of a fee that rises: then it is measured again, and flooded again.
import type { Application } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeNodeBody, feeOf, NODE_KINDS, signNodeTransaction, transactionId, WEI_PER_BASE_FEE } from '@selvedge/ledger-types'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  BaseError,
  createPublicClient,
  createWalletClient,
  defineChain,
  FeeCapTooLowError,
  http,
  NonceTooLowError,
  parseEther,
  toHex,
  WaitForTransactionReceiptTimeoutError,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { CHAIN_ID, signed, TestNetwork, type SeenBlock } from './ledger-network.ts'

const TRANSFER_GAS = 21_000
/** Transfers a second: the lowest target there is. */
const TARGET_MIN = 100
const CAPACITY_OVER_TARGET = 2
const OFFERED_OVER_CAPACITY = 3
const FEE_MIN = 100n
/** Transfers whose execution is timed. */
const MEASURED = 1_200
/** Transfers a second that are believed at most: a flood is ten seconds of target, which is five of these. */
const CAPACITY_MAX = 4_000
/** As many excess gas make e^(10/16) = 1.87 of the least fee: a price never doubles in such a flood. */
const FLOOD_TARGET_SECONDS = 10
/** Of the flood, that is offered whatever happens; the rest when the fee has risen, so that some of it is executed after that on any machine. */
const FIRST_SHARE = 0.8
/** From which on it has. A machine that does 1.11 of its target comes that far with the first share: 0.8 · 10 · (1 − 1/1.11) > 16 · ln 1.05. */
const FEE_RISEN = 105n
/** What a machine that stood still offers afterwards, at most. */
const STEP_MS_MAX = 2_000
const EPOCH_MS = 3_600_000
const ATTEMPTS_MAX = 4
/** A pool keeps a transaction for 60 s; after that a wallet sends it again. */
const AGAIN_MS = 70_000
/** By how much viem's cap is above the fee that it saw last: a fifth. */
const HEADROOM = [12n, 10n] as const

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

const ABOVE = 'a transfer was quoted and paid above the least fee'

test('a flood at three times the measured capacity costs its sender, and shuts out neither a wallet nor the duties of staked nodes', {
  timeout: 900_000,
}, async () => {
  const seen: string[] = []
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const wallet = await flooded(attempt)
    if (wallet === undefined) seen.push('the fee did not rise')
    else if (wallet.quoted > FEE_MIN && wallet.paid > FEE_MIN) seen.push(ABOVE)
    else seen.push(`a transfer was quoted ${wallet.quoted} and paid ${wallet.paid}`)
    if (seen.at(-1) === ABOVE) break
  }
  expect(seen).toEqual([...seen.slice(0, -1), ABOVE])
})

/** @returns what a wallet saw meanwhile; `undefined` when the fee never rose. */
async function flooded(attempt: number): Promise<Confirmed | undefined> {
  const capacity = await measuredCapacity(attempt)
  const pace = Math.min(1, capacity / (CAPACITY_OVER_TARGET * TARGET_MIN))
  const target = Math.max(TARGET_MIN, Math.floor(capacity / CAPACITY_OVER_TARGET)) // transfers a second of block time
  const network = await started(`flooded-${attempt}`, pace, target * TRANSFER_GAS, FLOOD_TARGET_SECONDS * target + 1)

  // One transfer an account: those of one keep their order within a batch only, and one that comes too early is refused.
  const [receiver, ...senders] = network.senders as [(typeof network.senders)[0], ...typeof network.senders]
  const app = network.application(0)
  const heldBy = (): bigint => senders.reduce((sum, { address }) => sum + app.balance(address, 0), 0n)
  const [before, ofSenders] = [app.balance(receiver.address, 0), heldBy()]
  const flood = senders.map((sender) => signed(sender, 0n, receiver.address, 1n))
  expect(app.lastApplied().baseFee).toBe(FEE_MIN)
  const arrived = (): number => Number(app.balance(receiver.address, 0) - before)
  const offered = await offer(network, flood, { perSecond: (OFFERED_OVER_CAPACITY * capacity) / pace, arrived })
  if (offered === undefined) {
    await network.stopAll()
    return undefined
  }
  const { wallet, duty, taken } = offered

  // The flood paid, each transfer what its block cost: the least fee, and more as it went on.
  const fees = feesOf(app, flood)
  expect([fees.length, fees.filter(({ paid, due }) => paid !== due)]).toEqual([taken, []])
  const paid = ofSenders - heldBy() - BigInt(taken)
  expect(paid).toBe(fees.reduce((sum, fee) => sum + fee.paid, 0n))
  expect(paid).toBeGreaterThan(BigInt(taken) * feeOf(TRANSFER_GAS, FEE_MIN))
  const trail = trailOf(network.blocks.get(0)!, network.genesis.timeMs, target * TRANSFER_GAS)
  for (const { fee, baseFee } of trail) expect(Math.abs(fee - Number(baseFee))).toBeLessThanOrEqual(1)
  const peak = trail.reduce((highest, step) => (step.baseFee > highest.baseFee ? step : highest))
  expect(peak.baseFee).toBeLessThan(2n * FEE_MIN)

  // The wallet's cap was the default one, over the fee of some block; it paid what the block cost that has its transfer, and no more than it had said.
  expect(wallet.status).toBe('success')
  expect([FEE_MIN, ...trail.map(({ baseFee }) => baseFee)]).toContain(wallet.quoted)
  expect(wallet.paid).toBe(wallet.blockFee)
  expect(wallet.paid * WEI_PER_BASE_FEE).toBeLessThanOrEqual(wallet.cap)

  // The node's owner has no money at all: a duty that is not free would be refused.
  const last = network.nodes.at(-1)!
  expect(app.balance(last.owner.address, 0)).toBe(0n)
  await network.until(() => app.history.receiptOf(transactionId(duty)) !== undefined)
  expect(app.history.receiptOf(transactionId(duty))!.receipt).toMatchObject({ code: 0, fee: 0n })
  await network.stopAll()
  return wallet
}

async function started(name: string, pace: number, gasTargetPerSecond: number, senders: number): Promise<TestNetwork> {
  const network = await TestNetwork.create(join(folder, name), { pace, parameters: { gasTargetPerSecond, epochMs: EPOCH_MS }, senders })
  networks.push(network)
  await network.startAll(() => ({}))
  await network.until(() => network.blocks.get(0)!.length > 0)
  return network
}

/** Transfers a second of this machine's time, from the offer of a burst, a part at each node, to the execution of all of it. */
async function measuredCapacity(attempt: number): Promise<number> {
  const network = await started(`measured-${attempt}`, 1, TARGET_MIN * TRANSFER_GAS, MEASURED)
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

interface Offered {
  readonly wallet: Confirmed
  readonly duty: Uint8Array
  /** Of the flood, not refused at the door. */
  readonly taken: number
}

/**
 * Offers the flood, so many a second of block time; a wallet and a staked node come when the fee has risen. Resolves when all that was taken has been
 * executed. @returns `undefined` when that held of the first share and the fee had not risen.
 */
async function offer(
  network: TestNetwork,
  flood: readonly Uint8Array[],
  { perSecond, arrived }: { readonly perSecond: number; readonly arrived: () => number },
): Promise<Offered | undefined> {
  const blocks = network.blocks.get(0)!
  const feeOfLast = (index: number): bigint => network.blocks.get(index)!.at(-2)?.outcome.nextBaseFee ?? FEE_MIN // which viem looks at
  const hasRisen = (): boolean => [0, 1].every((index) => feeOfLast(index) >= FEE_RISEN) // the wallet asks the second
  const willRise = (): boolean => feeOfLast(0) >= FEE_RISEN || network.application(0).lastApplied().baseFee >= FEE_RISEN
  let others: Promise<[Confirmed, Uint8Array, unknown]> | undefined
  const first = Math.floor(flood.length * FIRST_SHARE)
  let [offered, refused, answers] = [0, 0, 0]
  const submitting: Promise<void>[] = []
  const submit = async (transactions: readonly Uint8Array[]): Promise<void> => {
    const count = await refusedOf(network, transactions)
    refused += count
    answers++
  }
  const isSpent = (): boolean => answers === submitting.length && arrived() === offered - refused
  let [at, owed] = [blocks.at(-1)!.timestampMs, 0]
  while (offered < flood.length) {
    const seen = blocks.length
    await network.until(() => blocks.length > seen)
    if (hasRisen()) others ??= Promise.all([confirmedTransfer(network), sentDuty(network), coherentAnswers(network)])
    else if (others === undefined && offered === first && isSpent() && !willRise()) return undefined
    const { timestampMs } = blocks.at(-1)!
    owed += (Math.min(STEP_MS_MAX, timestampMs - at) * perSecond) / 1_000
    at = timestampMs
    const count = Math.min(Math.floor(owed), (others === undefined ? first : flood.length) - offered)
    owed -= count
    // Nobody waits for what is taken: a sender who floods does not.
    if (count > 0) submitting.push(submit(flood.slice(offered, offered + count)))
    offered += count
  }
  const [wallet, duty] = await others!
  await Promise.all(submitting)
  await network.until(isSpent)
  return { wallet, duty, taken: offered - refused }
}

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

/** Fees are 10^-9 native a gas. */
interface Confirmed {
  readonly status: string
  /** The fee that viem made its cap of. */
  readonly quoted: bigint
  readonly paid: bigint
  /** Of the block that has it. */
  readonly blockFee: bigint
  /** Wei a gas. */
  readonly cap: bigint
}

const rpcOf = (network: TestNetwork): string => `http://127.0.0.1:${network.nodes[1]!.ports.rpc}`

/** A wallet with viem's defaults: it names neither fee nor gas nor nonce. */
async function confirmedTransfer(network: TestNetwork): Promise<Confirmed> {
  const nativeCurrency = { name: 'Selvedge', symbol: 'SLV', decimals: 18 }
  const chain = defineChain({ id: CHAIN_ID, name: 'flood', nativeCurrency, rpcUrls: { default: { http: [rpcOf(network)] } } })
  const account = privateKeyToAccount(toHex(network.user.secretKey))
  const transport = http(undefined, { timeout: AGAIN_MS }) // this process does the work of four nodes as well
  const wallet = createWalletClient({ account, chain, transport })
  const reader = createPublicClient({ chain, transport, pollingInterval: 100 })
  const to = toHex(network.nodes[0]!.owner.address)
  const receipt = await receiptOf(
    () => wallet.sendTransaction({ to, value: parseEther('1') }),
    (hash) => reader.waitForTransactionReceipt({ hash, timeout: AGAIN_MS }),
  )
  const { maxFeePerGas: cap } = await reader.getTransaction({ hash: receipt.transactionHash })
  const { baseFeePerGas } = await reader.getBlock({ blockNumber: receipt.blockNumber })
  return {
    status: receipt.status,
    quoted: (cap! * HEADROOM[1]) / HEADROOM[0] / WEI_PER_BASE_FEE,
    paid: receipt.effectiveGasPrice / WEI_PER_BASE_FEE,
    blockFee: baseFeePerGas! / WEI_PER_BASE_FEE,
    cap: cap!,
  }
}

const isCausedBy = (error: unknown, type: new (...rest: never[]) => Error): boolean =>
  error instanceof BaseError && error.walk((cause) => cause instanceof type) !== null

/**
 * As its owner does: when the fee has risen more than the head-room since the wallet asked, it asks again; when the pool has forgotten the transfer, it
 * sends again, and of all that it sent one is executed, since they have one nonce.
 */
async function receiptOf<H, R>(send: () => Promise<H>, waitFor: (hash: H) => Promise<R>): Promise<R> {
  const sent: H[] = []
  for (;;) {
    try {
      sent.push(await send())
    } catch (error) {
      if (isCausedBy(error, FeeCapTooLowError)) continue
      if (sent.length === 0 || !isCausedBy(error, NonceTooLowError)) throw error // else an earlier one was executed after all
    }
    try {
      return await Promise.any(sent.map(waitFor))
    } catch (error) {
      const isLate = (error as AggregateError).errors.every((each) => each instanceof WaitForTransactionReceiptTimeoutError)
      if (!isLate) throw error
    }
  }
}

interface History {
  readonly oldestBlock: string
  readonly baseFeePerGas: readonly string[]
}

/** All questions that wallets have about gas, asked in one batch, and again until no block came in between: then the answers have to agree. */
async function coherentAnswers(network: TestNetwork): Promise<void> {
  const [from, to] = [toHex(network.user.address), toHex(network.nodes[0]!.owner.address)]
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
    const response = await fetch(rpcOf(network), { method: 'POST', headers: { 'content-type': 'application/json' }, body })
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
    return
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
