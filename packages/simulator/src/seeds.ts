/**
 * Runs of one test over many seeds. The one that fails names itself and the command that repeats it; seeds that failed once are kept and run
 * first for ever after.
 */
import { check, SimulatorError } from './errors.ts'

export interface SeedRange {
  readonly first: number
  readonly count: number
}

/** `SEED` and `RUNS` as whoever runs the tests sets them: hand in `process.env`. */
export interface SeedEnvironment {
  readonly SEED?: string | undefined
  readonly RUNS?: string | undefined
}

/** One line of `test/seeds.json`: a seed that failed once. */
export interface KeptSeed {
  /** Which test, by the name that it asks for. */
  readonly test: string
  readonly seed: number
  /** What it found. */
  readonly found: string
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  check(text.trim() !== '' && Number.isSafeInteger(value), `${name} must be a whole number, got "${text}"`)
  return value
}

/**
 * The seeds to run: `first` and `count` unless the environment says otherwise.
 *
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where SEED or RUNS is set and no whole number, RUNS below 1.
 */
export function seedRange({ SEED, RUNS }: SeedEnvironment, { first, count }: SeedRange): SeedRange {
  const runs = RUNS === undefined ? count : numberOf('RUNS', RUNS)
  check(runs >= 1, `RUNS must be at least 1, got ${runs}`)
  return { first: SEED === undefined ? first : numberOf('SEED', SEED), count: runs }
}

/** Kept seeds of one test, out of what `test/seeds.json` holds. @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where it holds anything else. */
export function keptSeeds(corpus: unknown, test: string): readonly number[] {
  check(Array.isArray(corpus), 'a corpus is a list of { test, seed, found }')
  const seeds: number[] = []
  for (const each of corpus as readonly Partial<KeptSeed>[]) {
    const isWhole = typeof each?.test === 'string' && Number.isSafeInteger(each.seed) && typeof each.found === 'string' && each.found !== ''
    check(isWhole, `a corpus is a list of { test, seed, found }, got ${JSON.stringify(each)}`)
    if (each.test === test) seeds.push(each.seed as number)
  }
  return seeds
}

export interface SeedRuns extends SeedRange {
  /** Run before the others: what `keptSeeds` returns. @default none */
  readonly kept?: readonly number[]
}

/**
 * Calls `fn` for each seed, and stops at the first that throws.
 *
 * @returns how many ran.
 * @throws {SimulatorError} `SIMULATOR_SEED_FAILED`: the seed is in `details.seed` and in the message, what `fn` threw in `cause`.
 * @example forEachSeed(seedRange(process.env, { first: 1, count: 300 }), (seed) => play(createSimulator(seed)))
 */
export function forEachSeed({ first, count, kept = [] }: SeedRuns, fn: (seed: number) => void): number {
  check(
    Number.isSafeInteger(first) && Number.isSafeInteger(first + count) && count >= 0,
    `first and count must be whole, got ${first}, ${count}`,
  )
  let ran = 0
  const attempt = (seed: number): void => {
    try {
      fn(seed)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `seed ${seed} failed, after ${ran} that passed: ${reason}\nrepeat with SEED=${seed} RUNS=1`
      throw new SimulatorError('SIMULATOR_SEED_FAILED', message, { seed, passed: ran }, { cause })
    }
    ran += 1
  }
  for (const seed of kept) attempt(seed)
  for (let seed = first; seed < first + count; seed++) attempt(seed)
  return ran
}
