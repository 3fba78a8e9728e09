/** What was lost is made again once at a time, however often it is lost, and by nobody when nobody wants it. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CoreLane } from '../src/lane-core.ts'
import { Resends } from '../src/resends.ts'

/** Makers that end when they are told to: by hand, whatever their signal says. */
function byHand() {
  const begun: { readonly signal: AbortSignal; readonly end: () => void }[] = []
  const give = async (signal: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    begun.push({ signal, end: resolve })
    await promise
  }
  return { begun, give }
}

test('of a lane one is made at a time: the others wait for it, and of those only the last is made', async () => {
  const resends = new Resends()
  const lane = new CoreLane(1)
  const { begun, give } = byHand()
  for (let i = 0; i < 5; i++) resends.begin(lane, give)
  await turn()
  expect(begun).toHaveLength(1)
  resends.begin(lane, give)
  expect(begun[0]!.signal.aborted).toBe(true)
  begun[0]!.end()
  await turn()
  expect(begun.map(({ signal }) => signal.aborted)).toEqual([true, false])
})

test('lanes do not wait for each other, and one that is over ends its own', async () => {
  const resends = new Resends()
  const [a, b] = [new CoreLane(1), new CoreLane(2)]
  const { begun, give } = byHand()
  resends.begin(a, give)
  resends.begin(b, give)
  await turn()
  resends.end(a)
  expect(begun.map(({ signal }) => signal.aborted)).toEqual([true, false])
  resends.endAll()
  expect(begun.map(({ signal }) => signal.aborted)).toEqual([true, true])
})

test('what was not begun when it is ended never begins', async () => {
  const resends = new Resends()
  const { begun, give } = byHand()
  resends.begin(new CoreLane(1), give)
  resends.endAll()
  await turn()
  expect(begun).toEqual([])
})
