/**
 * Who is how far from whom: one-way delays as functions, to be put together.
 *
 * The synthetic regions stand on a torus at the points of a golden-ratio lattice, so that they are spread evenly, none has a rim, and any
 * number of them needs no data. A path is longer than the straight line by a factor of 1.2 to 1.9 that depends on the pair.
 */
import { check, isIndex } from './errors.ts'
import { logNormal } from './exact-math.ts'
import { createRandom, type Random } from './random.ts'

/** One-way delay in milliseconds of one message. Draws from `random` only what it must. */
export type Latency = (from: number, to: number, random: Random) => number

export const fixedLatency =
  (delayMs: number): Latency =>
  () =>
    delayMs

/** Anything between, evenly. */
export const evenLatency =
  (delayMsMin: number, delayMsMax: number): Latency =>
  (_from, _to, random) =>
    delayMsMin + random.next() * (delayMsMax - delayMsMin)

/**
 * Delays from a matrix of regions, both directions by themselves.
 *
 * @param matrix - one-way milliseconds, `matrix[from][to]`.
 * @param regionOf - the region of each node.
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where a node's region has no full row.
 */
export function matrixLatency(matrix: readonly (readonly number[])[], regionOf: readonly number[]): Latency {
  const size = matrix.length
  for (const row of matrix) check(row.length === size, `the matrix must be square: ${size} rows, one of ${row.length}`)
  for (const region of regionOf) check(isIndex(region, size), `region must be below ${size}, got ${region}`)
  const flat = Float64Array.from(matrix.flat())
  const regions = Int32Array.from(regionOf)
  return (from, to) => flat[(regions[from] as number) * size + (regions[to] as number)] as number
}

const JITTER_STEPS = 4096

/** `latency` times a log-normal factor with median 1, from a table of 4,096 values: one draw a message. `sigma` 0.1 is mild, 0.5 wild. */
export function withJitter(latency: Latency, sigma: number): Latency {
  check(sigma >= 0 && sigma <= 3, `sigma must be 0 to 3, got ${sigma}`)
  const random = createRandom(1, 'jitter')
  const factors = Float64Array.from({ length: JITTER_STEPS }, () => logNormal(random, 1, sigma))
  return (from, to, each) => latency(from, to, each) * (factors[each.u32() % JITTER_STEPS] as number)
}

const GOLDEN = 0.6180339887498949
const FARTHEST_MS = 130 // straight line between opposite points of the torus
const LOCAL_MS = 1

/** A square matrix of one-way milliseconds between `count` regions that a formula places; symmetric, 1 ms inside a region. */
export function syntheticRegions(count: number): number[][] {
  check(Number.isInteger(count) && count >= 1 && count <= 4096, `count must be a whole number from 1 to 4096, got ${count}`)
  const wrap = (distance: number): number => Math.min(distance, 1 - distance)
  const place = (region: number): readonly [number, number] => [(region * GOLDEN) % 1, (region + 0.5) / count]
  const between = (one: number, other: number): number => {
    if (one === other) return LOCAL_MS
    const [x, y] = place(Math.min(one, other))
    const [u, v] = place(Math.max(one, other))
    const apart = [wrap(Math.abs(x - u)), wrap(Math.abs(y - v))] as const
    const line = Math.sqrt(apart[0] * apart[0] + apart[1] * apart[1]) / Math.sqrt(0.5)
    const detour = 1.2 + 0.7 * createRandom(0, 'detour', Math.min(one, other), Math.max(one, other)).next()
    return LOCAL_MS + line * FARTHEST_MS * detour
  }
  return Array.from({ length: count }, (_, one) => Array.from({ length: count }, (__, other) => between(one, other)))
}

/** The region of each of `nodes` nodes: region r gets a share in proportion to 1 / (r + 1), so that few hold most. */
export function zipfRegions(nodes: number, regions: number, random: Random): number[] {
  const bounds: number[] = []
  for (let region = 0; region < regions; region++) bounds.push((bounds.at(-1) ?? 0) + 1 / (region + 1))
  const total = bounds.at(-1) ?? 0
  return Array.from({ length: nodes }, () => {
    const target = random.next() * total
    return bounds.findIndex((bound) => target < bound)
  })
}
