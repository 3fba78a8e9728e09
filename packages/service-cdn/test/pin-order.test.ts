import { type Address, ALL_CHUNKS, type ChunkSpan, createTestExecutor, type PinState, type ServiceAnswer } from '@selvedge/sdk'
import { describe, expect, test } from 'vitest'
import { createCdn, PIN_SHARE, pinChunksOf } from '../src/index.ts'

const KIB = 1_024
/** 4,096 chunks, 256 groups: an epoch costs 8 groups, 128 chunks. */
const SIZE = 4 * KIB * KIB
const ADDRESS: Address = { kind: 'root', bytes: new Uint8Array(32).fill(1) }
const PAYING = { session: { account: new Uint8Array(20).fill(4) } }
const OPEN = Number.POSITIVE_INFINITY

interface Asked {
  readonly method?: 'GET' | 'HEAD'
  readonly ranges?: readonly ChunkSpan[]
}

function order(pin: PinState, asked: Asked = {}, options = PAYING, size: number | 'unknown' = SIZE): Promise<ServiceAnswer> {
  const content = { address: ADDRESS, size: size === 'unknown' ? undefined : size, pin, root: new Uint8Array(32).fill(1) }
  return createTestExecutor(createCdn(), { contents: [content] }).request({ address: ADDRESS, pin: true, ...asked }, options)
}

describe('what an epoch of keeping costs', () => {
  test('is a thirty-second part of the content in whole groups, and of little content all of it', () => {
    const costs = [0, 1, KIB, 16 * KIB, 16 * KIB + 1, 512 * KIB, 512 * KIB + 1, SIZE, 2 ** 30].map(pinChunksOf)
    expect(costs).toEqual([1, 1, 1, 16, 16, 16, 32, 128, 32_768])
  })

  test('comes to all of it, and to less than a group for each epoch more, in as many epochs as the share says', () => {
    for (let size = 1; size < 40_000_000; size = Math.ceil(size * 1.7)) {
      const chunks = Math.ceil(size / KIB)
      const paid = pinChunksOf(size) * PIN_SHARE
      expect(paid).toBeGreaterThanOrEqual(chunks)
      if (chunks >= 16) expect(paid).toBeLessThan(chunks + PIN_SHARE * 16)
    }
  })
})

describe('an order', () => {
  test('of enough is answered with a handle that has the content kept', async () => {
    for (const ranges of [
      ALL_CHUNKS,
      [{ start: 0, end: 128 }],
      [{ start: 3_968, end: OPEN }],
      [
        { start: 5, end: 69 },
        { start: 2_000, end: 2_064 },
      ],
    ]) {
      const handle = { address: ADDRESS, ranges, scope: 'entity', priceClass: 'pin' }
      expect(await order('free', { ranges })).toEqual({ handle })
      expect(await order('held', { ranges })).toEqual({ handle })
    }
  })

  test('of less than an epoch costs is none: what lies behind the end does not count', async () => {
    for (const ranges of [
      [],
      [{ start: 0, end: 127 }],
      [{ start: 3_969, end: OPEN }],
      [{ start: 3_969, end: 100_000 }],
      [{ start: 4_096, end: 8_192 }],
      [{ start: OPEN, end: OPEN }],
      [
        { start: 5, end: 69 },
        { start: 2_000, end: 2_063 },
      ],
    ])
      expect(await order('free', { ranges })).toEqual({ status: 416 })
  })

  test('of content of no bytes pays for what there is of it', async () => {
    expect(await order('free', {}, PAYING, 0)).toMatchObject({ handle: { priceClass: 'pin' } })
  })

  test('has its reasons to be refused', async () => {
    expect(await order('free', {}, { session: {} } as typeof PAYING)).toEqual({ status: 402 }) // a guest
    expect(await order('full')).toEqual({ status: 507 })
    expect(await order('unfit')).toEqual({ status: 409 })
    expect(await order('free', {}, PAYING, 'unknown')).toEqual({ status: 409 })
    const far = createTestExecutor(createCdn(), { contents: [{ address: ADDRESS, size: SIZE, isHeld: false }] })
    expect(await far.request({ address: ADDRESS, pin: true }, PAYING)).toEqual({ status: 409 })
    expect(far.fetches).toEqual([])
  })

  test('is asked after with HEAD: paid, or not', async () => {
    expect(await order('held', { method: 'HEAD', ranges: [] })).toMatchObject({ handle: { priceClass: 'pin' } })
    for (const pin of ['free', 'full'] as const) expect(await order(pin, { method: 'HEAD' })).toEqual({ status: 402 })
    expect(await order('unfit', { method: 'HEAD' })).toEqual({ status: 409 })
  })
})
