import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LIES } from '../src/demo/lies.ts'
import { startMisledNode } from '../src/demo/refusals.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

test('an origin that lies in seven ways is refused with seven codes, and nothing wrong comes out or stays', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const source = join(folder, 'source')
  await writeFile(source, sampleBytes(9_000_000))
  const refusals = await (await startMisledNode(source, folder)).refuse()
  expect(refusals.map(({ lie, code }) => ({ lie, code }))).toEqual([
    { lie: 'a bit in a leaf', code: 'CAR_BAD_HASH' },
    { lie: 'a bit in an interior node', code: 'CAR_BAD_NODE' },
    { lie: 'two leaves exchanged', code: 'CAR_UNEXPECTED_BLOCK' },
    { lie: "another file's CAR", code: 'CAR_WRONG_ROOT' },
    { lie: 'cut after a whole block', code: 'CAR_TRUNCATED' },
    { lie: 'wrong blocksizes', code: 'CAR_BAD_SIZE' },
    { lie: 'HTML with status 200', code: 'CAR_NOT_A_CAR' },
  ])
  expect(LIES.map(({ code }) => code)).toEqual(refusals.map(({ code }) => code))
  for (const { wrongBytes, isKept, trueBytes } of refusals) {
    expect({ wrongBytes, isKept }).toEqual({ wrongBytes: 0, isKept: false })
    expect(trueBytes).toBeLessThan(800_000)
  }
})
