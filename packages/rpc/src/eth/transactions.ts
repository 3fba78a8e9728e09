/** Transactions: `eth_sendRawTransaction`, `eth_getTransactionByHash`, `eth_getTransactionReceipt`. */
import type { Context, Methods } from '../context.ts'
import { hexOf } from '../hex.ts'
import { Params } from '../params.ts'
import { pendingObject, receiptObject, transactionObject } from './format.ts'

export function transactionMethods({ chain, mempool }: Context): Methods {
  function pending(hash: string): unknown {
    const waiting = mempool.find(hash)
    return waiting === undefined ? null : pendingObject(hash, waiting.bytes)
  }
  return {
    eth_sendRawTransaction: {
      cost: 5,
      async run(values) {
        return hexOf(await mempool.send(new Params(values, 1).bytes(0)))
      },
    },
    eth_getTransactionByHash: {
      cost: 1,
      run(values, caller) {
        const id = new Params(values, 1).bytes(0, 32)
        const found = chain.find(id, caller)
        return found === undefined ? pending(hexOf(id)) : transactionObject(found.block, found.transaction)
      },
    },
    eth_getTransactionReceipt: {
      cost: 1,
      run(values, caller) {
        const found = chain.find(new Params(values, 1).bytes(0, 32), caller)
        return found === undefined ? null : receiptObject(found.block, found.transaction)
      },
    },
  }
}
