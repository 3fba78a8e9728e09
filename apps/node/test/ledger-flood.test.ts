// Goal: a flood at three times the target pays more with each second, at most an eighth, and a wallet with default fees is not shut out.
// Method: four real nodes with the lowest target (100 transfers a second); load is offered by block time, so a slow machine offers as much.
// The target is not half of what these nodes can execute, as that of a network should be: on a shared machine that is another number each minute,
// and three times it is nothing that a test can offer and still see blocks come. The rule knows gas used against the target and no capacity, so that
// three times any target is the same to it; whether presets have half the capacity of some machine is said in application's README.
import { feeOf } from '@selvedge/ledger-types'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BaseError, createPublicClient, createWalletClient, defineChain, FeeCapTooLowError, http, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { CHAIN_ID, signed, TestNetwork, type SeenBlock } from './ledger-network.ts'

const TARGET_GAS = 2_100_000
const TRANSFER_GAS = 21_000
const OVER_TARGET = 3
const FEE_MIN = 100n
/** Block time goes slower than the machine's, so that one where a block takes seconds still makes several in a second of block time. */
const PACE = 0.5
/** Of block time. */
const FLOOD_MS = 6_000
const OFFERS = Math.ceil((OVER_TARGET * TARGET_GAS * FLOOD_MS) / 1_000 / TRANSFER_GAS)
/** What a machine that stood still offers afterwards, at most. */
const STEP_MS_MAX = 2_000

let folder: string
let network: TestNetwork

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'flood-'))
  const parameters = { gasTargetPerSecond: TARGET_GAS, epochMs: 3_600_000 }
  network = await TestNetwork.create(folder, { pace: PACE, parameters, senders: OFFERS + 1 })
  await network.startAll(() => ({}))
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

test('a flood raises the base fee by at most 13 % a second, and a viem transfer with default fees is confirmed in it', {
  timeout: 240_000,
}, async () => {
  const chain = defineChain({
    id: CHAIN_ID,
    name: 'flood',
    nativeCurrency: { name: 'Selvedge', symbol: 'SLV', decimals: 18 },
    rpcUrls: { default: { http: [`http://127.0.0.1:${network.nodes[1]!.ports.rpc}`] } },
  })
  const account = privateKeyToAccount(toHex(network.user.secretKey))
  const wallet = createWalletClient({ account, chain, transport: http() })
  const reader = createPublicClient({ chain, transport: http(), pollingInterval: 100 })
  const to = toHex(network.nodes[0]!.owner.address)

  // One transfer an account: those of one keep their order within a batch only, and one that comes too early is refused.
  const [target, ...senders] = network.senders as [(typeof network.senders)[0], ...typeof network.senders]
  const before = network.application(0).balance(target.address, 0)
  const flood = senders.map((sender) => signed(sender, 0n, target.address, 1n))
  const blocks = network.blocks.get(0)!
  await network.until(() => blocks.length > 0)
  const first = blocks.length
  const feeBefore = network.application(0).lastApplied().baseFee
  expect(feeBefore).toBe(FEE_MIN)

  const startMs = blocks.at(-1)!.timestampMs
  let [offered, at, owed] = [0, startMs, 0]
  let confirming: Promise<{ status: string; effectiveGasPrice: bigint }> | undefined
  const hasRisen = (): boolean => confirming !== undefined || network.application(1).lastApplied().baseFee >= (FEE_MIN * 11n) / 10n
  const confirm = async (): Promise<{ status: string; effectiveGasPrice: bigint }> => {
    const hash = await sentWithDefaults(() => wallet.sendTransaction({ to, value: parseEther('1') }))
    return await reader.waitForTransactionReceipt({ hash, timeout: 120_000 })
  }
  while (offered < flood.length) {
    const seen = blocks.length
    await network.until(() => blocks.length > seen)
    const { timestampMs } = blocks.at(-1)!
    owed += (Math.min(STEP_MS_MAX, timestampMs - at) * OVER_TARGET * TARGET_GAS) / 1_000 / TRANSFER_GAS
    at = timestampMs
    const count = Math.min(Math.floor(owed), flood.length - offered)
    owed -= count
    if (count > 0) await network.submit(0, flood.slice(offered, offered + count))
    offered += count
    if (hasRisen()) confirming ??= confirm()
  }
  await network.until(hasRisen) // on a slow machine what was offered is executed later
  confirming ??= confirm()
  const receipt = await confirming
  expect(receipt.status).toBe('success')
  expect(receipt.effectiveGasPrice).toBeGreaterThan(FEE_MIN * 10n ** 9n)
  await network.until(() => network.application(0).balance(target.address, 0) === before + BigInt(flood.length))

  const trail = trailOf(blocks)
  for (const { fee, baseFee } of trail) expect(Math.abs(fee - Number(baseFee))).toBeLessThanOrEqual(1)
  expect(expectSecondsOf(trail)).toBeGreaterThan(0)
  const peak = trail.slice(first).reduce((highest, step) => (step.baseFee > highest.baseFee ? step : highest))
  expect(feeOf(TRANSFER_GAS, peak.baseFee)).toBeGreaterThan(feeOf(TRANSFER_GAS, FEE_MIN))
  // While nothing is in excess the target counts for nothing: what a slow machine executes after such a while was offered before it.
  const upToPeak = trail.slice(first, trail.indexOf(peak) + 1)
  const idleMs = upToPeak.reduce((sum, { excess, elapsedMs }) => sum + (excess === 0 ? elapsedMs : 0), 0)
  const seconds = (peak.timestampMs - startMs) / 1_000
  const eighths = 0.125 * seconds + idleMs / 16_000
  expect(Number(peak.baseFee)).toBeLessThanOrEqual(Number(FEE_MIN) * Math.exp(eighths) + 1)
})

