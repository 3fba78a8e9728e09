/** What is read of claims and money over JSON-RPC, as a stranger would. */
import type { Terms } from './paid-delivery.ts'
import { ask, bytesOf, hexOf } from './rpc-client.ts'
import type { DevnetNode } from './setup.ts'

/** A claim's states in events. */
export const COMMITTED = 0
export const SETTLED = 4
export const VOID = 5

const ACCOUNTS_TABLE = 2
const CLIENT_INDEX_OFFSET = 16
const CLIENTS_TABLE = 4
const PREPAID_OFFSET = 20

interface Membership {
  readonly epoch: number
  readonly priceVersion: number
  readonly prices: { readonly bytePrice: string; readonly cpuPrice: string }
}

export interface EventAnswer {
  readonly kind: string
  readonly [field: string]: unknown
}

export async function termsNow(port: number): Promise<Terms> {
  const { epoch, priceVersion, prices } = (await ask(port, 'selvedge_membership')) as Membership
  return { epoch, priceVersion, bytePrice: BigInt(prices.bytePrice), cpuPrice: BigInt(prices.cpuPrice) }
}

/** Out of the state itself: nonce u64 · native u64 · clientIndex u32. */
export async function clientIndexOf(port: number, address: Uint8Array): Promise<number> {
  const { value } = (await ask(port, 'selvedge_proof', ACCOUNTS_TABLE, hexOf(address))) as { value: string }
  return Buffer.from(bytesOf(value)).readUInt32LE(CLIENT_INDEX_OFFSET)
}

export async function eventsOf(port: number, kind: string): Promise<readonly EventAnswer[]> {
  const all: EventAnswer[] = []
  for (let from = 0; ; ) {
    const { events, nextSeq } = (await ask(port, 'selvedge_events', [kind], from)) as { events: EventAnswer[]; nextSeq: number }
    all.push(...events)
    if (nextSeq === from) return all
    from = nextSeq
  }
}

export async function claimState(port: number, epoch: number, { index }: DevnetNode): Promise<unknown> {
  const events = await eventsOf(port, 'claim')
  return events.findLast((event) => event['epoch'] === epoch && event['nodeIndex'] === index)?.['state']
}

export async function wasSlashed(port: number, { index }: DevnetNode): Promise<boolean> {
  return (await eventsOf(port, 'slash')).some((event) => event['nodeIndex'] === index && BigInt(event['amount'] as string) > 0n)
}

/** Now, or after the block at `height`. */
export async function usdOf(port: number, address: Uint8Array, height?: number): Promise<bigint> {
  const token = `0x${Buffer.from('selvedge/token\0\0').toString('hex')}00000001`
  const data = `0x70a08231${'0'.repeat(24)}${Buffer.from(address).toString('hex')}`
  return BigInt((await ask(port, 'eth_call', { to: token, data }, height === undefined ? 'latest' : `0x${height.toString(16)}`)) as string)
}

export function usd(micro: bigint): string {
  return (Number(micro) / 1e6).toFixed(2)
}

/** Out of the state itself, µUSD: address 20 · prepaid u64. */
export async function prepaidOf(port: number, clientIndex: number): Promise<bigint> {
  const key = `0x${clientIndex.toString(16).padStart(8, '0')}`
  const { value } = (await ask(port, 'selvedge_proof', CLIENTS_TABLE, key)) as { value: string }
  return Buffer.from(bytesOf(value)).readBigUInt64LE(PREPAID_OFFSET)
}
