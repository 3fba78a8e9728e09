/** The whole: methods over a ledger, the pool, and the doors through which strangers come. */
import type { Context } from './context.ts'
import { RpcError } from './errors.ts'
import { accountMethods } from './eth/accounts.ts'
import { blockMethods } from './eth/blocks.ts'
import { callMethods } from './eth/calls.ts'
import { Chain } from './eth/chain.ts'
import { logMethods } from './eth/logs.ts'
import { networkMethods } from './eth/network.ts'
import { transactionMethods } from './eth/transactions.ts'
import { createJsonRpc, type Caller, type JsonRpcOptions, type Method } from './json-rpc.ts'
import { Mempool } from './mempool.ts'
import { createNodePages } from './node-pages.ts'
import type { RpcComponents } from './ports.ts'
import { selvedgeMethods } from './selvedge-methods.ts'
import { type Doors, openDoors, type ServerOptions } from './server/server.ts'
import { type PoolOptions, TransactionPool } from './transaction-pool.ts'

export interface RpcOptions extends JsonRpcOptions, ServerOptions {
  /** What `web3_clientVersion` answers. @default 'selvedge' */
  readonly clientVersion?: string
  readonly pool?: PoolOptions
  /** Milliseconds that only rise, for the pool and the rates. @default performance.now */
  readonly nowMs?: () => number
}

export interface RpcServer {
  /** Listens when it resolves. @throws what `listen` says, a port in use for one. */
  start(): Promise<void>
  /** Ends every connection and waits for it; may be called twice, and at any moment. */
  stop(): Promise<void>
  /** `http://host:port`, once started. */
  readonly url: string
  /** `ws://host:port`, once started. */
  readonly webSocketUrl: string
  /** What strangers hold at this moment. */
  readonly load: { readonly webSockets: number; readonly subscriptions: number; readonly poolTransactions: number }
  /** The answer to one request or batch without a network between; never throws. */
  answer(body: string | Uint8Array, caller?: Caller): Promise<string | undefined>
  [Symbol.asyncDispose](): Promise<void>
}

/** All methods by name: what is not here is answered with -32601. */
export function methodsOf(context: Context): ReadonlyMap<string, Method> {
  const parts = [networkMethods, blockMethods, accountMethods, transactionMethods, callMethods, logMethods, selvedgeMethods]
  return new Map(parts.flatMap((part) => Object.entries(part(context))))
}

/**
 * JSON-RPC 2.0 over HTTP and WebSocket, and a small HTTP interface, for a ledger that somebody else executes.
 * @example const server = createRpcServer({ ledger, submitter, node }, { port: 8545 }); await server.start()
 */
export function createRpcServer(components: RpcComponents, options: RpcOptions = {}): RpcServer {
  const { ledger, submitter, node } = components
  const { clientVersion = 'selvedge', nowMs = () => performance.now() } = options
  const pool = new TransactionPool(options.pool)
  const mempool = new Mempool({ ledger, submitter, pool, nowMs })
  const rpc = createJsonRpc(methodsOf({ ledger, node, clientVersion, mempool, chain: new Chain(ledger) }), options)
  let doors: Doors | undefined
  let starting: Promise<void> | undefined
  let isStopped = false
  let ended: (() => void) | undefined

  async function open(): Promise<void> {
    ended = ledger.onBlock(() => mempool.handOn())
    const opened = await openDoors(
      { rpc, pages: createNodePages(ledger, node, clientVersion), onBlock: (listener) => ledger.onBlock(listener), nowMs },
      options,
    )
    doors = opened
    if (isStopped) await opened.stop()
  }

  const bound = (): string => {
    if (doors === undefined) throw new RpcError('RPC_STOPPED', 'the server has no address before it is started')
    return `${doors.host.includes(':') ? `[${doors.host}]` : doors.host}:${doors.port}`
  }
  return {
    start() {
      if (isStopped) throw new RpcError('RPC_STOPPED', 'start() after stop()')
      starting ??= open()
      return starting
    },
    async stop() {
      isStopped = true
      ended?.()
      await starting?.catch(() => undefined) // whoever started it heard why
      await doors?.stop()
    },
    get url() {
      return `http://${bound()}`
    },
    get webSocketUrl() {
      return `ws://${bound()}`
    },
    get load() {
      return {
        webSockets: doors?.webSockets() ?? 0,
        subscriptions: doors?.subscriptions() ?? 0,
        poolTransactions: mempool.size,
      }
    },
    answer: (body, caller = { take: () => true }) => rpc.answer(body, caller),
    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}
