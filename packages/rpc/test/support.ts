/** A server over a reference ledger, and viem's clients against it. */
import { createRpcServer, type NodeView, type RpcOptions, type RpcServer } from '@selvedge/rpc'
import {
  type Chain,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  http,
  type HttpTransport,
  type Hash,
  hexToBytes,
  type PublicClient,
  type TestClient,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
  type WalletClient,
  webSocket,
  type WebSocketTransport,
} from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { afterEach } from 'vitest'
import { ReferenceLedger, type ReferenceLedgerOptions } from './reference-ledger.ts'

export const alice: PrivateKeyAccount = privateKeyToAccount(`0x${'11'.repeat(32)}`)
export const bob: PrivateKeyAccount = privateKeyToAccount(`0x${'22'.repeat(32)}`)
export const poor: PrivateKeyAccount = privateKeyToAccount(`0x${'33'.repeat(32)}`)

/** 10 native; 5 USD. */
export const ACCOUNTS: readonly (readonly [Uint8Array, bigint, bigint])[] = [
  [hexToBytes(alice.address), 10_000_000n, 5_000_000n],
  [hexToBytes(bob.address), 1_000_000n, 0n],
]

const running: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop()
})

/** Stops with the test. */
export function whenDone(stop: () => Promise<unknown>): void {
  running.push(stop)
}

export interface Stage {
  readonly ledger: ReferenceLedger
  readonly server: RpcServer
  readonly chain: Chain
}

export interface StageOptions extends ReferenceLedgerOptions {
  readonly node?: Partial<NodeView>
  /** A block every 20 ms, empty or not, as the real ledger has them: viem's waiting looks again at each new block only. */
  readonly isTicking?: boolean
}

export async function serve(
  options: RpcOptions = {},
  { isTicking = false, node: own = {}, ...ledgerOptions }: StageOptions = {},
): Promise<Stage> {
  const ledger = new ReferenceLedger({ accounts: ACCOUNTS, isAutomatic: !isTicking, ...ledgerOptions })
  const ticks = setInterval(() => isTicking && ledger.produce(), 20)
  whenDone(async () => clearInterval(ticks))
  const node = { peerCount: () => 3, readiness: () => ({ ready: true }) as const, ...own }
  const server = createRpcServer({ ledger, submitter: ledger, node }, { clientVersion: 'selvedge/test', ...options })
  await server.start()
  whenDone(() => server.stop())
  return { ledger, server, chain: chainOf(server, ledger.chainId) }
}

export function chainOf(server: RpcServer, id: number): Chain {
  return defineChain({
    id,
    name: 'Selvedge',
    nativeCurrency: { name: 'Selvedge', symbol: 'SLV', decimals: 18 },
    rpcUrls: { default: { http: [server.url], webSocket: [server.webSocketUrl] } },
  })
}

export interface Clients {
  readonly reader: PublicClient<HttpTransport, Chain>
  readonly wallet: WalletClient<HttpTransport, Chain, PrivateKeyAccount>
  readonly tester: TestClient<'anvil', HttpTransport, Chain, PrivateKeyAccount>
}

export function clientsOf({ chain }: Stage, account: PrivateKeyAccount = alice): Clients {
  const transport = http(undefined, { retryCount: 0 })
  return {
    reader: createPublicClient({ chain, transport, pollingInterval: 20 }),
    wallet: createWalletClient({ account, chain, transport }),
    tester: createTestClient({ account, mode: 'anvil', chain, transport }),
  }
}

export function socketClientOf({ chain }: Stage): PublicClient<WebSocketTransport, Chain> {
  const transport = webSocket(undefined, { retryCount: 0, reconnect: false, keepAlive: false })
  const client = createPublicClient({ chain, transport })
  whenDone(async () => (await client.transport.getRpcClient()).close())
  return client
}

/** The receipt of a transaction, once there is one; where blocks come with transactions only. */
export async function executed({ reader }: Clients, hash: Hash): Promise<TransactionReceipt> {
  for (;;) {
    const receipt = await reader.getTransactionReceipt({ hash }).catch((error: unknown) => {
      if (error instanceof TransactionReceiptNotFoundError) return undefined
      throw error
    })
    if (receipt !== undefined) return receipt
  }
}

/** One request over HTTP: `result`, or `error`. */
export async function ask(url: string, method: string, params: unknown = []): Promise<{ result?: unknown; error?: RpcFault }> {
  const response = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  return (await response.json()) as { result?: unknown; error?: RpcFault }
}

export interface RpcFault {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export function post(url: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
}
