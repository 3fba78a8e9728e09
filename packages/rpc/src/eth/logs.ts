/** `eth_getLogs`, and the subscriptions of wallets: `newHeads`, `logs`. */
import type { Context, Methods } from '../context.ts'
import { RpcError } from '../errors.ts'
import { AGAIN, type Caller, type Feed, LATER, tooMany } from '../json-rpc.ts'
import { asObject, Params, parseBlockName } from '../params.ts'
import { Turns } from '../turns.ts'
import { type Chain, type EthBlock, RECEIPTS_A_COST } from './chain.ts'
import { headerObject, logObject } from './format.ts'
import { isWanted, type LogFilter, parseLogFilter } from './log-filter.ts'

/** Blocks that one `eth_getLogs` searches. */
export const LOG_BLOCKS_MAX = 10_000
/** Logs in one answer. */
export const LOGS_MAX = 10_000
/** Blocks that a subscription may lie behind the head before its connection is closed. */
export const LAG_BLOCKS_MAX = 256
/** Searches at once; each yields after `RECEIPTS_A_TURN` receipts. */
const SEARCHES_MAX = 2
const SEARCHES_WAITING_MAX = 64
const RECEIPTS_A_TURN = 2_000

export function logMethods({ ledger, chain }: Context): Methods {
  const turns = new Turns(SEARCHES_MAX, SEARCHES_WAITING_MAX)
  return {
    eth_getLogs: {
      cost: 20,
      run(values, caller) {
        const filter = new Params(values, 1).object(0)
        const range = rangeOf(chain, filter)
        const wanted = parseLogFilter(filter)
        return range === undefined ? [] : turns.run(() => search(chain, range, wanted, caller))
      },
    },
    eth_subscribe: {
      cost: 5,
      run(values, caller) {
        const { subscriptions } = caller
        const params = new Params(values, 2)
        const kind = params.string(0)
        if (subscriptions === undefined) throw new RpcError('RPC_METHOD_NOT_FOUND', 'notifications not supported: ask by WebSocket')
        if (kind === 'newHeads') return subscriptions.add(headFeed(chain, () => 2 * ledger.gasTargetPerSecond()))
        if (kind === 'logs')
          return subscriptions.add(logFeed(chain, parseLogFilter(asObject(params.value(1) ?? {}, 'parameter 1')), caller))
        throw new RpcError('RPC_INVALID_PARAMS', 'subscriptions are newHeads and logs; what the pool holds is not told to strangers')
      },
    },
    eth_unsubscribe: { cost: 1, run: (values, caller) => unsubscribe(values, caller) },
  }
}

export function unsubscribe(values: readonly unknown[], { subscriptions }: Caller): boolean {
  const id = new Params(values, 1).string(0)
  if (subscriptions === undefined) throw new RpcError('RPC_METHOD_NOT_FOUND', 'notifications not supported: ask by WebSocket')
  return subscriptions.remove(id)
}

interface Range {
  readonly from: number
  readonly to: number
}

/** @throws {RpcError} `RPC_LIMIT`, `RPC_INVALID_PARAMS`; `RPC_REFUSED` for a hash that no block has. */
function rangeOf(chain: Chain, { fromBlock, toBlock, blockHash }: Readonly<Record<string, unknown>>): Range | undefined {
  const isByHash = blockHash !== undefined && blockHash !== null
  if (isByHash && (fromBlock !== undefined || toBlock !== undefined))
    throw new RpcError('RPC_INVALID_PARAMS', 'a filter has either blockHash or a range')
  const head = chain.ledger.head().height
  if (isByHash) {
    const at = chain.heightOf(parseBlockName({ blockHash }, 'filter'))
    if (at === undefined) throw new RpcError('RPC_REFUSED', 'unknown block')
    return { from: at, to: at }
  }
  const end = (value: unknown, what: string): number => {
    const name = parseBlockName(value ?? 'latest', what)
    return typeof name === 'object' && 'height' in name ? name.height : (chain.heightOf(name) ?? head)
  }
  const from = end(fromBlock, 'fromBlock')
  const asked = end(toBlock, 'toBlock')
  if (from > asked) throw new RpcError('RPC_INVALID_PARAMS', `invalid block range: from ${from} to ${asked}`)
  const to = Math.min(asked, head)
  if (to - from + 1 > LOG_BLOCKS_MAX) throw new RpcError('RPC_LIMIT', `a search covers at most ${LOG_BLOCKS_MAX} blocks`)
  return from > to ? undefined : { from, to }
}

/** Takes from the caller's allowance as it goes: what it will cost is not known before. @throws {RpcError} `RPC_LIMIT`. */
async function search(chain: Chain, { from, to }: Range, filter: LogFilter, { signal, take }: Caller): Promise<unknown[]> {
  const found: unknown[] = []
  let seen = 0
  for (let height = from; height <= to; height++) {
    const block = chain.blockInPassing(height)
    for (const log of block.logs) if (isWanted(filter, log)) found.push(logObject(block, log))
    if (found.length > LOGS_MAX) throw new RpcError('RPC_LIMIT', `query returned more than ${LOGS_MAX} results`)
    seen += 10 + block.body.receipts.length // an empty block is not free either
    if (seen < RECEIPTS_A_TURN) continue
    if (!take(seen / RECEIPTS_A_COST)) throw tooMany()
    seen = 0
    await new Promise(setImmediate)
    if (signal?.aborted) break // nobody hears the answer
  }
  return found
}

/** Each block once and in order; whoever cannot keep up is told so instead of missing one. */
function headFeed(chain: Chain, gasLimit: () => number): Feed {
  const blocks = blocksFrom(chain)
  return {
    notification: 'eth_subscription',
    next() {
      const block = blocks.next()
      return block === undefined ? undefined : headerObject(block, gasLimit())
    },
  }
}

function logFeed(chain: Chain, filter: LogFilter, { take }: Caller): Feed {
  const blocks = blocksFrom(chain)
  let block: EthBlock | undefined
  let at = 0
  return {
    notification: 'eth_subscription',
    next() {
      for (; block !== undefined && at < block.logs.length; at++) {
        const log = block.logs[at]
        if (log !== undefined && isWanted(filter, log)) {
          at++
          return logObject(block, log)
        }
      }
      if (blocks.isDue() && !take(1)) return LATER // each block is looked through for each feed
      block = blocks.next()
      at = 0
      return block === undefined ? undefined : AGAIN
    },
  }
}

/** Blocks from the next one on. */
function blocksFrom(chain: Chain): { readonly isDue: () => boolean; readonly next: () => EthBlock | undefined } {
  let next = chain.ledger.head().height + 1
  return {
    isDue: () => next <= chain.ledger.head().height,
    next() {
      const head = chain.ledger.head().height
      if (next > head) return undefined
      if (head - next >= LAG_BLOCKS_MAX) throw new RpcError('RPC_SLOW_READER', `${head - next} blocks behind the head`)
      return chain.block(next++)
    },
  }
}
