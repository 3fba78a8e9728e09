/** What delivered bytes and used processor time cost: exact, rounded down once. */
import { PPM, U64_END } from './constants.ts'

/** One epoch's prices. */
export interface PriceTable {
  readonly priceVersion: number
  /** 10^-12 USD a byte: 10 is one cent a gigabyte. */
  readonly bytePrice: bigint
  /** 10^-12 USD a microsecond of processor time. */
  readonly cpuPrice: bigint
}

const MICRO_AND_PPM = 10n ** 12n // from 10^-12 to 10^-6 USD, and the multiple from parts per million

/**
 * The price in µUSD: `⌊(bytes · bytePrice + cpuMicros · cpuPrice) · multiplePpm / 10^12⌋`; `undefined` beyond a u64.
 * @param multiplePpm - the service's multiple of the table: at most 10^6, which is the table's price.
 */
export function priceOf(bytes: bigint, cpuMicros: bigint, { bytePrice, cpuPrice }: PriceTable, multiplePpm: number): bigint | undefined {
  const price = ((bytes * bytePrice + cpuMicros * cpuPrice) * BigInt(multiplePpm)) / MICRO_AND_PPM
  return price < U64_END ? price : undefined
}

/** The most bytes that cost no more than `amount` µUSD beside the time; `undefined`: any number does. */
export function bytesWithin(
  amount: bigint,
  cpuMicros: bigint,
  { bytePrice, cpuPrice }: PriceTable,
  multiplePpm: number,
): bigint | undefined {
  const ppm = BigInt(multiplePpm)
  if (bytePrice * ppm === 0n) return undefined
  const left = (amount + 1n) * MICRO_AND_PPM - 1n - cpuMicros * cpuPrice * ppm
  return left < 0n ? 0n : left / (bytePrice * ppm)
}

/**
 * What is beyond the `amount` µUSD that bytes and time were rounded down to, as bytes at the table's price, rounded up: nobody pays for it.
 * Less than a µUSD is worth, whatever the service's multiple.
 */
export function bytesUnpaid(
  bytes: bigint,
  cpuMicros: bigint,
  amount: bigint,
  { bytePrice, cpuPrice }: PriceTable,
  multiplePpm: number,
): bigint {
  const ofTable = bytePrice * PPM
  if (ofTable === 0n) return 0n
  const rest = (bytes * bytePrice + cpuMicros * cpuPrice) * BigInt(multiplePpm) - amount * MICRO_AND_PPM
  return (rest + ofTable - 1n) / ofTable
}
