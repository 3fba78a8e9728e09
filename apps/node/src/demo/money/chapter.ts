/**
 * The paid chapter of `npm start`. What is delivered in an epoch is paid at the end of the second one after it, so it is begun first and looked at
 * last: `begin` delivers, `end` waits for the ledger. Everything that may come too late on a busy machine is tried again.
 */
import type { CID } from 'multiformats/cid'
import { formatBytes, formatMs } from '../../cli/format.ts'
import { termsNow } from '../../ledger-devnet/claim-reading.ts'
import type { Checks } from '../checks.ts'
import { openAccount } from './account.ts'
import { cheatAsClient, type CheatingClient, cheatAsNode, type CheatingNode, wasStopped } from './cheats.ts'
import type { MoneyNetwork } from './network.ts'
import { fetchInPage } from './page.ts'
import { deliver, type Delivery, type Paid, settlementOf } from './paid.ts'

const ATTEMPTS_MAX = 5
/** Of the large file: what comes in one epoch on a slow machine. */
const PAID_BYTES_MAX: number = 32 * 2 ** 20
/** The first window: who signs for nothing gets so much, and the unit that is begun in it. */
const WINDOW_BYTES: number = 256 * 1024
/** A leaf of the large file, with what stands before it. */
const UNIT_BYTES_MAX: number = 257 * 1024

export interface MoneyContext {
  readonly network: MoneyNetwork
  readonly large: { readonly cid: CID; readonly truth: Uint8Array }
  readonly page: { readonly cid: CID; readonly truth: Uint8Array }
  readonly checks: Checks
  say(line: string): void
}

export interface MoneyBegun {
  /** The epoch of the first delivery. */
  readonly epoch: number
  /** On its way: it ends with the settlement. */
  readonly settling: Promise<Settled | undefined>
  /** The page has been shown: what is delivered again may be. */
  readonly onPageShown: () => void
  readonly cheatingClient: CheatingClient
  /** On its way: it ends with its claim. */
  readonly cheatingNode: Promise<CheatingNode>
}

interface Settled {
  readonly delivery: Delivery
  readonly paid: Paid
}

export interface MoneyResult {
  readonly paid: Paid
  readonly cheats: { readonly client: { readonly nodeLost: number }; readonly node: { readonly paid: number } }
  readonly browser: { readonly sha256Equal: boolean }
}

export async function beginMoney(context: MoneyContext): Promise<MoneyBegun> {
  const { network, large, checks, say } = context
  const first = await deliverOnce(context, 0)
  const { promise: pageShown, resolve: onPageShown } = Promise.withResolvers<void>()
  const settling = settled(context, first, pageShown)
  settling.catch(() => {}) // awaited at the end; a failure before that is not unheard
  const [unsigning, claiming] = network.setup.senders.slice(ATTEMPTS_MAX)
  const cheatingClient = await cheatAsClient(network, await openAccount(network, unsigning!), large.cid)
  const { bytes, nodeLost, code } = cheatingClient
  checks.that(wasStopped(cheatingClient), `a client that signs nothing: its session ended with ${code}`)
  checks.that(bytes > 0 && bytes <= WINDOW_BYTES + UNIT_BYTES_MAX, `a client that signs nothing got ${bytes} bytes`)
  say(`money:  a client that signs nothing was stopped after ${formatBytes(bytes)} (${nodeLost} µUSD), and its session ended`)
  const cheatingNode = openAccount(network, claiming!).then((customer) => cheatAsNode(network, customer, (line) => say(`money:  ${line}`)))
  cheatingNode.catch(() => {})
  return { epoch: first.epoch, settling, onPageShown, cheatingClient, cheatingNode }
}

/**
 * One that is not in time, or not in one epoch, is made again with another customer and with half as much, in an epoch of its own: the ledger pays a node for
 * an epoch once, so what the page pays in the same one would be in the sum.
 */
