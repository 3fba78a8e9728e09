/**
 * The rows on which Ed25519 libraries disagree, with libsodium's answer. Each was made by us from known scalars and small-order points;
 * the signature equation holds in every row that is refused for its encoding, so only the rule refuses it.
 */
export interface EdgeCase {
  readonly name: string
  readonly publicKey: string
  readonly message: string
  readonly signature: string
  readonly isValid: boolean
}

const IDENTITY = `01${'00'.repeat(31)}`
const NON_CANONICAL_IDENTITY = `ee${'ff'.repeat(30)}7f`
const NEGATIVE_IDENTITY = `01${'00'.repeat(30)}80`
const ORDER_8 = 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'
const ORDER_4 = '00'.repeat(32)
const KEY = '17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db'
const R = '7db0dc9222f3c183457ddde4c708de8e5ea6bf3d5c4404cca14b32729a05c32a'
const S = '9a6a4b166324cb49c4e2aa57cff7aa86c32212738984ab50778803e90622ef0c'
const S_PLUS_L = '873e41737d87dda19a7fa2faadf1899bc32212738984ab50778803e90622ef1c'
const MESSAGE = '73656c7665646765'
const ZERO = '00'.repeat(32)

export const EDGE_CASES: readonly EdgeCase[] = [
  { name: 'plain', publicKey: KEY, message: MESSAGE, signature: R + S, isValid: true },
  { name: 'S + L', publicKey: KEY, message: MESSAGE, signature: R + S_PLUS_L, isValid: false },
  { name: 'A = R = identity, S = 0', publicKey: IDENTITY, message: MESSAGE, signature: IDENTITY + ZERO, isValid: false },
  { name: 'A = non-canonical identity', publicKey: NON_CANONICAL_IDENTITY, message: MESSAGE, signature: IDENTITY + ZERO, isValid: false },
  { name: 'A = identity with a sign', publicKey: NEGATIVE_IDENTITY, message: MESSAGE, signature: IDENTITY + ZERO, isValid: false },
  { name: 'R = non-canonical identity', publicKey: IDENTITY, message: MESSAGE, signature: NON_CANONICAL_IDENTITY + ZERO, isValid: false },
  { name: 'A of order 8', publicKey: ORDER_8, message: MESSAGE, signature: R + S, isValid: false },
  { name: 'A of order 4', publicKey: ORDER_4, message: MESSAGE, signature: R + S, isValid: false },
  {
    name: 'R = identity under a good key, S = k·a',
    publicKey: KEY,
    message: MESSAGE,
    signature: IDENTITY + '23c106db6fdcd10f8e13b76a9667e48a762e08d67b490b27d610b699fe1e0b02',
    isValid: false,
  },
  { name: 'a key that is no point of the curve', publicKey: `02${'00'.repeat(31)}`, message: MESSAGE, signature: R + S, isValid: false },
]
