import { expect, test } from 'vitest'
import { createFetcher } from '../src/index.ts'
import { normalRangesOf } from '../src/ranges.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()
const content = bytesOf(400_000)

test('ranges are put in order and joined; the whole is no range', () => {
  expect(normalRangesOf([{ start: 10, end: 20 }, { start: 0, end: 10 }, { start: 30, end: 40 }, { start: 35 }])).toEqual([
    { start: 0, end: 20 },
    { start: 30 },
  ])
  expect(normalRangesOf([{ start: 5, end: 5 }])).toBeUndefined()
  expect(normalRangesOf([{ start: 4 }, { start: 0, end: 4 }])).toBeUndefined()
  expect(() => normalRangesOf([{ start: 4, end: 3 }])).toThrow(RangeError)
  expect(() => normalRangesOf([{ start: -1 }])).toThrow(RangeError)
})

test('a cold range fetches its own blocks only, once, and again from the store', async () => {
  const cid = await rig.dag.file(content)
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const range = { start: 200_000, end: 210_000 }
  for (let round = 0; round < 3; round++) {
    const opened = await fetcher.openCid(cid, { ranges: [range] })
    expect(opened).toMatchObject({ complete: false, kind: 'file', size: content.length })
    expect(await readAll(opened, cid, range)).toEqual(Buffer.from(content.subarray(range.start, range.end)))
    await opened.close()
  }
  expect(asked).toEqual([{ cid: cid.toString(), range: '200000-210000' }])
  expect(await rig.store.entity(cid)).toBeUndefined()
  // Part of it is here, part is not: the origin is asked when the first block is missing.
  const wider = { start: 205_000, end: 215_000 }
  const opened = await fetcher.openCid(cid, { ranges: [wider] })
  expect(asked.length).toBe(1)
  expect(await readAll(opened, cid, wider)).toEqual(Buffer.from(content.subarray(wider.start, wider.end)))
  expect(asked.length).toBe(2)
  await fetcher.stop()
})

test('several ranges are fetched as their union; equal ones asked at once, once', async () => {
  const cid = await rig.dag.file(content)
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const ranges = [
    { start: 300_000, end: 310_000 },
    { start: 10, end: 20 },
    { start: 15, end: 30 },
  ]
  const opened = await Promise.all([fetcher.openCid(cid, { ranges }), fetcher.openCid(cid, { ranges: ranges.toReversed() })])
  for (const each of opened)
    for (const range of ranges) expect(await readAll(each, cid, range)).toEqual(Buffer.from(content.subarray(range.start, range.end)))
  expect(asked.map(({ range }) => range)).toEqual(['10-30', '300000-310000'])
  await fetcher.stop()
})

test('while the whole file is fetched, a near range waits for it and a far one is fetched on its own', async () => {
  const cid = await rig.dag.file(content)
  const gate = new Gate()
  const { origin, asked } = createTestOrigin(rig.dag, (index, _, signal) =>
    index === 20 && asked.length === 1 ? gate.pass(signal) : undefined,
  )
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, { nearBytes: 100_000 })
  const whole = await fetcher.openCid(cid)
  await gate.wasReached
  const near = { start: 100_000, end: 120_000 }
  const far = { start: 300_000, end: 320_000 }
  const nearRead = fetcher.openCid(cid, { ranges: [near] }).then((opened) => readAll(opened, cid, near))
  const farOpened = await fetcher.openCid(cid, { ranges: [far] })
  expect(await readAll(farOpened, cid, far)).toEqual(Buffer.from(content.subarray(far.start, far.end)))
  expect(asked.map(({ range }) => range)).toEqual(['*', '300000-320000'])
  gate.open()
  expect(await nearRead).toEqual(Buffer.from(content.subarray(near.start, near.end)))
  expect(await readAll(whole, cid)).toEqual(Buffer.from(content))
  expect(asked.length).toBe(2)
  await fetcher.stop()
})
