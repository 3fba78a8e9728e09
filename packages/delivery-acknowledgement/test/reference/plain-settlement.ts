/** Settlement by its definition, client by client, each list gone through as often as it takes. */
import type { ClaimedDebit, ClientMeans, RevenueShares } from '@selvedge/delivery-acknowledgement'

const sumOf = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)
const least = (...values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b))

/** part_i = ⌊T·W_i/W⌋ − ⌊T·W_(i−1)/W⌋ */
function cumulative(total: bigint, weights: readonly bigint[]): bigint[] {
  const whole = sumOf(weights)
  if (whole === 0n) return weights.map(() => 0n)
  const upTo = (count: number): bigint => (total * sumOf(weights.slice(0, count))) / whole
  return weights.map((_, index) => upTo(index + 1) - upTo(index))
}

export interface PlainSettlement {
  /** What each debit is paid, in order. */
  readonly paid: readonly bigint[]
  readonly collateralBurnt: ReadonlyMap<number, bigint>
}

export function plainSettle(debits: readonly ClaimedDebit[], meansOf: (clientIndex: number) => ClientMeans): PlainSettlement {
  const paid = debits.map(() => 0n)
  const collateralBurnt = new Map<number, bigint>()
  for (const clientIndex of new Set(debits.map((debit) => debit.clientIndex))) {
    const { prepaid, epochCap, collateral, reserves } = meansOf(clientIndex)
    const own = debits.flatMap((debit, place) => (debit.clientIndex === clientIndex ? [{ ...debit, place }] : []))
    const reserved = [...reserves]
      .toSorted(([a], [b]) => a - b)
      .map(([nodeIndex, reserve]) => {
        const lines = own.filter((line) => line.nodeIndex === nodeIndex)
        return { lines, due: least(reserve, sumOf(lines.map(({ amount }) => amount))) }
      })
    const reservePaid = least(prepaid, sumOf(reserved.map(({ due }) => due)))
    const byNode = cumulative(
      reservePaid,
      reserved.map(({ due }) => due),
    )
    const fromReserve = new Map<number, bigint>()
    reserved.forEach(({ lines }, index) => {
      const parts = cumulative(
        byNode[index]!,
        lines.map(({ amount }) => amount),
      )
      lines.forEach(({ place }, at) => fromReserve.set(place, parts[at]!))
    })
    const rest = own.map(({ amount, place }) => amount - (fromReserve.get(place) ?? 0n))
    const owed = sumOf(rest)
    const underCap = epochCap === undefined ? owed : epochCap - reservePaid
    const payable = least(owed, underCap < 0n ? 0n : underCap, prepaid - reservePaid)
    const parts = cumulative(payable, rest)
    own.forEach(({ place }, index) => (paid[place] = (fromReserve.get(place) ?? 0n) + parts[index]!))
    collateralBurnt.set(clientIndex, least(collateral, owed - payable))
  }
  return { paid, collateralBurnt }
}

/** The four parts of a revenue, by the words of the specification. */
export function plainSplit(x: bigint, { burnPpm, servicePpm, protocolPpm }: RevenueShares): readonly bigint[] {
  const b = x * burnPpm === 0n ? 0n : (x * burnPpm - 1n) / 1_000_000n + 1n
  const [p, s] = [(x * protocolPpm) / 1_000_000n, (x * servicePpm) / 1_000_000n]
  return x - b - p - s < 0n ? [b, 0n, 0n, x - b] : [b, p, s, x - b - p - s]
}
