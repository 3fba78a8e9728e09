import { expect, test } from 'vitest'
import { type Address, createService, createServiceHost, createTestExecutor, type WorthHandler } from '../src/index.ts'

const ADDRESSES: readonly Address[] = [1, 2, 3].map((fill) => ({ kind: 'root', bytes: new Uint8Array(32).fill(fill) }))

function worthBy(handler: WorthHandler | undefined, addresses = ADDRESSES): Promise<readonly number[]> {
  const service = createService({ name: 'a service' })
  if (handler !== undefined) service.onWorth(handler)
  return createTestExecutor(service).worthOf(addresses)
}

test('what contents are worth is what the service says, in the order that was asked', async () => {
  expect(await worthBy((addresses) => addresses.map(({ bytes }) => bytes[0]! / 2))).toEqual([0.5, 1, 1.5])
  expect(await worthBy(async (addresses) => addresses.map(() => 7))).toEqual([7, 7, 7])
  expect(await worthBy(undefined)).toEqual([0, 0, 0])
  expect(await worthBy(undefined, [])).toEqual([])
})

test.each<readonly [string, WorthHandler]>([
  [
    'throws',
    () => {
      throw new Error('a secret')
    },
  ],
  ['rejects', () => Promise.reject(new Error('later'))],
  ['says too little', () => [1, 2]],
  ['says too much', () => [1, 2, 3, 4]],
  ['says less than nothing', () => [1, -1, 1]],
  ['says no number', () => [1, Number.NaN, 1]],
  ['says that one is worth everything', () => [1, Number.POSITIVE_INFINITY, 1]],
  ['says words', () => ['1', '2', '3'] as never],
  ['says nothing', () => undefined as never],
])('to a service that %s all is worth nothing, and the node goes on', async (_, handler) => {
  expect(await worthBy(handler)).toEqual([0, 0, 0])
})

test('a service may write over the names that it is given', async () => {
  await worthBy((addresses) => {
    for (const { bytes } of addresses) bytes.fill(0xff)
    return [0, 0, 0]
  })
  expect(ADDRESSES.map(({ bytes }) => bytes[31])).toEqual([1, 2, 3])
})

test('too many at once, and names that are none, are refused; whoever stops is not kept waiting', async () => {
  const service = createService({ name: 'a service' })
  service.onWorth(() => new Promise(() => {}))
  const host = createServiceHost<number>(service, {
    stat: async () => ({ state: 'none', size: undefined, pin: 'unfit' }),
    open: async () => undefined,
    close: async () => {},
    log: () => {},
    nowMs: () => 0,
  })
  const { signal } = new AbortController()
  const many = Array.from({ length: 1_025 }, () => ADDRESSES[0]!)
  await expect(host.worthOf(many, { signal })).rejects.toMatchObject({ code: 'SDK_MALFORMED' })
  await expect(host.worthOf([{ kind: 'root', bytes: new Uint8Array(31) }], { signal })).rejects.toMatchObject({ code: 'SDK_MALFORMED' })
  const controller = new AbortController()
  const asking = host.worthOf(ADDRESSES, { signal: controller.signal })
  controller.abort(new Error('stopped'))
  await expect(asking).rejects.toThrow('stopped')
})
