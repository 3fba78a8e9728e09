/** The gas schedule: a fixed table, known before execution, all multiples of 1,000. What is paid above it costs nothing. */

export const GAS = {
  transfer: 21_000,
  call: 21_000,
  nodeTransaction: 5_000,
  /** For each 64 bytes begun: of call data, or of a whole node transaction. */
  chunk: 1_000,
  chunkBytes: 64,
  /** What most calls and kinds cost on top. */
  default: 10_000,
  registerNode: 200_000,
  addService: 100_000,
  evidence: 100_000,
  bridgeSignature: 50_000,
  openingPoint: 50_000,
  contentEntry: 5_000,
  /** Of a claim's debits, on top of the default: what a pair costs when it is settled. */
  debitPair: 2_000,
} as const

/** 10^-9 native a gas times so much gas is one micro-unit. */
export const GAS_PER_FEE_UNIT = 1_000
/** `maxFeePerGas` in wei of one unit of base fee. */
export const WEI_PER_BASE_FEE: bigint = 10n ** 9n

/** Native micro-units that `gas` costs at a base fee: exact, since gas is a multiple of 1,000. */
export function feeOf(gas: number, baseFee: bigint): bigint {
  return BigInt(gas / GAS_PER_FEE_UNIT) * baseFee
}

/** Of so many bytes. */
export function chunkGas(bytes: number): number {
  return GAS.chunk * Math.ceil(bytes / GAS.chunkBytes)
}