/**
 * viem offers a fifth more than the fee of the last block. On a machine so slow that a block takes seconds, the next one's may be dearer
 * before it has asked: then a wallet says so, and its owner tries again.
 */
async function sentWithDefaults(send: () => Promise<`0x${string}`>): Promise<`0x${string}`> {
  for (;;) {
    try {
      return await send()
    } catch (error) {
      const isTooLow = error instanceof BaseError && error.walk((cause) => cause instanceof FeeCapTooLowError) !== null
      if (!isTooLow) throw error
    }
  }
}

interface Step {
  readonly timestampMs: number
  readonly elapsedMs: number
  readonly gasUsed: number
  readonly baseFee: bigint
  readonly excess: number
  /** As the rule of the fee has it, with real numbers. */
  readonly fee: number
}

/** What was used above the target so far, block by block, and the fee that follows from it. */
function trailOf(blocks: readonly SeenBlock[]): Step[] {
  let [excess, before] = [0, network.genesis.timeMs]
  return blocks.map(({ outcome: { gasUsed, nextBaseFee }, timestampMs }) => {
    const elapsedMs = timestampMs - before
    excess = Math.max(0, excess + gasUsed - (TARGET_GAS * elapsedMs) / 1_000)
    before = timestampMs
    return { timestampMs, elapsedMs, gasUsed, baseFee: nextBaseFee, excess, fee: Number(FEE_MIN) * Math.exp(excess / (16 * TARGET_GAS)) }
  })
}

/** Every second in which no more than three times the target was executed: 13 % at most, e^(2/16) to be exact. @returns how many there were. */
function expectSecondsOf(trail: readonly Step[]): number {
  let seconds13 = 0
  for (const [i, from] of trail.entries()) {
    const end = trail.findIndex(({ timestampMs }) => timestampMs - from.timestampMs >= 1_000)
    if (end < 0) break
    const within = trail.slice(i + 1, end + 1)
    const span = (trail[end]!.timestampMs - from.timestampMs) / 1_000
    const gas = within.reduce((sum, { gasUsed }) => sum + gasUsed, 0)
    if (gas > OVER_TARGET * TARGET_GAS * span || within.some(({ excess }) => excess === 0)) continue
    expect(Number(trail[end]!.baseFee)).toBeLessThanOrEqual(Number(from.baseFee) * Math.exp(0.125 * span) + 2) // fees are whole numbers
    seconds13++
  }
  return seconds13
}
