/**
 * Keccak-256 (Ethereum's, not SHA-3) as a WebAssembly function that is written here instruction by instruction: 64-bit lanes as what they are,
 * where JavaScript needs two halves for each. Source: the Keccak reference, version 3.0, sections 1.2 and 1.3.
 *
 * Memory: round constants, then the state of 25 lanes, then the input, padded to whole blocks of 136 bytes. One call absorbs all of it. The
 * lanes live in locals for all blocks and rounds; a round is unrolled, the 24 rounds are a loop.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'

const RATE_BYTES = 136
const ROUNDS = 24
const CONSTANTS_OFFSET = 0
const STATE_OFFSET = 256
const INPUT_OFFSET = 512
const PAGE_BYTES = 65_536
/** A transaction of the greatest length and its padding. What is longer is hashed in JavaScript. */
const MEMORY_PAGES = 2
const INPUT_BYTES_MAX = MEMORY_PAGES * PAGE_BYTES - INPUT_OFFSET - RATE_BYTES

/** WebAssembly's names for what is used of it. */
const OP = {
  loop: [0x03, 0x40],
  end: [0x0b],
  brIf0: [0x0d, 0x00],
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  load: 0x29,
  store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Add: [0x6a],
  i32Sub: [0x6b],
  and: [0x83],
  xor: [0x85],
  rotl: [0x89],
} as const

type Code = readonly number[]
const unsigned = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)])
const signed = (value: number): number[] => (value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)])
const get = (local: number): Code => [OP.get, ...unsigned(local)]
const set = (local: number): Code => [OP.set, ...unsigned(local)]
const i32 = (value: number): Code => [OP.i32Const, ...signed(value)]
const i64 = (value: number): Code => [OP.i64Const, ...signed(value)]
/** Of the 8 bytes at an address on the stack and `offset`. */
const load = (offset: number): Code => [OP.load, 3, ...unsigned(offset)]
const store = (offset: number): Code => [OP.store, 3, ...unsigned(offset)]

/** Locals: how many blocks are left (the parameter), where the next one is, where the next constant is; then lanes. */
const [BLOCKS, INPUT, CONSTANT] = [0, 1, 2]
const LANES = 3
const PARITY = LANES + 25
const HELD = PARITY + 5
const OTHER = HELD + 1
/** Lane of column x and row y. */
const lane = (x: number, y: number): number => LANES + (x % 5) + 5 * (y % 5)
const FIVE = [0, 1, 2, 3, 4] as const

const theta: Code = [
  ...FIVE.flatMap((x) => [...get(lane(x, 0)), ...[1, 2, 3, 4].flatMap((y) => [...get(lane(x, y)), ...OP.xor]), ...set(PARITY + x)]),
  ...FIVE.flatMap((x) => [
    ...get(PARITY + ((x + 4) % 5)),
    ...get(PARITY + ((x + 1) % 5)),
    ...i64(1),
    ...OP.rotl,
    ...OP.xor,
    ...set(HELD),
    ...FIVE.flatMap((y) => [...get(lane(x, y)), ...get(HELD), ...OP.xor, ...set(lane(x, y))]),
  ]),
]

/** Rho and pi in one walk: each lane turned goes where the next one of the walk comes from. */
function rhoAndPi(): number[] {
  const code = [...get(lane(1, 0)), ...set(HELD)]
  let [x, y] = [1, 0]
  for (let t = 0; t < ROUNDS; t++) {
    ;[x, y] = [y, (2 * x + 3 * y) % 5]
    const turn = (((t + 1) * (t + 2)) / 2) % 64
    code.push(...get(lane(x, y)), ...set(OTHER), ...get(HELD), ...i64(turn), ...OP.rotl, ...set(lane(x, y)), ...get(OTHER), ...set(HELD))
  }
  return code
}

const chi: Code = FIVE.flatMap((y) => [
  ...FIVE.flatMap((x) => [...get(lane(x, y)), ...set(PARITY + x)]),
  ...FIVE.flatMap((x) => [
    ...get(PARITY + ((x + 1) % 5)),
    ...i64(-1),
    ...OP.xor,
    ...get(PARITY + ((x + 2) % 5)),
    ...OP.and,
    ...get(PARITY + x),
    ...OP.xor,
    ...set(lane(x, y)),
  ]),
])

