/**
 * What a `packages/<room>/bench/*.bench.ts` file exports: `export const benches: readonly Bench[]`.
 *
 * Each sample is taken in a fresh process that loads the file, prepares ONE subject of ONE bench, measures it and exits, so that no subject
 * shapes another's call sites or heap. Samples of ours and of each peer alternate (A B A B), so that a busy minute falls on both. One during which a
 * process outside of it was busy is taken again.
 */
import type { Disturbed } from './undisturbed.ts'

/** Ready to be measured: what the setup of a subject returns. */
export type Prepared =
  /** Repeated many times, the median is taken (mitata). For work under ten milliseconds. `bytes` makes the figure a throughput. */
  | { readonly each: () => unknown; readonly bytes?: number; readonly close?: () => unknown }
  /** Run once to warm up and then `times` (default 3), the fastest is taken. For work of milliseconds and more. */
  | { readonly once: () => unknown; readonly times?: number; readonly bytes?: number; readonly close?: () => unknown }
  /** Measures itself and returns the figure, in the bench's unit. */
  | { readonly figure: () => number | Promise<number>; readonly close?: () => unknown }

export type Unit = 'ns' | 'ms' | 'MiB/s' | 'MiB' | 'B' | '/s'

export interface Bench {
  /** Says the job and the size of its input, unique in the room: `hash, 64 B`. */
  readonly name: string
  /** `MiB/s` needs `bytes`; `ns` and `ms` are time for one run. */
  readonly unit: Unit
  /** Ours comes first, under the name `ours`; the others are named as their packages are. Each function is its subject's setup. */
  readonly subjects: Readonly<Record<string, () => Prepared | Promise<Prepared>>>
  /** Least factor by which ours is to be better than the peer: `{ 'hash-wasm': 2.4 }`. Shown in the table; never a failing build. */
  readonly goals?: Readonly<Record<string, number>>
  /** Fresh processes for each subject. @default 5 */
  readonly samples?: number
  /** Said under the table: how a peer's job differs, what is flushed to disk. */
  readonly note?: string
}

/** One sample as its process prints it. */
export interface Sample {
  readonly value: number
  readonly loadBefore: number
}

/** One sample as it counts: with whoever else was busy meanwhile. */
export type TakenSample = Sample & Disturbed

export const isHigherBetter = (unit: Unit): boolean => unit === 'MiB/s' || unit === '/s'

/** How many times better `ours` is than `peer`: above 1 is faster, or smaller where the unit is an amount. */
export function ratioOf(unit: Unit, ours: number, peer: number): number {
  return isHigherBetter(unit) ? ours / peer : peer / ours
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}
