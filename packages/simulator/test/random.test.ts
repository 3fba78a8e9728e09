import { createRandom } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const draw = (count: number, next: () => number): number[] => Array.from({ length: count }, next)

test('xoshiro128** gives these values for ever', () => {
  const random = createRandom(42)
  expect(draw(4, () => random.u32())).toMatchInlineSnapshot(`
    [
      3031321959,
      3349239728,
      2379620780,
      562671210,
    ]
  `)
  expect(draw(2, () => random.next())).toMatchInlineSnapshot(`
    [
      0.680765636061352,
      0.7489407937435109,
    ]
  `)
})

test('a new consumer shifts no other: streams depend on seed and path alone', () => {
  const plain = createRandom(7).stream('node', 3)
  const root = createRandom(7)
  draw(100, () => root.u32())
  root.stream('node', 2).u32()
  const late = root.stream('node', 3)
  expect(draw(20, () => late.u32())).toEqual(draw(20, () => plain.u32()))
})

test('different seeds and paths give different streams, also where their parts read alike', () => {
  const streams = [
    createRandom(1),
    createRandom(2),
    createRandom(2 ** 32 + 1),
    createRandom(-1),
    createRandom(1, 'a'),
    createRandom(1, 'a', 'b'),
    createRandom(1, 'ab'),
    createRandom(1, 'b', 'a'),
    createRandom(1, 1),
    createRandom(1, '1'),
    createRandom(1, ''),
  ]
  const starts = streams.map((random) => draw(4, () => random.u32()).join())
  expect(new Set(starts).size).toBe(streams.length)
})

test.each([1, 2, 3, 7, 1000, 2 ** 31 + 1, 2 ** 32])('below(%i) stays below, and reaches both ends of a small range', (limit) => {
  const random = createRandom(5, limit)
  const values = draw(2000, () => random.below(limit))
  expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < limit)).toBe(true)
  if (limit <= 7) expect(new Set(values).size).toBe(limit)
})

test('values are even: chi-squared of 64 bins stays under its 99.99 % bound, low and high bits alike', () => {
  const random = createRandom(11)
  for (const binOf of [(x: number) => x >>> 26, (x: number) => x & 63]) {
    const bins = new Float64Array(64)
    for (let i = 0; i < 64_000; i++) bins[binOf(random.u32())]! += 1
    expect(bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(115)
  }
})

test('neighbouring seeds are independent: the bits of their first values differ by half', () => {
  let different = 0
  for (let seed = 0; seed < 1000; seed++) {
    let bits = createRandom(seed).u32() ^ createRandom(seed + 1).u32()
    for (; bits !== 0; bits &= bits - 1) different += 1
  }
  expect(different / 32_000).toBeCloseTo(0.5, 1)
})

test('chance keeps its share, and 0 and 1 are never and always', () => {
  const random = createRandom(3)
  const share = draw(10_000, () => Number(random.chance(0.3))).reduce((a, b) => a + b) / 10_000
  expect(share).toBeGreaterThan(0.28)
  expect(share).toBeLessThan(0.32)
  expect(draw(100, () => Number(random.chance(0))).includes(1)).toBe(false)
  expect(draw(100, () => Number(random.chance(1))).includes(0)).toBe(false)
})

test('shuffle keeps every item, and pick refuses an empty list', () => {
  const random = createRandom(9)
  const items = draw(50, () => random.u32())
  const ascending = (a: number, b: number): number => a - b
  expect(random.shuffle([...items]).toSorted(ascending)).toEqual(items.toSorted(ascending))
  expect(random.shuffle([...items])).not.toEqual(items)
  expect(() => random.pick([])).toThrow('the list is empty')
})

test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('below(%d) is refused', (limit) => {
  expect(() => createRandom(1).below(limit)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})
