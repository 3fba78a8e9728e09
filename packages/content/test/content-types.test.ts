import { expect, test } from 'vitest'
import { createContentServer, createContentTypes } from '../src/index.ts'
import { createMemorySource, sampleBytes } from './memory-source.ts'
import { requestOf } from './requests.ts'

const rootOf = (index: number): Uint8Array => new Uint8Array(32).fill(index & 0xff).fill(index >> 8, 0, 1)

test('a type that was noted is known, and no other', () => {
  const types = createContentTypes()
  expect(types.of(rootOf(1))).toBeUndefined()
  types.note(rootOf(1), 'image/png')
  types.note(rootOf(2), '')
  expect([types.of(rootOf(1)), types.of(rootOf(2)), types.of(rootOf(3))]).toEqual(['image/png', '', undefined])
})

test('no more than twice the bound is remembered, and what is asked for stays', () => {
  const types = createContentTypes(100)
  types.note(rootOf(0), 'text/plain')
  for (let index = 1; index <= 1_000; index++) {
    types.note(rootOf(index), 'image/gif')
    expect(types.of(rootOf(0))).toBe('text/plain')
  }
  const known = Array.from({ length: 1_000 }, (_, i) => types.of(rootOf(i + 1))).filter((type) => type !== undefined)
  expect(known.length).toBeLessThanOrEqual(200)
})

test('the first bytes of a root are looked at once', async () => {
  const source = createMemorySource()
  const data = sampleBytes(100_000)
  const root = await source.addRoot(data)
  let looks = 0
  const server = createContentServer({
    source: {
      ...source,
      async openRoot(asked) {
        const blob = (await source.openRoot(asked))!
        const from = blob.data as Exclude<typeof blob.data, Uint8Array>
        const readAt = (offset: number, length: number): ReturnType<typeof from.readAt> => {
          if (length <= 64) looks++
          return from.readAt(offset, length)
        }
        return { ...blob, data: { size: from.size, readAt } }
      },
    },
  })
  const answers = []
  for (let i = 0; i < 3; i++) answers.push((await server.serve(requestOf(root))).fields.contentType)
  expect(new Set(answers).size).toBe(1)
  expect(looks).toBe(1)
})
