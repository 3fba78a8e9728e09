/** Accounts: `eth_getBalance`, `eth_getTransactionCount`, `eth_getCode`. */
import { isReservedAddress, WEI_PER_MICRO } from '@selvedge/ledger-types'
import type { Context, Methods } from '../context.ts'
import { quantityOf } from '../hex.ts'
import { Params } from '../params.ts'

export function accountMethods({ chain, mempool }: Context): Methods {
  return {
    eth_getBalance: {
      cost: 1,
      run(values) {
        const params = new Params(values, 2)
        const address = params.address(0)
        return quantityOf(chain.state(params.block(1)).balance(address, 0) * WEI_PER_MICRO)
      },
    },
    eth_getTransactionCount: {
      cost: 1,
      run(values) {
        const params = new Params(values, 2)
        const address = params.address(0)
        const name = params.block(1)
        const next = chain.state(name).nonce(address)
        return quantityOf(name === 'pending' ? mempool.nonceAfter(address, next) : next)
      },
    },
    eth_getCode: {
      cost: 1,
      run(values) {
        const params = new Params(values, 2)
        const address = params.address(0)
        chain.state(params.block(1)) // a block that is not there has no code
        return isReservedAddress(address) ? '0x00' : '0x' // wallets call only what has code
      },
    },
  }
}
