import { createAdversarialScheduler, createRandom, createScriptedScheduler, type DeliveryId, type Scheduler } from '@selvedge/simulator'
import { expect, test } from 'vitest'

/** Three nodes that each answer what they hear with the sum of all they have heard, for a while. */
function play(scheduler: Scheduler<number>): { heard: string[]; picks: DeliveryId[] } {
  const sums = [0, 0, 0]
  const heard: string[] = []
  const picks: DeliveryId[] = []
  for (let author = 0; author < 3; author++) scheduler.add((author + 1) % 3, author, author + 1)
  for (let i = 0; i < 60; i++) {
    const delivery = scheduler.next()
    if (delivery === undefined) break
    const { receiver, author, number, item } = delivery
    picks.push({ receiver, author, number })
    heard.push(`${author} to ${receiver}: ${item}`)
    sums[receiver]! += item
    for (const other of [0, 1, 2]) if (other !== receiver && i < 30) scheduler.add(other, receiver, sums[receiver]!)
  }
  return { heard, picks }
}

test('the recorded picks of an adversarial run replay it, duplicates and losses included', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const options = { receivers: 3, duplicateShare: 0.2, forgetShare: 0.1 }
    const { heard, picks } = play(createAdversarialScheduler<number>(createRandom(seed), options))
    expect(play(createScriptedScheduler<number>(picks, { receivers: 3 })).heard).toEqual(heard)
  }
})

test('picks that nobody has sent are passed over, and the script ends whatever waits', () => {
  const { picks } = play(createAdversarialScheduler<number>(createRandom(1), { receivers: 3 }))
  const half = picks.filter((_, index) => index % 2 === 0)
  const scheduler = createScriptedScheduler<number>(half, { receivers: 3 })
  const { picks: again } = play(scheduler)
  expect(again.length).toBeLessThan(half.length)
  expect(
    again.every((pick) =>
      half.some((each) => each.receiver === pick.receiver && each.author === pick.author && each.number === pick.number),
    ),
  ).toBe(true)
  expect([scheduler.next(), scheduler.size > 0]).toEqual([undefined, true])
})

test('what is forgotten comes no more, and size counts what waits', () => {
  const picks = [0, 1, 0].map((author) => ({ receiver: 1, author, number: 0 }))
  const scheduler = createScriptedScheduler<string>(picks, { receivers: 2 })
  for (const [receiver, author] of [
    [1, 0],
    [1, 1],
    [0, 0],
  ] as const)
    scheduler.add(receiver, author, `${author}`)
  expect([scheduler.size, scheduler.next()?.item, scheduler.size, scheduler.forget(1, 1), scheduler.size]).toEqual([3, '0', 2, 1, 1])
  expect([scheduler.next()?.item, scheduler.forget(1), scheduler.next()]).toEqual(['0', 0, undefined])
  expect(() => scheduler.add(2, 0, 'x')).toThrow('receiver must be below 2, got 2')
})
