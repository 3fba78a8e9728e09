/**
 * What was delivered is paid: a customer deposits, signs for bytes at two nodes, and both claim. The honest claim is committed, drawn,
 * opened and settled by transactions alone; the other says twice as much, is found out, voided and slashed. Goes on beside the other chapters.
 */
import { CODES } from '@selvedge/ledger-types'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimState, clientIndexOf, eventsOf, SETTLED, termsNow, usd, usdOf, VOID, wasSlashed } from './claim-reading.ts'
import type { LedgerDevnet } from './ledger-devnet.ts'
import { deliver, NodeClaim, type Terms } from './paid-delivery.ts'
import { bytesOf } from './rpc-client.ts'
import { MICRO, type DevnetNode, type Wallet } from './setup.ts'
import { callSystem, sendRaw } from './wallets.ts'

export interface MoneyOutcome {
  readonly settled: boolean
  readonly falseVoided: boolean
}

const GB = 1_000_000_000n
const LOOK_MS = 100
const ATTEMPTS_MAX = 6
/** What a gigabyte costs by the table of a development network, µUSD. */
const GB_PRICE = 10_000n
/** Of what was paid, in percent: a tenth is burnt, a fifth is the service's. */
const NODE_PERCENT = 70n

export async function runMoneyChapter(devnet: LedgerDevnet, say: (line: string) => void): Promise<MoneyOutcome> {
  const { setup } = devnet
  const [honest, liar] = [setup.nodes[1]!, setup.nodes[2]!]
  const port = honest.ports.rpc
  const { customer } = setup
  await callSystem(setup, 1, customer, 'deposit', { account: customer.address, amount: 1_000n * MICRO })
  const clientIndex = await clientIndexOf(port, customer.address)
  say('a customer deposited 1,000 USD')
  const parts = { devnet, port, customer, clientIndex, say }
  const [paid, caught] = await Promise.all([claimHonestly(parts, honest), claimFalsely(parts, liar)])
  return { settled: paid, falseVoided: caught }
}

export interface ClaimParts {
  readonly devnet: LedgerDevnet
  /** JSON-RPC of the node that is asked. */
  readonly port: number
  /** Who signed for what is claimed. */
  readonly customer: Wallet
  readonly clientIndex: number
  readonly say: (line: string) => void
}

/** @returns whether the node was paid to the micro-unit. */
async function claimHonestly({ devnet, port, customer, clientIndex, say }: ClaimParts, node: DevnetNode): Promise<boolean> {
  let nonce = 0n
  const { epoch } = await inTime(port, async (terms) => {
    const deliveries = [5n, 20n, 75n].map((gigabytes) => deliver(customer, node, terms, gigabytes * GB))
    const claim = new NodeClaim(node, clientIndex, deliveries, 1n, nonce)
    say(`a customer signed for 100 GB at node ${node.index}, in epoch ${terms.epoch}`)
    try {
      await commit(devnet, port, terms, claim)
      say(`node ${node.index} claims ${usd(claim.total)} USD; the root is fixed`)
      const { beacon, withheld } = await beaconOf(port, terms.epoch + 1)
      await Promise.all(claim.answerTransactions(beacon, withheld).map((bytes) => sendRaw(port, bytes, 'an answer')))
      say(`the beacon drew ${64 * (1 + withheld)} points: node ${node.index} opened all`)
    } finally {
      nonce = claim.nextNonce
    }
  })
  const before = await usdOf(port, node.owner.address)
  await devnet.processes.until('the settlement', () => devnet.finals.has(epoch + 2))
  await sleep(LOOK_MS)
  const paid = (await usdOf(port, node.owner.address)) - before
  const expected = (100n * GB_PRICE * NODE_PERCENT) / 100n
  say(`epoch ${epoch} is settled: node ${node.index} was paid ${usd(paid)} USD, by plain arithmetic ${usd(expected)}`)
  return (await claimState(port, epoch, node)) === SETTLED && paid === expected
}

/** Twice of what was signed. @returns whether it was found out. */
export async function claimFalsely({ devnet, port, customer, clientIndex, say }: ClaimParts, node: DevnetNode): Promise<boolean> {
  let nonce = 0n
  const { epoch } = await inTime(port, async (terms) => {
    const claim = new NodeClaim(node, clientIndex, [deliver(customer, node, terms, 50n * GB)], 2n, nonce)
    try {
      await commit(devnet, port, terms, claim)
      say(`node ${node.index} claims ${usd(claim.total)} USD for what was worth ${usd(50n * GB_PRICE)}; the root is fixed`)
      const { beacon, withheld } = await beaconOf(port, terms.epoch + 1)
      await answerUntilVoid(port, claim, beacon, withheld)
    } finally {
      nonce = claim.nextNonce
    }
  })
  const isVoid = (await claimState(port, epoch, node)) === VOID && (await wasSlashed(port, node))
  say(isVoid ? `node ${node.index}'s claim is void and its stake slashed` : `node ${node.index} went free`)
  return isVoid
}

/**
 * Each step of a claim has a fifth of an epoch or less, which a busy machine can miss: then what was delivered is lost, and something else is
 * delivered. @returns the terms under which it was in time.
 */
async function inTime(port: number, attempt: (terms: Terms) => Promise<void>): Promise<Terms> {
  for (let left = ATTEMPTS_MAX - 1; ; left--) {
    const terms = await termsNow(port)
    try {
      await attempt(terms)
      return terms
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: unknown } }
      if (left === 0 || cause?.code !== CODES.phase) throw error
    }
  }
}

/** All at once: a node's nonces are a window, and time is short. */
async function commit({ processes, finals }: LedgerDevnet, port: number, { epoch }: Terms, claim: NodeClaim): Promise<void> {
  await processes.until('the epoch of the claims', () => finals.has(epoch))
  await Promise.all(claim.commitTransactions().map((bytes) => sendRaw(port, bytes, 'a claim')))
}

async function beaconOf(port: number, epoch: number): Promise<{ readonly beacon: Uint8Array; readonly withheld: number }> {
  for (;;) {
    const found = (await eventsOf(port, 'beacon')).find((event) => event['epoch'] === epoch)
    if (found !== undefined) return { beacon: bytesOf(found['beacon'] as string), withheld: found['withheld'] as number }
    await sleep(LOOK_MS)
  }
}

/** Answers part by part; the first false point ends it, what comes after it has nothing to open any more. */
async function answerUntilVoid(port: number, claim: NodeClaim, beacon: Uint8Array, withheld: number): Promise<void> {
  const [first] = claim.answerTransactions(beacon, withheld)
  if (first !== undefined) await sendRaw(port, first, 'a false answer')
}
