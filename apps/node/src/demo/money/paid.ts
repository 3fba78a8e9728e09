/**
 * A customer with money streams a file from a node and signs as it goes; the node claims it; the ledger moves the money. What is expected comes
 * from the bytes that the customer's reader counted and the price that is public, by plain arithmetic; what happened is read over JSON-RPC.
 */
import { createClient, type Connect } from '@selvedge/client'
import { connectSession } from '@selvedge/handshake'
import type { CID } from 'multiformats/cid'
import { claimState, COMMITTED, eventsOf, prepaidOf, SETTLED, termsNow, usdOf } from '../../ledger-devnet/claim-reading.ts'
import { ask } from '../../ledger-devnet/rpc-client.ts'
import { CHAIN_ID } from '../../ledger-devnet/setup.ts'
import { fetchTimed } from '../fetching.ts'
import { type Customer, delegate } from './account.ts'
import type { MoneyNetwork } from './network.ts'

/** A cent for a gigabyte: 10 × 10^-12 USD a byte. */
const PICO_USD_A_BYTE = 10n
/** Epochs after its own at whose end a claim is paid. */
const SETTLED_LATER = 2

export interface Delivery {
  readonly customer: Customer
  readonly epoch: number
  /** µUSD that the customer had before. */
  readonly prepaid: bigint
  /** Counted where the customer's reader takes them: DATA of its lanes, proofs included. */
  readonly bytes: number
  /** What the customer signed for, by its own count. */
  readonly signed: bigint
  readonly isTrue: boolean
  /** Whether all of it came in one epoch: what comes in two is two claims. */
  readonly isInOneEpoch: boolean
}

/** All sums in µUSD. */
export interface Paid {
  readonly expected: number
  /** What the customer has less. */
  readonly debited: number
  /** What the node's owner has more: seven tenths. */
  readonly paid: number
  readonly burnt: number
  /** Expected less debited. */
  readonly difference: number
  /** The transaction that committed the claim. */
  readonly transaction: string
}

export async function deliver(
  network: MoneyNetwork,
  customer: Customer,
  { cid, truth, end }: { readonly cid: CID; readonly truth: Uint8Array; readonly end: number },
): Promise<Delivery> {
  const { content, rpcPort } = network
  const { epoch } = await termsNow(rpcPort)
  const prepaid = await prepaidOf(rpcPort, customer.clientIndex)
  const counted = { bytes: 0 }
  const account = delegate(customer, epoch)
  const client = createClient({ nodes: [content], chainId: CHAIN_ID, account, connect: counting(counted) })
  try {
    const { isTrue } = await fetchTimed(truth, client, cid, end === truth.length ? { start: 0 } : { start: 0, end })
    await client.close()
    const epochs = client.receipts().map(({ evidence }) => Number(evidence.acknowledgement.epoch))
    const isInOneEpoch = epochs.every((each) => each === epochs[0])
    return {
      customer,
      epoch: epochs[0] ?? epoch,
      prepaid,
      bytes: counted.bytes,
      signed: client.cost().microUsd,
      isTrue,
      isInOneEpoch,
    }
  } finally {
    await client.close()
  }
}

/** Sessions whose lanes are counted at the one place where their bytes are taken. */
function counting(counted: { bytes: number }): Connect {
  return async (options) => {
    const session = await connectSession(options)
    return {
      closed: session.closed,
      close: () => session.close(),
      async openLane(laneOptions) {
        const lane = await session.openLane(laneOptions)
        async function* source(): AsyncGenerator<Uint8Array> {
          for await (const bytes of lane.source) {
            counted.bytes += bytes.length
            yield bytes
          }
        }
        return {
          laneId: lane.laneId,
          metadata: lane.metadata,
          source: source(),
          end: () => lane.end(),
          reset: (code, reason) => lane.reset(code, reason),
          release: (bytes) => lane.release(bytes),
        }
      },
    }
  }
}

export const priceOfBytes = (bytes: number): bigint => (BigInt(bytes) * PICO_USD_A_BYTE) / 1_000_000n

/** Waits for the end of the epoch in which it is paid. @returns nothing where the node was too late to claim, on a busy machine. */
export async function settlementOf(network: MoneyNetwork, { customer, epoch, prepaid, bytes }: Delivery): Promise<Paid | undefined> {
  const { devnet, rpcPort, server } = network
  const settledIn = epoch + SETTLED_LATER
  const heightOf = (): number => devnet.finals.get(settledIn) ?? Number.POSITIVE_INFINITY
  await devnet.processes.until('the settlement', () => devnet.processes.heightOf(server.index) >= heightOf())
  if ((await claimState(rpcPort, epoch, server)) !== SETTLED) return undefined
  const expected = priceOfBytes(bytes)
  const debited = prepaid - (await prepaidOf(rpcPort, customer.clientIndex))
  const isOurs = (event: { readonly [field: string]: unknown }): boolean => event['epoch'] === epoch && event['nodeIndex'] === server.index
  const burnt = (await eventsOf(rpcPort, 'payment')).filter(isOurs).reduce((sum, event) => sum + BigInt(event['burnt'] as string), 0n)
  const ownerAt = (height: number): Promise<bigint> => usdOf(rpcPort, server.owner.address, height)
  return {
    expected: Number(expected),
    debited: Number(debited),
    paid: Number((await ownerAt(heightOf())) - (await ownerAt(heightOf() - 1))), // by the one block that settles
    burnt: Number(burnt),
    difference: Number(expected - debited),
    transaction: await commitOf(network, epoch),
  }
}

/** The transaction by which the node fixed its claim, by its word; that it did is read from the receipt. */
async function commitOf({ devnet, server, rpcPort }: MoneyNetwork, epoch: number): Promise<string> {
  const id = `0x${devnet.commits.get(server.index)?.get(epoch) ?? ''}`
  const receipt = (await ask(rpcPort, 'selvedge_getReceipt', id)) as { readonly events: readonly Record<string, unknown>[] } | null
  const isIt = receipt?.events.some(({ kind, epoch: of, nodeIndex, state }) => {
    return kind === 'claim' && of === epoch && nodeIndex === server.index && state === COMMITTED
  })
  return isIt === true ? id : ''
}
