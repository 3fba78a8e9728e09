import { expect, test } from 'vitest'
import { RecentBytes } from '../src/recent-bytes.ts'
import { bytesOf } from '../src/conformance-parts.ts'

test('what was written last is read back in any cut, across writes, as a copy', () => {
  const recent = new RecentBytes(100)
  const bytes = bytesOf(60)
  recent.keep(1, 500, [bytes.subarray(0, 20), bytes.subarray(20, 33)])
  recent.keep(1, 533, [bytes.subarray(33)])
  for (let start = 0; start <= 60; start++) {
    for (let end = start; end <= 60; end++) expect(recent.read(1, 500 + start, end - start)).toEqual(bytes.slice(start, end))
  }
  recent.read(1, 500, 60)!.fill(0)
  expect(recent.read(1, 500, 60)).toEqual(bytes)
})

test('what is not all there is not given: before, behind, another pack, and what newer bytes replaced', () => {
  const recent = new RecentBytes(100)
  expect(recent.read(1, 0, 0)).toBeUndefined()
  recent.keep(1, 500, [bytesOf(60)])
  for (const [pack, offset, length] of [
    [1, 499, 2],
    [1, 559, 2],
    [2, 500, 1],
  ] as const)
    expect(recent.read(pack, offset, length)).toBeUndefined()
  recent.keep(1, 560, [bytesOf(60, 2)]) // does not fit behind the first
  expect(recent.read(1, 500, 60)).toBeUndefined()
  expect(recent.read(1, 560, 60)).toEqual(bytesOf(60, 2))
  recent.keep(1, 700, [bytesOf(10, 3)]) // a gap
  expect(recent.read(1, 560, 60)).toBeUndefined()
  recent.keep(2, 0, [bytesOf(101)]) // more than there is room for
  expect(recent.read(2, 0, 1)).toBeUndefined()
  expect(recent.read(1, 700, 10)).toBeUndefined()
})
