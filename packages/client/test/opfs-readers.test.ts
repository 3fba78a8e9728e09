// Goal: of readers that want the same content for the first time one fetches it, and none waits for ever: not for who stalls, pauses, gives up or dies.
// Method: two tabs with Web Locks, or two fetches of a page without them, over one directory in memory and a real node whose lanes can be held up.
import { describe, expect, test, vi } from 'vitest'
import type { OpfsClient, OpfsClientOptions } from '../src/opfs.ts'
import { type LockPort, OpfsLocks } from '../src/opfs-locks.ts'
import { sampleBytes, stoppingAfter } from './node.ts'
import { asLocks, DATA, isSame, load, MemoryLocks, type OnLane, world, type World } from './opfs-world.ts'
import { randomOf } from './spread-model.ts'

/** No test gets so old: what is waited for in vain is seen. */
const PATIENT: OpfsClientOptions = { patienceMs: 2 ** 31 - 1 }
const LONG = sampleBytes(3_000_000)
const ARRIVES = { timeout: 20_000 }

/** The first lane is held up by `misdeed`; the others are honest. */
function firstLane(misdeed: (honest: OnLane) => OnLane): (honest: OnLane) => OnLane {
  return (honest) => {
    let lanes = 0
    const bad = misdeed(honest)
    return async (request) => await (lanes++ === 0 ? bad(request) : honest(request))
  }
}

const stalling = firstLane((honest) => stoppingAfter(100_000, honest))

const isAsked = async ({ node }: World): Promise<void> => await vi.waitFor(() => expect(node.requests.length).toBeGreaterThan(0), ARRIVES)

const READERS: readonly (readonly [string, (made: World, options: OpfsClientOptions) => readonly [OpfsClient, OpfsClient]])[] = [
  [
    'tabs',
    ({ tab }, options) => {
      const locks = asLocks(new MemoryLocks())
      return [tab(options, locks), tab(options, locks)]
    },
  ],
  [
    'fetches of a page without Web Locks',
    ({ tab }, options) => {
      vi.stubGlobal('navigator', {})
      const client = tab(options)
      vi.unstubAllGlobals()
      return [client, client]
    },
  ],
]

describe.each(READERS)('of two %s', (_, readersOf) => {
  describe.each(['root', 'CID'] as const)('by %s', (how) => {
    test('one fetches what both want, and the other reads what that one stores, as he stores it', async () => {
      const made = await world(how, LONG)
      const { address, errors } = made
      const loaded = await Promise.all(readersOf(made, PATIENT).map(async (reader) => await load(reader, address)))
      expect(loaded.map(({ bytes }) => isSame(bytes, LONG))).toEqual([true, true])
      const received = loaded.map(({ receivedBytes }) => receivedBytes)
      expect(received[0]! + received[1]!).toBeGreaterThan(LONG.length)
      expect(received[0]! + received[1]!).toBeLessThan(1.05 * LONG.length)
      expect(errors).toEqual([])
    })

    test('one stalls: the other has what came, and goes on by itself', async () => {
      const made = await world(how, DATA, stalling)
      const [first, second] = readersOf(made, { patienceMs: 300 })
      const giving = new AbortController()
      const stalled = load(first, made.address, undefined, giving.signal)
      stalled.catch(() => undefined) // it is awaited below
      await isAsked(made)
      expect(isSame((await load(second, made.address)).bytes)).toBe(true)
      giving.abort(new Error('enough'))
      await expect(stalled).rejects.toThrow('enough')
      expect(isSame((await load(first, made.address)).bytes)).toBe(true) // nothing is left held
    })

    test('the one that fetches gives up: the other takes it over', async () => {
      const made = await world(how, DATA, stalling)
      const [first, second] = readersOf(made, PATIENT)
      const giving = new AbortController()
      const given = load(first, made.address, undefined, giving.signal)
      given.catch(() => undefined) // it is awaited below
      await isAsked(made)
      const waiting = load(second, made.address)
      giving.abort(new Error('enough'))
      await expect(given).rejects.toThrow('enough')
      expect(isSame((await waiting).bytes)).toBe(true)
    })

    test('the one that waits gives up, with its own reason, and the other never hears of it', async () => {
      let goOn = (): void => {}
      const gate = new Promise<void>((resolve) => (goOn = resolve))
      const made = await world(
        how,
        DATA,
        firstLane((honest) => async (request) => {
          await gate
          await honest(request)
        }),
      )
      const [first, second] = readersOf(made, PATIENT)
      const fetching = load(first, made.address)
      await isAsked(made)
      const giving = new AbortController()
      const given = load(second, made.address, undefined, giving.signal)
      given.catch(() => undefined) // it is awaited below
      await new Promise((resolve) => setTimeout(resolve, 100)) // two looks
      giving.abort(new Error('enough'))
      await expect(given).rejects.toThrow('enough')
      goOn()
      const { bytes, receivedBytes } = await fetching
      expect([isSame(bytes), receivedBytes < 1.05 * DATA.length]).toEqual([true, true])
    })

    test('one that reads no further keeps nobody from another range', async () => {
      const made = await world(how, LONG)
      const [first, second] = readersOf(made, PATIENT)
      const paused = (await first.get(made.address))[Symbol.asyncIterator]()
      expect((await paused.next()).done).toBe(false)
      const far = await load(second, made.address, { start: 2_500_000 })
      expect(isSame(far.bytes, LONG.subarray(2_500_000))).toBe(true)
      await paused.return?.()
    })

    test('one that reads no further keeps nobody from its own range for longer than it is waited for, and reads on when it likes', async () => {
      const made = await world(how, LONG)
      const [first, second] = readersOf(made, { patienceMs: 100 })
      const paused = (await first.get(made.address))[Symbol.asyncIterator]()
      expect((await paused.next()).done).toBe(false)
      expect(isSame((await load(second, made.address)).bytes, LONG)).toBe(true)
      let read = 0
      for (let step = await paused.next(); step.done !== true; step = await paused.next())
        read = step.value.offset + step.value.bytes.length
      expect(read).toBe(LONG.length)
    })

    test('many at once, each with its own range, come to an end and have what they asked for', async () => {
      const made = await world(how, LONG)
      const readers = readersOf(made, { patienceMs: 1_000 })
      const random = randomOf(7)
      const wanted = Array.from({ length: 12 }, (_each, i) => {
        const start = Math.floor(random() * LONG.length)
        return { reader: readers[i % 2]!, range: { start, end: start + Math.floor(random() * 1_500_000) } }
      })
      const loaded = await Promise.all(wanted.map(async ({ reader, range }) => await load(reader, made.address, range)))
      for (const [i, { range }] of wanted.entries()) expect(isSame(loaded[i]!.bytes, LONG.subarray(range.start, range.end))).toBe(true)
    })
  })
})

