/** When what a reader was given goes back to the lane: his own at once, views with his next step, and the last one with all the rest. */
import { expect, test } from 'vitest'
import type { LaneBytes } from '../src/lane-bytes.ts'
import { NO_PAYMENT } from '../src/lane-payment.ts'
import { PaidReader } from '../src/paid-reader.ts'

const ALL = Number.MAX_SAFE_INTEGER

/** Three items, of ten bytes each; the end comes when it is told to. */
function reading(isView: boolean): { readonly reader: PaidReader<number>; readonly taken: number[]; end(): Promise<void> } {
  const taken: number[] = []
  let end = (): void => {}
  const ending = new Promise<void>((resolve) => (end = resolve))
  async function* verified(): AsyncGenerator<number> {
    yield* [1, 2, 3]
    await ending
  }
  const bytes = { nowMs: () => 0, return: async () => ({ done: true, value: undefined }) } as unknown as LaneBytes
  const reader = new PaidReader(verified(), {
    payment: { ...NO_PAYMENT, taken: (offset) => void taken.push(offset) },
    bytes,
    isView,
    endOf: (item) => (item === undefined ? undefined : item * 10),
    keep: (item) => item,
    signal: undefined,
    close() {},
    judge() {},
  })
  const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))
  return {
    reader,
    taken,
    end: async () => {
      end()
      await turn()
    },
  }
}

test('a view goes back when its reader asks for more', async () => {
  const { reader, taken, end } = reading(true)
  expect([await reader.next(), taken]).toEqual([{ done: false, value: 1 }, []])
  expect([await reader.next(), taken]).toEqual([{ done: false, value: 2 }, [10]])
  expect([await reader.next(), taken]).toEqual([{ done: false, value: 3 }, [10, 20]])
  await end()
  expect(taken).toEqual([10, 20, ALL]) // who has all may never ask again, and nothing comes that could be written over it
  expect([(await reader.next()).done, taken]).toEqual([true, [10, 20, ALL]])
})

test('a view that is the last one when it is given goes back at once, with all the rest', async () => {
  const { reader, taken, end } = reading(true)
  await end()
  for (const value of [1, 2, 3]) expect(await reader.next()).toEqual({ done: false, value })
  expect(taken).toEqual([10, 20, ALL])
})

test('what is the reader’s own goes back as he takes it', async () => {
  const { reader, taken, end } = reading(false)
  await reader.next()
  expect(taken).toEqual([10])
  await end()
  await reader.next()
  await reader.next()
  expect([(await reader.next()).done, taken]).toEqual([true, [10, 20, 30]])
})
