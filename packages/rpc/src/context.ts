/** What every method is given. */
import type { Chain } from './eth/chain.ts'
import type { Method } from './json-rpc.ts'
import type { Mempool } from './mempool.ts'
import type { LedgerView, NodeView } from './ports.ts'

export interface Context {
  readonly ledger: LedgerView
  readonly chain: Chain
  readonly mempool: Mempool
  readonly node: NodeView
  readonly clientVersion: string
}

/** Names to methods, for one part of the surface. */
export type Methods = Readonly<Record<string, Method>>
