/** Blocks, and what gas costs: `eth_blockNumber`, `eth_getBlockBy…`, `eth_gasPrice`, `eth_feeHistory`. */
import { WEI_PER_BASE_FEE } from '@selvedge/ledger-types'
import type { Context, Methods } from '../context.ts'
import { RpcError } from '../errors.ts'
import { quantityOf } from '../hex.ts'
import type { Caller } from '../json-rpc.ts'
import { type BlockName, Params } from '../params.ts'
import { blockObject, isSenderKnown, transactionObject } from './format.ts'

/** Blocks that one `eth_feeHistory` answers for. */
export const FEE_HISTORY_BLOCKS_MAX = 1_024
const PERCENTILES_MAX = 100
/** Transactions whose senders are recovered in one turn of the event loop: 86 µs each. */
const SENDERS_A_TURN = 64
/** Senders to be recovered that count as one of the caller's allowance. */
const SENDERS_A_COST = 8

export function blockMethods({ ledger, chain }: Context): Methods {
  const gasLimit = (): number => 2 * ledger.gasTargetPerSecond()

  async function block(name: BlockName, isFull: boolean, caller: Caller): Promise<unknown> {
    const height = chain.heightOf(name)
    if (height === undefined) return null
    const found = chain.block(height, caller)
    if (isFull) {
      const strange = found.transactions.filter(({ bytes }) => !isSenderKnown(bytes)).length
      caller.owe?.(Math.floor(strange / SENDERS_A_COST)) // before they are recovered: others of the same caller wait
    }
    const objects: unknown[] = []
    for (const [index, transaction] of found.transactions.entries()) {
      objects.push(isFull ? transactionObject(found, transaction) : transaction.hash)
      if (!isFull || (index + 1) % SENDERS_A_TURN !== 0) continue
      await new Promise(setImmediate)
      if (caller.signal?.aborted) return null // nobody hears the answer
    }
    return blockObject(found, gasLimit(), objects)
  }

  return {
    eth_blockNumber: {
      cost: 1,
      run(values) {
        new Params(values, 0)
        return quantityOf(ledger.head().height)
      },
    },
    eth_getBlockByNumber: {
      cost: 2,
      run(values, caller) {
        const params = new Params(values, 2)
        return block(params.block(0), params.boolean(1, false), caller)
      },
    },
    eth_getBlockByHash: {
      cost: 2,
      run(values, caller) {
        const params = new Params(values, 2)
        return block({ digest: params.bytes(0, 32) }, params.boolean(1, false), caller)
      },
    },
    eth_gasPrice: {
      cost: 1,
      run(values) {
        new Params(values, 0)
        return quantityOf(chain.nextBaseFeeWei())
      },
    },
    eth_maxPriorityFeePerGas: {
      cost: 1,
      run(values) {
        new Params(values, 0)
        return '0x0'
      },
    },
    eth_feeHistory: { cost: 5, run: (values) => feeHistory(chain, gasLimit(), new Params(values, 3)) },
  }
}

function feeHistory(chain: Context['chain'], gasLimit: number, params: Params): unknown {
  const asked = params.quantity(0)
  const percentiles = percentilesOf(params.value(2))
  if (asked > BigInt(FEE_HISTORY_BLOCKS_MAX)) throw new RpcError('RPC_LIMIT', `at most ${FEE_HISTORY_BLOCKS_MAX} blocks of fee history`)
  const newest = chain.heightOf(params.block(1))
  if (newest === undefined) throw new RpcError('RPC_REFUSED', 'request beyond head block')
  const count = Math.min(Number(asked), newest + 1)
  const oldest = newest - count + 1
  if (count === 0) return { oldestBlock: '0x0', gasUsedRatio: [] }
  const headers = Array.from({ length: count }, (_, index) => chain.header(oldest + index))
  const isHead = newest === chain.ledger.head().height
  const next = isHead ? chain.ledger.nextBaseFee() : chain.header(newest + 1).baseFee
  return {
    oldestBlock: quantityOf(oldest),
    baseFeePerGas: [...headers.map(({ baseFee }) => baseFee), next].map((fee) => quantityOf(fee * WEI_PER_BASE_FEE)),
    gasUsedRatio: headers.map(({ gasUsed }) => Math.min(1, gasUsed / gasLimit)),
    ...(percentiles === undefined ? {} : { reward: headers.map(() => percentiles.map(() => '0x0')) }),
  }
}

/** Tips are not charged, so each percentile of them is 0; they are checked as geth does. */
function percentilesOf(value: unknown): readonly number[] | undefined {
  if (value === undefined) return undefined
  const isList = Array.isArray(value) && value.length <= PERCENTILES_MAX
  const numbers = isList ? value.filter((each, i) => typeof each === 'number' && each >= 0 && each <= 100 && !(each < value[i - 1])) : []
  if (!isList || numbers.length !== value.length)
    throw new RpcError('RPC_INVALID_PARAMS', `percentiles must be at most ${PERCENTILES_MAX} numbers from 0 to 100, ascending`)
  return numbers
}