async function settled(context: MoneyContext, first: Delivery, pageShown: Promise<void>): Promise<Settled | undefined> {
  const { network, say } = context
  const { processes } = network.devnet
  let delivery = first
  for (let attempt = 1; ; attempt++) {
    const paid = delivery.isInOneEpoch ? await settlementOf(network, delivery) : undefined
    if (paid !== undefined) return { delivery, paid }
    if (attempt === ATTEMPTS_MAX) return undefined
    say(`money:  ${delivery.isInOneEpoch ? 'the node came too late to claim' : 'an epoch ended on the way'}: again, with half as much`)
    await pageShown
    const { epoch } = await termsNow(network.rpcPort)
    await processes.until('the next epoch', () => processes.epochOf(network.server.index) > epoch)
    delivery = await deliverOnce(context, attempt)
  }
}

async function deliverOnce({ network, large, checks, say }: MoneyContext, attempt: number): Promise<Delivery> {
  const customer = await openAccount(network, network.setup.senders[attempt]!)
  const began = performance.now()
  const delivery = await deliver(network, customer, {
    ...large,
    end: Math.ceil(Math.min(large.truth.length, PAID_BYTES_MAX) / 2 ** attempt),
  })
  const { bytes, epoch, signed, isTrue } = delivery
  checks.that(isTrue, 'paid: the bytes are not those of the file')
  const ms = performance.now() - began
  say(
    `money:  a client with 1,000 USD on the ledger took ${formatBytes(bytes)} in epoch ${epoch} in ${formatMs(ms)} and signed for ${signed} µUSD on the way`,
  )
  return delivery
}

/** A clone without a Chromium is one in which this cannot be shown: that is said and counts as a failure, and the rest goes on. */
async function showPage({ network, page, checks, say }: MoneyContext, after: number): Promise<MoneyResult['browser']> {
  const { processes } = network.devnet
  await processes.until('an epoch of its own', () => processes.epochOf(network.server.index) > after)
  const began = performance.now()
  const customer = await openAccount(network, network.setup.senders.at(-1)!)
  try {
    let fetched = await fetchInPage(network, customer, page)
    for (let attempt = 1; attempt < ATTEMPTS_MAX && !fetched.isPaid && !fetched.isInOneEpoch; attempt++) {
      say('page:   an epoch ended on the way: again')
      fetched = await fetchInPage(network, customer, page)
    }
    const { sha256Equal, isPaid, receivedBytes } = fetched
    checks.that(sha256Equal, 'page: the bytes are not those of the file')
    checks.that(isPaid, `page: ${receivedBytes} bytes were not signed for to the µUSD`)
    say(
      `page:   headless Chromium took ${formatBytes(receivedBytes)} over a WebSocket, verified and signed for them, in ${formatMs(performance.now() - began)}`,
    )
    return { sha256Equal }
  } catch (error) {
    checks.that(false, `page: ${error instanceof Error ? error.message : String(error)}`)
    return { sha256Equal: false }
  }
}

export async function endMoney(context: MoneyContext, begun: MoneyBegun): Promise<MoneyResult> {
  const { checks, say } = context
  const browser = await showPage(context, begun.epoch)
  begun.onPageShown()
  say("money:  what was delivered is paid when the ledger's next two epochs are over")
  const ended = await begun.settling
  if (ended === undefined) throw new Error(`no claim was in time, ${ATTEMPTS_MAX} times`)
  const { delivery, paid } = ended
  const { expected, debited, burnt, difference, transaction } = paid
  checks.that(difference === 0, `paid: ${debited} µUSD were debited, ${expected} are due`)
  checks.that(Number(delivery.signed) === expected, `paid: ${delivery.signed} µUSD were signed for, ${expected} are due`)
  checks.that(burnt === Math.ceil(expected / 10), `paid: ${burnt} of ${expected} µUSD were burnt, not a tenth`)
  checks.that(
    paid.paid === expected - Math.ceil(expected / 10) - Math.floor(expected / 5),
    `paid: the node got ${paid.paid} of ${expected} µUSD, not seven tenths`,
  )
  checks.that(transaction !== '', 'paid: the claim is in no transaction')
  say(
    `money:  by transactions: ${debited} µUSD debited, ${paid.paid} paid to the node, ${burnt} burnt; by plain arithmetic from the bytes at the reader: ${expected}`,
  )
  const { isVoid, paid: gained } = await begun.cheatingNode
  checks.that(isVoid && gained === 0, `a node that claims twice what it delivered: void ${isVoid}, got ${gained} µUSD`)
  return { paid, cheats: { client: { nodeLost: begun.cheatingClient.nodeLost }, node: { paid: gained } }, browser }
}
