// Rows 1, 4 and 7 of the goals: hashing beside its peers, from one block to 64 MiB, and in a stream.
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { inputOf, oneShot, streaming } from './peers.ts'

const KIB = 1024
const MIB = 2 ** 20

interface Size {
  readonly label: string
  readonly bytes: number
  readonly goals: Readonly<Record<string, number>>
  /** Peers that would take seconds for one run. */
  readonly without?: readonly string[]
}

const SIZES: readonly Size[] = [
  { label: '64 B', bytes: 64, goals: { 'blake3-jit': 1.4, '@napi-rs/blake-hash': 1.5 } },
  { label: '1 KiB', bytes: KIB, goals: { 'blake3-jit': 1.4, '@napi-rs/blake-hash': 1.5 } },
  { label: '4 KiB', bytes: 4 * KIB, goals: { 'blake3-jit': 1.6, 'hash-wasm': 2.4, '@napi-rs/blake-hash': 1.5 } },
  { label: '16 KiB', bytes: 16 * KIB, goals: { 'blake3-jit': 1.6, 'hash-wasm': 2.4, '@napi-rs/blake-hash': 1.5 } },
  { label: '1 MiB', bytes: MIB, goals: { 'blake3-jit': 1.6, 'hash-wasm': 2.4, '@napi-rs/blake-hash': 0.27 } },
  { label: '64 MiB', bytes: 64 * MIB, goals: { 'blake3-jit': 1.5, 'hash-wasm': 2.4 }, without: ['@noble/hashes'] },
]

function subjectsOf(peers: typeof oneShot, { bytes, without = [] }: Size): Bench['subjects'] {
  const chosen = Object.entries(peers).filter(([name]) => !without.includes(name))
  return Object.fromEntries(
    chosen.map(([name, load]) => [
      name,
      async (): Promise<Prepared> => {
        const hash = await load()
        const input = inputOf(bytes)
        const run = (): unknown => hash(input)
        for (let i = 0; i < 4096 && i * bytes < 8 * MIB; i++) run() // past the change of engines, and optimised
        return bytes > 8 * MIB ? { once: run, times: 5, bytes } : { each: run, bytes }
      },
    ]),
  )
}

const smallNote = 'goal of row 7, at most 0.72 of the time of blake3-jit, is 1.39×'

/** The parent check of a decoder: the pair's bytes are hashed and held against the value that is expected. */
async function parentCheck(): Promise<Prepared> {
  const { parentCv, parentMatches, subtreeCv } = await import('../src/kernel/index.ts')
  const pair = inputOf(64)
  const expected = new Int32Array(8)
  subtreeCv(inputOf(MIB), 0, MIB, 0, true, new Uint8Array(32), 0) // brings the compiled kernel
  parentCv(pair, 0, false, new Uint8Array(expected.buffer), 0)
  if (!parentMatches(pair, 0, false, expected, 0)) throw new Error('a right parent was refused')
  return { each: () => parentMatches(pair, 0, false, expected, 0) }
}

export const benches: readonly Bench[] = [
  ...SIZES.map((size) => ({
    name: `hash, ${size.label}`,
    unit: size.bytes < KIB ? ('ns' as const) : ('MiB/s' as const),
    subjects: subjectsOf(oneShot, size),
    goals: size.goals,
    ...(size.bytes === 64 ? { note: smallNote } : {}),
  })),
  {
    name: 'hasher, 256 MiB in updates of 1 MiB',
    unit: 'MiB/s',
    subjects: subjectsOf(streaming, { label: '', bytes: 256 * MIB, goals: {}, without: ['@noble/hashes'] }),
    goals: { 'blake3-jit': 3, 'hash-wasm': 2 },
  },
  {
    name: 'parent check, 64 B',
    unit: 'ns',
    subjects: { ours: parentCheck },
    note: 'goal: at most 80 ns on the machine of the goals, where one compression took 60',
  },
]
