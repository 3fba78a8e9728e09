/** What a claim that does not hold costs its node, in native µ. µUSD become native at the lowest price of the last 30 epochs, rounded up. */
import { PPM } from './constants.ts'
import { ceilDivide } from './shares.ts'

const FALSE_CLAIM_FACTOR = 10n
const SILENCE_DIVISOR = 100n

/** For a point or a disputed entry that is false: ten times the claim. The caller takes no more than there is. */
export function slashForFalseClaim(total: bigint, lowestPrice: bigint): bigint {
  return ceilDivide(FALSE_CLAIM_FACTOR * total * PPM, lowestPrice)
}

/** For points that nobody opened in time: a hundredth of the claim. The caller takes no more than the stake. */
export function slashForSilence(total: bigint, lowestPrice: bigint): bigint {
  return ceilDivide(total * PPM, SILENCE_DIVISOR * lowestPrice)
}
