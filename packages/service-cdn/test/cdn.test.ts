import { type Address, ALL_CHUNKS, createTestExecutor, type TestContent, type TestExecutor } from '@selvedge/sdk'
import { describe, expect, test } from 'vitest'
import { createCdn, type CdnOptions } from '../src/index.ts'

const rootOf = (fill: number): Address => ({ kind: 'root', bytes: new Uint8Array(32).fill(fill) })
const cidOf = (fill: number): Address => ({ kind: 'cid', bytes: Uint8Array.of(1, 0x70, 0x12, 32, ...new Uint8Array(32).fill(fill)) })
const HELD = rootOf(1)
const FAR = cidOf(2)

function executorOf(options: CdnOptions = {}, contents: readonly TestContent[] = []): TestExecutor {
  const known = [{ address: HELD, size: 9 }, { address: FAR, isHeld: false }, ...contents]
  return createTestExecutor(createCdn({ nowMs: () => 0, ...options }), { contents: known })
}

describe('what is served', () => {
  test('content by root and by CID, with the ranges that were asked for', async () => {
    const executor = executorOf()
    const ranges = [{ start: 3, end: 5 }]
    expect(await executor.request({ address: HELD, ranges })).toEqual({
      handle: { address: HELD, ranges, scope: 'entity', priceClass: 'table' },
    })
    expect(await executor.request({ address: FAR, scope: 'all' })).toEqual({
      handle: { address: FAR, ranges: ALL_CHUNKS, scope: 'all', priceClass: 'table' },
    })
    expect(executor.openCount).toBe(0)
  })

  test('what is not to be had is 404', async () => {
    expect(await executorOf().request({ address: rootOf(9) })).toEqual({ status: 404 })
  })

  test('HEAD is answered as GET is', async () => {
    expect(await executorOf().request({ address: HELD, method: 'HEAD' })).toMatchObject({ handle: { address: HELD } })
  })
})

describe('a client that holds the content', () => {
  test('is told that it is still served, without a fetch where the node holds it', async () => {
    const executor = executorOf()
    expect(await executor.request({ address: HELD, ifNoneMatch: true })).toEqual({ status: 304 })
    expect(executor.fetches).toEqual([])
  })

  test('is told so where the node would have to fetch it, and leaves nothing open', async () => {
    const executor = executorOf()
    expect(await executor.request({ address: FAR, ifNoneMatch: true })).toEqual({ status: 304 })
    expect(await executor.request({ address: FAR, ifNoneMatch: true, scope: 'all' })).toEqual({ status: 304 })
    expect(executor.openCount).toBe(0)
  })

  test('is told where it is served no longer', async () => {
    expect(await executorOf().request({ address: rootOf(9), ifNoneMatch: true })).toEqual({ status: 404 })
  })
})

describe('what is worth keeping', () => {
  test('the first request of a window is not, the second is, the third needs no fetch', async () => {
    const executor = executorOf()
    for (let i = 0; i < 3; i++) await executor.request({ address: FAR })
    expect(executor.fetches).toEqual([
      { address: FAR, keep: false },
      { address: FAR, keep: true },
    ])
  })

  test('a second request after the window counts as a first', async () => {
    let nowMs = 0
    const executor = executorOf({ windowMs: 1_000, nowMs: () => nowMs })
    for (nowMs of [0, 1_000, 1_999]) await executor.request({ address: FAR })
    expect(executor.fetches.map(({ keep }) => keep)).toEqual([false, false, true])
  })

  test('a look at it (HEAD, or a client that holds it) does not count', async () => {
    const executor = executorOf()
    await executor.request({ address: FAR, method: 'HEAD' })
    await executor.request({ address: FAR, ifNoneMatch: true })
    await executor.request({ address: FAR })
    expect(executor.fetches.map(({ keep }) => keep)).toEqual([false, false, false])
  })

  test('where more is asked for than is remembered, the oldest is forgotten', async () => {
    const executor = executorOf(
      { rememberedMax: 2 },
      [4, 5].map((fill) => ({ address: cidOf(fill), isHeld: false })),
    )
    for (const address of [FAR, cidOf(4), cidOf(5), FAR, cidOf(5)]) await executor.request({ address })
    expect(executor.fetches.map(({ keep }) => keep)).toEqual([false, false, false, false, true])
  })

  test('what is asked for more often is worth more; a look, and an order to keep it, do not count', async () => {
    const executor = executorOf()
    const session = { account: new Uint8Array(20).fill(1) }
    for (let i = 0; i < 2; i++) await executor.request({ address: FAR })
    await executor.request({ address: HELD })
    await executor.request({ address: HELD, method: 'HEAD' })
    await executor.request({ address: HELD, pin: true }, { session })
    const worths = await executor.worthOf([HELD, rootOf(9), FAR])
    expect(worths.map(Math.floor)).toEqual([1, 0, 2])
  })

  test('a bound that is none is refused', () => {
    expect(() => createCdn({ windowMs: 0 })).toThrow(RangeError)
    expect(() => createCdn({ rememberedMax: 0.5 })).toThrow(RangeError)
  })
})
