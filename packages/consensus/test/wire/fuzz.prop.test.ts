import { expect, test } from 'vitest'
import { createFuzzer, DECODER_CODES } from './fuzzer.ts'

const seed = Number(process.env.SEED ?? 1)
const INPUTS = Number(process.env.RUNS ?? 60) * 600

// Goal: no bytes make a decoder throw anything but its own error, or give a value that has another encoding.
test(`${INPUTS} inputs are refused with a code or are the one encoding of something, seed ${seed}`, () => {
  const report = createFuzzer(seed, 12)(INPUTS)
  expect(report.strangers).toEqual([])
  expect(report.notCanonical).toBe(0)
  expect(report.edited).toBeGreaterThanOrEqual(INPUTS / 2)
  expect(report.accepted).toBeGreaterThanOrEqual(INPUTS / 100)
  expect(Object.keys(report.refused).toSorted()).toEqual(DECODER_CODES.toSorted())
})
