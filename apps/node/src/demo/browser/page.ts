/** What the demo's page does: fetches content from a node over WebSocket, verifies it, pays for it, and hashes what it got. */
import { createClient, parseNodeAddress } from '@selvedge/client'
import { createSha256 } from '@selvedge/crypto/sha256'
import { type AccountText, hexOf, parseAccount } from './account-text.ts'

/** All of it goes through JSON. */
export interface PageOrder {
  /** With its WebSocket, as text. */
  readonly node: string
  readonly chainId: number
  /** CID or root, as text. */
  readonly address: string
  /** Who pays; without it the page is a guest. */
  readonly account?: AccountText
}

export interface PageReport {
  /** Of the verified bytes, in order. */
  readonly sha256: string
  readonly bytes: number
  /** DATA bytes of the lane, proofs included. */
  readonly receivedBytes: number
  readonly mode: string
  /** Decimal. */
  readonly paidBytes: string
  readonly paidMicroUsd: string
}

async function fetchAndPay({ node, chainId, address, account }: PageOrder): Promise<PageReport> {
  const paying = account === undefined ? {} : { account: parseAccount(account) }
  const client = createClient({ nodes: [parseNodeAddress(node)], chainId, ...paying })
  const hash = createSha256()
  let bytes = 0
  const download = await client.get(address)
  for await (const part of download) {
    hash.update(part.bytes)
    bytes += part.bytes.length
  }
  await client.close()
  const cost = client.cost()
  const paid = { paidBytes: String(cost.bytes), paidMicroUsd: String(cost.microUsd) }
  return { sha256: hexOf(hash.digest()), bytes, receivedBytes: download.receivedBytes, mode: download.mode, ...paid }
}

Object.assign(globalThis, { fetchAndPay }) // for whoever opened the page
