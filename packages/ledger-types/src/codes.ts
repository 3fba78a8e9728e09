/**
 * What became of a transaction, as a number and in words. Wallets recognise the words of 5 to 10: they are geth's.
 *
 * 1 to 31 are *refused*: no state changes, there is no receipt. From 32 on they have *failed*: nonce and fee are used, nothing else.
 */

/** All codes by name. Nothing else is returned. */
export const CODES = {
  ok: 0,
  malformed: 1,
  type: 2,
  chainId: 3,
  signature: 4,
  nonceTooLow: 5,
  nonceTooHigh: 6,
  feeTooLow: 7,
  gasTooLow: 8,
  valueNotMultiple: 9,
  insufficientFunds: 10,
  senderUnknown: 11,
  abi: 32,
  noContract: 33,
  notSupported: 34,
  amount: 40,
  keyInUse: 41,
  proof: 42,
  address: 43,
  notOwner: 44,
  notFound: 45,
  outOfBounds: 46,
  overflow: 47,
  locked: 48,
  tooMany: 49,
  delegationFull: 50,
  state: 51,
  phase: 52,
  cap: 53,
} as const

export type CodeName = keyof typeof CODES
export type Code = (typeof CODES)[CodeName]

/** The words of each code, as RPC answers them. */
export const CODE_WORDS: Readonly<Record<Code, string>> = {
  0: 'ok',
  1: 'malformed',
  2: 'type',
  3: 'chain id',
  4: 'signature',
  5: 'nonce too low',
  6: 'nonce too high',
  7: 'max fee per gas less than block base fee',
  8: 'intrinsic gas too low',
  9: 'value not a multiple of 10^12 wei',
  10: 'insufficient funds for gas * price + value',
  11: 'sender unknown',
  32: 'ABI',
  33: 'no contract there',
  34: 'not supported',
  40: 'amount',
  41: 'key in use',
  42: 'proof',
  43: 'address',
  44: 'not owner',
  45: 'not found',
  46: 'out of bounds',
  47: 'overflow',
  48: 'locked',
  49: 'too many',
  50: 'delegation full',
  51: 'state, or already done',
  52: 'phase',
  53: 'cap',
}

const FAILED_FROM = 32

/** What must be so, each with the code of what is not: as the tables of functions and kinds have them, in the order in which it is looked at. */
export type Checks = readonly (readonly [code: number, demand: string])[]

/** The codes of checks: ascending, each once. */
export function codesOf(checks: Checks): readonly number[] {
  return [...new Set(checks.map(([code]) => code))].toSorted((a, b) => a - b)
}

/** Whether `code` is one of ours. */
export function isCode(code: number): code is Code {
  return Object.hasOwn(CODE_WORDS, code)
}

/** Whether a transaction with this code left no trace at all. */
export function isRefused(code: Code): boolean {
  return code !== CODES.ok && code < FAILED_FROM
}

/** Whether it used its nonce and paid its fee for nothing. */
export function isFailed(code: Code): boolean {
  return code >= FAILED_FROM
}
