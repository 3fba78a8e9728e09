/** The order of checks, as the page of transactions states it: which codes stand one behind the other. */
import type { Checks } from '@selvedge/ledger-types'

/** Two checks that stand one behind the other. */
export type Codes = readonly [first: number, second: number]

/** Why no call can fail at both. */
export interface NeverBoth {
  readonly codes: Codes
  readonly never: string
}

/** The pairs of neighbours with different codes, in their order. */
export function neighboursIn(checks: Checks): Codes[] {
  const pairs = checks.slice(1).map(([second], place): Codes => [checks[place]![0], second])
  return pairs.filter(([first, second]) => first !== second)
}