const iota: Code = [...get(lane(0, 0)), ...get(CONSTANT), ...load(CONSTANTS_OFFSET), ...OP.xor, ...set(lane(0, 0))]

/** `absorb(blocks)`: the state from zero through all blocks of the input, left in memory. */
function absorbCode(): number[] {
  const block = Array.from({ length: RATE_BYTES / 8 }, (_, i) => [
    ...get(LANES + i),
    ...get(INPUT),
    ...load(INPUT_OFFSET + 8 * i),
    ...OP.xor,
    ...set(LANES + i),
  ])
  const next = (local: number, step: number): Code => [...get(local), ...i32(step), ...OP.i32Add, ...set(local)]
  const round = [...theta, ...rhoAndPi(), ...chi, ...iota, ...next(CONSTANT, 8), ...get(CONSTANT), ...i32(8 * ROUNDS), ...OP.i32Sub]
  const rounds = [...i32(0), ...set(CONSTANT), ...OP.loop, ...round, ...OP.brIf0, ...OP.end]
  const blocks = [
    ...OP.loop,
    ...block.flat(),
    ...rounds,
    ...next(INPUT, RATE_BYTES),
    ...next(BLOCKS, -1),
    ...get(BLOCKS),
    ...OP.brIf0,
    ...OP.end,
  ]
  const out = Array.from({ length: 4 }, (_, i) => [...i32(0), ...get(LANES + i), ...store(STATE_OFFSET + 8 * i)])
  return [...blocks, ...out.flat(), ...OP.end]
}

const section = (id: number, content: Code): number[] => [id, ...unsigned(content.length), ...content]
const named = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)]

const MAGIC: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0] // "\0asm", version 1

/** One memory and one function of an i32, both exported. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const [I32, I64] = [0x7f, 0x7e]
  const code = [2, 2, I32, OTHER - LANES + 1, I64, ...absorbCode()]
  return Uint8Array.from([
    ...MAGIC,
    ...section(1, [1, 0x60, 1, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, MEMORY_PAGES]),
    ...section(7, [2, ...named('memory'), 2, 0, ...named('absorb'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ])
}

/** The 24 constants by the shift register that defines them. */
function roundConstants(): BigUint64Array {
  const constants = new BigUint64Array(ROUNDS)
  let register = 1
  for (let round = 0; round < ROUNDS; round++) {
    for (let j = 0; j < 7; j++) {
      if ((register & 1) === 1) constants[round]! ^= 1n << BigInt(2 ** j - 1)
      register = (register << 1) ^ ((register >> 7) * 0x171)
    }
  }
  return constants
}

interface Kernel {
  readonly memory: Uint8Array
  readonly absorb: (blocks: number) => void
}

function createKernel(): Kernel {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()))
  const { buffer } = exports.memory as WebAssembly.Memory
  new BigUint64Array(buffer, CONSTANTS_OFFSET, ROUNDS).set(roundConstants())
  return { memory: new Uint8Array(buffer), absorb: exports.absorb as Kernel['absorb'] }
}

/** Made when it is first needed; none where Node runs without WebAssembly (`--jitless`). */
let kernel: Kernel | undefined
const hasWebAssembly = typeof WebAssembly === 'object'

/** The 32-byte Keccak-256 of `bytes`. */
export function hashKeccak(bytes: Uint8Array): Uint8Array {
  if (bytes.length > INPUT_BYTES_MAX || !hasWebAssembly) return keccak_256(bytes)
  const { memory, absorb } = (kernel ??= createKernel())
  const blocks = Math.floor(bytes.length / RATE_BYTES) + 1
  const end = INPUT_OFFSET + blocks * RATE_BYTES
  memory.set(bytes, INPUT_OFFSET)
  memory.fill(0, INPUT_OFFSET + bytes.length, end)
  memory[INPUT_OFFSET + bytes.length]! ^= 0x01
  memory[end - 1]! ^= 0x80
  absorb(blocks)
  return memory.slice(STATE_OFFSET, STATE_OFFSET + 32)
}
