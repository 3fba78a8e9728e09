/** Calls that nobody signed: `eth_call` for the views of tokens, `eth_estimateGas` from the table and a trial on top of the head. */
import {
  CODE_WORDS,
  CODES,
  type Code,
  callGas,
  callOf,
  concatBytes,
  encodeAbi,
  feeOf,
  isFailed,
  isReservedAddress,
  microOfWei,
  NATIVE_TOKEN,
  TOKEN_FUNCTIONS,
  ZERO_ADDRESS,
} from '@selvedge/ledger-types'
import type { Context, Methods } from '../context.ts'
import { RpcError } from '../errors.ts'
import { hexOf, parseHex, parseQuantity, quantityOf } from '../hex.ts'
import { tooMany } from '../json-rpc.ts'
import { refusalOf } from '../mempool.ts'
import { Params } from '../params.ts'
import type { UnsignedCall } from '../ports.ts'

/** Gas of a trial that counts as one of the caller's allowance: some 16 ns each. */
const GAS_A_COST = 100_000
/** Selector of `Error(string)`, in which wallets look for words. */
const ERROR_SELECTOR = Uint8Array.of(0x08, 0xc3, 0x79, 0xa0)

interface Call {
  /** `undefined` when the caller named nobody. */
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array
  readonly value: bigint
  readonly data: Uint8Array
  readonly gas: bigint | undefined
  readonly feeCapWei: bigint | undefined
}

export function callMethods({ ledger, chain }: Context): Methods {
  return {
    eth_call: {
      cost: 1,
      run(values) {
        const params = new Params(values, 2)
        const call = parseCall(params.object(0))
        const state = chain.state(params.block(1))
        if (call.data.length === 0 || !isReservedAddress(call.to)) return '0x' // as from an address without code
        const wanted = callOf(call)
        if (wanted.target === 'none') throw reverted(wanted.code)
        const isView = wanted.target === 'token' && TOKEN_FUNCTIONS[wanted.name].kind === 'view'
        if (!isView) throw reverted(CODES.notSupported) // what changes the state is no view, and the system has none
        const { code, output } = state.simulate(withSender(call))
        if (code !== CODES.ok) throw reverted(code)
        return hexOf(output)
      },
    },
    eth_estimateGas: {
      cost: 5,
      run(values, { take }) {
        const params = new Params(values, 2)
        const call = parseCall(params.object(0))
        params.block(1) // checked, and always the head: what would happen now
        const gas = callGas(callOf(call), call.data.length)
        if (call.gas !== undefined && call.gas < BigInt(gas)) throw refusalOf(CODES.gasTooLow)
        if (call.feeCapWei !== undefined && call.feeCapWei < chain.nextBaseFeeWei()) throw refusalOf(CODES.feeTooLow)
        const value = microOfWei(call.value)
        if (value === undefined) throw refusalOf(CODES.valueNotMultiple)
        if (call.from !== undefined) {
          const state = chain.state('latest')
          if (state.balance(call.from, NATIVE_TOKEN) < value + feeOf(gas, ledger.nextBaseFee())) throw refusalOf(CODES.insufficientFunds)
          if (!take(Math.floor(gas / GAS_A_COST))) throw tooMany()
          const { code } = state.simulate(withSender(call))
          if (isFailed(code)) throw reverted(code)
          if (code !== CODES.ok) throw refusalOf(code)
        }
        return quantityOf(gas)
      },
    },
  }
}

const withSender = ({ from = ZERO_ADDRESS, to, value, data }: Call): UnsignedCall => ({ from, to, value, data })

function reverted(code: Code): RpcError {
  const words = CODE_WORDS[code]
  return new RpcError('RPC_REVERTED', `execution reverted: ${words}`, {
    data: hexOf(concatBytes(ERROR_SELECTOR, encodeAbi(['string'], [words]))),
  })
}

/** @throws {RpcError} `RPC_INVALID_PARAMS`; `RPC_REFUSED` for what can be no transaction here. */
function parseCall(fields: Readonly<Record<string, unknown>>): Call {
  const { from, to, value, data, input, gas, gasPrice, maxFeePerGas, accessList } = fields
  const bytes = data ?? input
  if (data !== undefined && input !== undefined && data !== input)
    throw new RpcError('RPC_INVALID_PARAMS', 'data and input differ: name one of them')
  if (to === undefined || to === null || (Array.isArray(accessList) && accessList.length > 0)) throw refusalOf(CODES.type)
  const cap = maxFeePerGas ?? gasPrice
  return {
    from: from === undefined || from === null ? undefined : parseHex(from, 'from', 20),
    to: parseHex(to, 'to', 20),
    value: value === undefined || value === null ? 0n : parseQuantity(value, 'value'),
    data: bytes === undefined || bytes === null ? new Uint8Array() : parseHex(bytes, 'data'),
    gas: gas === undefined || gas === null ? undefined : parseQuantity(gas, 'gas'),
    feeCapWei: cap === undefined || cap === null ? undefined : parseQuantity(cap, 'maxFeePerGas'),
  }
}
