/** The certified rule on DAGs drawn by hand, n = 4, V = 2, Q = 3. Version 0 lets a, b, c, d lead rounds 2, 4, 6, 8. */
import { describe, expect, test } from 'vitest'
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import { createDrawing, feed, setupOf, tell } from './drawing.ts'

const rule = createBullsharkRule(setupOf(4))
const [a, b, c, d] = [2, 4, 6, 8].map((round) => rule.leaderOf(round)!) as [number, number, number, number]
const others = (...left: readonly number[]): number[] => [0, 1, 2, 3].filter((author) => !left.includes(author))

describe('leaders', () => {
  test('lead even rounds from 2 on, everyone once a cycle', () => {
    expect([1, 3, 5, 0].map((round) => rule.leaderOf(round))).toEqual([undefined, undefined, undefined, undefined])
    expect([a, b, c, d].toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3])
    expect([10, 12, 14, 16].map((round) => rule.leaderOf(round))).toEqual([a, b, c, d])
    expect(rule.leaderOf(2, 1)).toBeUndefined()
  })
})

describe('direct commits', () => {
  test('need support of V in the next round, and get it from one certificate more than one', () => {
    const drawing = createDrawing(4)
    for (const round of [1, 2]) drawing.round(round)
    const [first, second, third] = others(a) as [number, number, number]
    drawing.round(3, [first], [a, first, second])
    drawing.round(3, [second], [first, second, third])
    const lone = createBullsharkRule(setupOf(4))
    expect(feed(lone, drawing)).toEqual([])
    drawing.round(3, [third], [a, second, third])
    expect(tell(drawing, feed(lone, drawing))).toEqual([`2.${a}: 1.0 1.1 1.2 1.3 2.${a}`])
    expect([lone.lastCommittedRound, lone.halted]).toEqual([2, undefined])
  })

  test('late and early calls, limits and the order of insertion change nothing', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 12; round++) drawing.round(round)
    const setup = setupOf(4, { scheduleCommits: 2, gcDepth: 4 })
    const late = createBullsharkRule(setup)
    const whole = tell(drawing, feed(late, drawing))
    const early = createBullsharkRule(setup)
    const told = drawing.vertices.flatMap((vertex) => {
      early.insert(vertex)
      return tell(drawing, early.tryCommit())
    })
    const stepwise = createBullsharkRule(setup)
    for (const vertex of drawing.vertices.toSorted((x, y) => x.round - y.round || y.author - x.author)) stepwise.insert(vertex)
    const steps = Array.from({ length: 20 }, () => tell(drawing, stepwise.tryCommit(1)))
    expect(whole.length).toBe(5)
    expect([told, steps.flat(), Math.max(...steps.map(({ length }) => length))]).toEqual([whole, whole, 1])
    expect(early.snapshot()).toEqual(late.snapshot())
    expect(stepwise.snapshot()).toEqual(late.snapshot())
  })
})

/** Round 2's leader is named by one of round 3; round 4's by all of round 5. `bridge` decides whether the second reaches the first. */
function drawSkipped(bridge: boolean): ReturnType<typeof createDrawing> {
  const drawing = createDrawing(4)
  for (const round of [1, 2]) drawing.round(round)
  const [first, ...rest] = others(a) as [number, number, number]
  drawing.round(3, [first], [a, ...rest])
  drawing.round(3, [...rest, a], others(a))
  const named = bridge ? [first, ...others(first).slice(0, 2)] : others(first)
  drawing.round(4, [0, 1, 2, 3], named)
  drawing.round(5)
  return drawing
}

