/** The same client in a page: what the ledger says of the node is all that it needs, and it pays like any other. */
import type { CID } from 'multiformats/cid'
import { createHash } from 'node:crypto'
import { termsNow } from '../../ledger-devnet/claim-reading.ts'
import { ask, bytesOf } from '../../ledger-devnet/rpc-client.ts'
import { CHAIN_ID } from '../../ledger-devnet/setup.ts'
import { fetchInBrowser } from '../browser/fetch-in-browser.ts'
import { type Customer, delegate } from './account.ts'
import type { MoneyNetwork } from './network.ts'
import { priceOfBytes } from './paid.ts'

export interface FetchedInPage {
  readonly sha256Equal: boolean
  /** It signed for what its reader received, to the µUSD. */
  readonly isPaid: boolean
  /** Each epoch's bytes are rounded to a µUSD of their own: what came in two has no one price. */
  readonly isInOneEpoch: boolean
  readonly receivedBytes: number
}

export async function fetchInPage(
  network: MoneyNetwork,
  customer: Customer,
  { cid, truth }: { readonly cid: CID; readonly truth: Uint8Array },
): Promise<FetchedInPage> {
  const { content, websocketUrl: url, rpcPort, server } = network
  const { epoch } = await termsNow(rpcPort)
  const { nodes } = (await ask(rpcPort, 'selvedge_membership')) as { nodes: readonly { index: number; noiseRecord: string }[] }
  const { noiseRecord } = nodes.find(({ index }) => index === server.index)!
  const { sha256, receivedBytes, paidMicroUsd } = await fetchInBrowser({
    node: { ...content, websocket: { url, noiseRecord: bytesOf(noiseRecord) } },
    chainId: CHAIN_ID,
    address: cid.toString(),
    account: delegate(customer, epoch),
  })
  return {
    sha256Equal: sha256 === createHash('sha256').update(truth).digest('hex'),
    isPaid: BigInt(paidMicroUsd) === priceOfBytes(receivedBytes),
    isInOneEpoch: (await termsNow(rpcPort)).epoch === epoch,
    receivedBytes,
  }
}
