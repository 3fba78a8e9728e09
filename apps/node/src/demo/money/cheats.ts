/** Who wants something for nothing: a customer that signs for nothing, and a node that claims twice what it delivered. */
import { CONTENT_SERVICE_ID, encodeRequest } from '@selvedge/content'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { connectSession, type SessionPayer } from '@selvedge/handshake'
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { eventsOf, termsNow, usdOf } from '../../ledger-devnet/claim-reading.ts'
import { claimFalsely } from '../../ledger-devnet/money-chapter.ts'
import { CHAIN_ID } from '../../ledger-devnet/setup.ts'
import { type Customer, delegate } from './account.ts'
import type { MoneyNetwork } from './network.ts'
import { priceOfBytes } from './paid.ts'

/** Of GOAWAY: what was served was not signed for in time. */
const ACK_TIMEOUT = 11

export interface CheatingClient {
  /** What the node served and was not paid for. */
  readonly bytes: number
  /** The same in µUSD. */
  readonly nodeLost: number
  /** The code that ended its session. */
  readonly code: number | undefined
}

/** Takes all that the node gives, and signs for nothing. */
export async function cheatAsClient(network: MoneyNetwork, customer: Customer, cid: CID): Promise<CheatingClient> {
  const { epoch } = await termsNow(network.rpcPort)
  const { delegation, sessionKey } = delegate(customer, epoch)
  const paying = { identity: sessionKey, delegation: encodeDelegation(delegation), payer: SILENT }
  const session = await connectSession({ ...network.content, chainId: CHAIN_ID, ...paying })
  let bytes = 0
  try {
    const lane = await session.openLane({ serviceId: CONTENT_SERVICE_ID, metadata: requestOf(cid) })
    for await (const part of lane.source) bytes += part.length
  } catch {
    // it ends with the session: why, is what the session says
  }
  const code = (await session.closed)?.details['laneCode']
  return { bytes, nodeLost: Number(priceOfBytes(bytes)), code: typeof code === 'number' ? code : undefined }
}

export const wasStopped = ({ code }: CheatingClient): boolean => code === ACK_TIMEOUT

const SILENT: SessionPayer = {
  begin() {},
  price: () => undefined,
  lane() {},
  laneOver() {},
  epoch() {},
  window() {},
  meter() {},
  over() {},
}

function requestOf(cid: CID): Uint8Array {
  return encodeRequest({
    kind: 'cid',
    address: cid.bytes,
    modes: ['proof', 'car'],
    head: false,
    mappingProof: false,
    outboardOnly: false,
    scope: 'entity',
    traceparent: new Uint8Array(0),
    ranges: ChunkRanges.all,
  })
}

export interface CheatingNode {
  readonly isVoid: boolean
  /** What its owner got for it, µUSD. */
  readonly paid: number
}

/** Claims twice what a customer signed for; the beacon finds it. */
export async function cheatAsNode(network: MoneyNetwork, customer: Customer, say: (line: string) => void): Promise<CheatingNode> {
  const { devnet, rpcPort: port, liar } = network
  const before = await usdOf(port, liar.owner.address)
  const isVoid = await claimFalsely({ devnet, port, customer: customer.wallet, clientIndex: customer.clientIndex, say }, liar)
  const payments = (await eventsOf(port, 'payment')).filter((event) => event['nodeIndex'] === liar.index)
  const paid = (await usdOf(port, liar.owner.address)) - before
  return { isVoid: isVoid && payments.length === 0, paid: Number(paid) }
}