describe('indirect commits', () => {
  test('a leader without support is committed before the next one that reaches it', () => {
    const drawing = drawSkipped(true)
    const told = tell(drawing, feed(createBullsharkRule(setupOf(4)), drawing))
    expect(told.map((line) => line.split(':')[0])).toEqual([`2.${a}`, `4.${b}`])
  })

  test('a leader that the next one does not reach is passed over for good, and ordered as a plain vertex if at all', () => {
    const drawing = drawSkipped(false)
    const told = tell(drawing, feed(createBullsharkRule(setupOf(4)), drawing))
    expect(told.map((line) => line.split(':')[0])).toEqual([`4.${b}`])
    expect(told[0]).not.toContain(`2.${a}`)
  })

  test('a schedule that changes inside an indirect chain elects all later leaders anew', () => {
    const drawing = drawSkipped(true)
    for (const round of [6, 7, 8, 9]) drawing.round(round)
    const changing = createBullsharkRule(setupOf(4, { scheduleCommits: 1 }))
    for (const vertex of drawing.vertices) changing.insert(vertex)
    const first = [2, 4, 6, 8].map((round) => changing.leaderOf(round))
    const elected: (number | undefined)[] = []
    const committed: number[] = []
    const versions: number[] = []
    for (let next = [2, 4, 6, 8]; next.length > 0; next = next.slice(1)) {
      elected.push(changing.leaderOf(next[0]!))
      const [commit] = changing.tryCommit(1)
      committed.push(commit!.subDag.leader.author)
      versions.push(commit!.subDag.scheduleVersion)
    }
    expect([committed, versions, changing.scheduleVersion]).toEqual([elected, [0, 1, 2, 3], 4])
    expect(elected).not.toEqual(first)
    const whole = createBullsharkRule(setupOf(4, { scheduleCommits: 1 }))
    expect(feed(whole, drawing).map(({ subDag }) => subDag.leader.author)).toEqual(committed)
  })
})

describe('collection', () => {
  test('a certificate at gcRound is old, one above it is taken', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 10; round++) drawing.round(round)
    const collecting = createBullsharkRule(setupOf(4, { gcDepth: 4 }))
    feed(collecting, drawing)
    expect([collecting.lastCommittedRound, collecting.gcRound]).toEqual([8, 4])
    expect(collecting.insert(drawing.vertex('4.0'))).toBe('old')
    expect(collecting.insert(drawing.vertex('5.0'))).toBe('known')
    expect([collecting.dag.round(4), collecting.dag.round(5).length]).toEqual([[], 4])
  })

  test('a parent that nobody has is asserted above gcRound and not missed below', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 10; round++) drawing.round(round)
    const bare = createBullsharkRule(setupOf(4))
    expect(() => bare.insert(drawing.vertex('2.0'))).toThrow('is missing')
    const collecting = createBullsharkRule(setupOf(4, { gcDepth: 4 }))
    feed(collecting, drawing)
    const restarted = createBullsharkRule(setupOf(4, { gcDepth: 4 }), collecting.snapshot())
    expect(restarted.insert(drawing.vertex('5.0'))).toBe('added')
    expect(() => restarted.insert(drawing.vertex('7.0'))).toThrow('is missing')
  })

  test("a certificate that comes after its author's later one was committed is ordered by everyone or by nobody (seed 21)", () => {
    const drawing = createDrawing(4)
    drawing.round(1)
    const slow = others(a, b, c)[0]!
    drawing.round(2, undefined, others(slow)) // nobody names 1.slow in time
    for (let round = 3; round < 8; round++) drawing.round(round)
    const late = `1.${slow}`
    const names = drawing.vertices.map(({ digest }) => drawing.nameOf(digest))
    const [prompt, tardy] = [createBullsharkRule(setupOf(4)), createBullsharkRule(setupOf(4))]
    const first = feed(prompt, drawing, names)
    const second = [
      ...feed(
        tardy,
        drawing,
        names.filter((name) => name !== late),
      ),
      ...feed(tardy, drawing, [late]),
    ]
    for (let round = 8; round < 12; round++) drawing.round(round)
    const told = [...first, ...feed(prompt, drawing)].map(({ digest }) => digest)
    expect([...second, ...feed(tardy, drawing)].map(({ digest }) => digest)).toEqual(told)
    expect(told.length).toBe(5)
  })
})

describe('a broken quorum', () => {
  test('two certificates of a slot halt the epoch for ever', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 4; round++) drawing.round(round)
    const halting = createBullsharkRule(setupOf(4))
    feed(
      halting,
      drawing,
      drawing.vertices.slice(0, 8).map(({ digest }) => drawing.nameOf(digest)),
    )
    drawing.add("2.0'", ['1.0', '1.1', '1.2'])
    expect(halting.insert(drawing.vertex("2.0'"))).toBe('conflict')
    expect(halting.halted).toEqual({ reason: 'two certificates', slot: { round: 2, author: 0 } })
    for (const name of ['3.0', '3.1', '3.2', '3.3']) expect(halting.insert(drawing.vertex(name))).toBe('old')
    expect(halting.tryCommit()).toEqual([])
  })
})