test.each(['root', 'CID'] as const)('a reader that is left with a break, closed, or done holds nothing any more, by %s', async (how) => {
  const { tab, address } = await world(how, LONG)
  const locks = new MemoryLocks()
  const client = tab(PATIENT, asLocks(locks))
  for await (const _ of await client.get(address)) break
  const closed = await client.get(address, { range: { start: 2_000_000 } })
  closed.close()
  await load(client, address)
  await vi.waitFor(() => expect(locks.held).toEqual([]), ARRIVES) // the piece ahead was given up
})

test.each(['root', 'CID'] as const)('one whose reader pauses gives the lock back when that has lasted, by %s', async (how) => {
  const { tab, address } = await world(how, LONG)
  const locks = new MemoryLocks()
  const paused = (await tab({ patienceMs: 100 }, asLocks(locks)).get(address))[Symbol.asyncIterator]()
  await paused.next()
  await vi.waitFor(() => expect(locks.held).toEqual([]), ARRIVES)
  await paused.return?.()
})

test.each(['root', 'CID'] as const)(
  'one that is opened and never read gives the lock back as well, and can be read later, by %s',
  async (how) => {
    const { tab, address } = await world(how, LONG)
    const locks = new MemoryLocks()
    const opened = await tab({ patienceMs: 100 }, asLocks(locks)).get(address)
    await vi.waitFor(() => expect(locks.held).toEqual([]), ARRIVES)
    let read = 0
    for await (const { offset, bytes } of opened) read = offset + bytes.length
    expect(read).toBe(LONG.length)
  },
)

test.each(['root', 'CID'] as const)('where locks are refused nothing fails, by %s', async (how) => {
  const { tab, address } = await world(how)
  const refusing = { request: async () => await Promise.reject(new DOMException('not in this window', 'SecurityError')) }
  for (let i = 0; i < 2; i++) expect(isSame((await load(tab(PATIENT, refusing as unknown as LockPort), address)).bytes)).toBe(true)
})

describe.each<[string, () => LockPort | undefined]>([
  ['locks of its own', () => undefined],
  ['Web Locks in memory', () => asLocks(new MemoryLocks())],
  ['the Web Locks of the platform, where it has them', () => (globalThis as { navigator?: Partial<Navigator> }).navigator?.locks],
])('with %s', (_, locksOf) => {
  const never = new AbortController().signal

  test('one holds a name at a time, those that wait get it in order, and another name is free', async () => {
    const locks = new OpfsLocks(locksOf())
    const release = (await locks.take('a', 1_000, never))!
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (each) => {
      const giveBack = (await locks.take('a', 20_000, never))!
      order.push(each)
      giveBack()
    })
    expect(await locks.take('b', 1_000, never)).toBeDefined()
    expect(order).toEqual([])
    release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  test('who has waited long enough goes without, and who aborts has his reason; neither gets it afterwards', async () => {
    const locks = new OpfsLocks(locksOf())
    const release = (await locks.take('a', 1_000, never))!
    expect(await locks.take('a', 10, never)).toBeUndefined()
    const giving = new AbortController()
    const given = locks.take('a', 20_000, giving.signal)
    giving.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    await expect(locks.take('a', 20_000, giving.signal)).rejects.toThrow('enough')
    release()
    const next = await locks.take('a', 20_000, never)
    expect(next).toBeDefined()
    next!()
  })
})

test('a patience that is none is a mistake of the caller', async () => {
  const { tab } = await world('root')
  for (const patienceMs of [-1, Number.NaN, 2 ** 31])
    expect(() => tab({ patienceMs })).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})
