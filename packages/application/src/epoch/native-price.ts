/** What one native token was worth, in µUSD, over the last 30 epochs: emission is counted at the highest, slashes at the lowest. */
import { nativePrices } from '../state/meta-tables.ts'
import type { State } from '../state/state.ts'
import { PRICE_EPOCHS } from './governed.ts'

/** Both are at least 1: nothing is divided by nothing. */
export function nativePriceRange(state: State, epoch: number): { readonly lowest: bigint; readonly highest: bigint } {
  const steps = state.get(nativePrices, null) ?? []
  const oldest = epoch + 1 - PRICE_EPOCHS
  const held = steps.filter(({ from }, i) => from <= epoch && (steps[i + 1]?.from ?? Number.POSITIVE_INFINITY) > oldest)
  let lowest = held[0]?.price ?? 1n
  let highest = lowest
  for (const { price } of held) {
    if (price < lowest) lowest = price
    if (price > highest) highest = price
  }
  return { lowest: lowest > 0n ? lowest : 1n, highest: highest > 0n ? highest : 1n }
}
