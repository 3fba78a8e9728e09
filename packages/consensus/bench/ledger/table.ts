/** The ledger's goals as they came out, as JSON lines and as a table. */

export interface Row {
  /** `G1`. */
  readonly id: string
  readonly what: string
  readonly goal: string
  readonly reached: string
  readonly isMet: boolean
  /** Everything the words were made from. */
  readonly figures: Readonly<Record<string, unknown>>
}

export function tableOf(rows: readonly Row[], footer: readonly string[]): string {
  return [
    '| row | what | goal | reached | |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(({ id, what, goal, reached, isMet }) => `| ${id} | ${what} | ${goal} | ${reached} | ${isMet ? 'met' : '**missed**'} |`),
    '',
    ...footer,
  ].join('\n')
}

export const thousands = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 })
export const oneDecimal = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 1 })

/** `45,000 [44,100–46,200]` */
export function spreadOf(values: readonly number[], format: (value: number) => string = thousands): string {
  return values.length === 1
    ? format(medianOf(values))
    : `${format(medianOf(values))} [${format(Math.min(...values))}–${format(Math.max(...values))}]`
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}
