// Goal: no byte string makes a decoder throw anything but LedgerError, or accept what its encoder does not write.
// Method: seeded edits of valid bytes, several at once, and noise; the seed is in the name. RUNS=1000 soaks.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callGas, callOf, decodeTransaction, isSameBytes, LedgerError, nodeBodyOf, nodeGas, parseGenesis, senderOf } from '../src/index.ts'
import { type Codec, codecs } from './values.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 20)
const INPUTS = 40

/** xorshift32: the same seed gives the same inputs on every machine. */
function randomOf(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out = Array.from(bytes)
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(out.length + 1)
    const size = random(9)
    switch (random(5)) {
      case 0:
        if (at < out.length) out[at] = random(256)
        break
      case 1:
        out.splice(at, size)
        break
      case 2:
        out.splice(at, 0, ...Array.from({ length: size }, () => random(256)))
        break
      case 3:
        out.splice(at, 0, ...out.slice(at, at + 32))
        break
      default:
        out = out.map((byte, i) => (i >= at && i < at + size ? [0, 1, 0x7f, 0x80, 0xff][random(5)]! : byte))
    }
  }
  return Uint8Array.from(out)
}

function checkOne({ name, encode, decode }: Codec<unknown>, input: Uint8Array): number {
  let value: unknown
  try {
    value = decode(input)
  } catch (error) {
    if (!(error instanceof LedgerError)) throw new Error(`${name} threw ${String(error)}`, { cause: error })
    return 0
  }
  if (!isSameBytes(encode(value), input)) throw new Error(`${name} accepted what it does not write`)
  return 1
}

/** What a node does with a transaction before it looks at any state. */
function checkTotal(input: Uint8Array): void {
  const decoded = decodeTransaction(input)
  if (!decoded.ok) return
  const { transaction } = decoded
  if (transaction.form === 'node') {
    nodeBodyOf(transaction)
    expect(nodeGas(transaction, input.length) % 1_000).toBe(0)
  } else {
    senderOf(transaction)
    expect(callGas(callOf(transaction), transaction.data.length) % 1_000).toBe(0)
  }
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('decoders stand edits and noise, seed %i', (seed) => {
  const random = randomOf(seed)
  let accepted = 0
  for (const codec of codecs) {
    const samples = fc.sample(codec.values, { numRuns: 4, seed }).map((value) => codec.encode(value))
    for (let i = 0; i < INPUTS; i++) {
      const input = i % 8 === 0 ? Uint8Array.from({ length: random(200) }, () => random(256)) : mutated(samples[i % 4]!, random)
      accepted += checkOne(codec, input)
      checkTotal(input)
    }
  }
  expect(accepted).toBeGreaterThan(0) // or the edits would only ever hit the front door
})

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('a genesis file of noise is refused with its own error, seed %i', (seed) => {
  const random = randomOf(seed)
  const text = '{"format":"1","chainId":"7","params":{"a":["b",["c"]]},"x":"\\u0041\\n"}'
  for (let i = 0; i < INPUTS; i++) {
    const input = mutated(new TextEncoder().encode(text), random)
    expect(() => parseGenesis(input)).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_GENESIS' }))
  }
})
