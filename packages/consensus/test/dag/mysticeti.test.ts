/** The uncertified rule on DAGs drawn by hand, n = 4, Q = 3. Version 0 lets `LEADERS` lead rounds 1 to 4. */
import { describe, expect, test } from 'vitest'
import { createMysticetiRule } from '../../src/dag/mysticeti-rule.ts'
import { createDrawing, type Drawing, feed, setupOf, tell } from './drawing.ts'

const LEADERS = [1, 2, 3, 4].map((round) => createMysticetiRule(setupOf(4)).leaderOf(round)!)
const first = LEADERS[0]!
const [x, y, z] = [0, 1, 2, 3].filter((author) => author !== first) as [number, number, number]
const leadersOf = (drawing: Drawing, names?: readonly string[]): readonly (string | undefined)[] => {
  return tell(drawing, feed(createMysticetiRule(setupOf(4)), drawing, names)).map((line) => line.split(':')[0])
}
/** A block of `author` that names all of the round before but for what `left` says, own first. */
const addWithout = (drawing: Drawing, round: number, author: number, left: readonly number[]): void => {
  const named = [0, 1, 2, 3].filter((each) => each !== author && !left.includes(each))
  drawing.add(
    `${round}.${author}`,
    [author, ...named].map((parent) => `${round - 1}.${parent}`),
  )
}

describe('direct decisions', () => {
  test('three rounds commit the leader of the first', () => {
    const drawing = createDrawing(4)
    for (const round of [1, 2, 3]) drawing.round(round)
    expect(tell(drawing, feed(createMysticetiRule(setupOf(4)), drawing))).toEqual([`1.${first}: 1.${first}`])
    const fewer = drawing.vertices.slice(0, -2).map(({ digest }) => drawing.nameOf(digest))
    expect(leadersOf(drawing, fewer)).toEqual([])
  })

  test('a leader that stake Q of the next round passes over is skipped at once', () => {
    const drawing = createDrawing(4)
    for (const round of [1, 2, 3, 4]) drawing.round(round, [x, y, z], [x, y, z])
    expect(leadersOf(drawing)).toEqual([`2.${LEADERS[1]}`])
  })

  test('of an equivocating leader only the block with certificates is committed', () => {
    const drawing = createDrawing(4)
    drawing.round(1)
    drawing.add(
      `1.${first}'`,
      [0, 1, 2, 3].map((author) => `0.${author}`),
    )
    for (const author of [x, y, z])
      drawing.add(`2.${author}`, [`1.${author}`, `1.${first}'`, ...[x, y, z].filter((each) => each !== author).map((each) => `1.${each}`)])
    addWithout(drawing, 2, first, [])
    for (const author of [x, y, z]) addWithout(drawing, 3, author, [first])
    expect(tell(drawing, feed(createMysticetiRule(setupOf(4)), drawing))).toEqual([`1.${first}': 1.${first}'`])
  })

  test('two certified blocks of one slot halt the epoch for ever', () => {
    const drawing = createDrawing(4)
    drawing.round(1)
    drawing.add(
      `1.${first}'`,
      [0, 1, 2, 3].map((author) => `0.${author}`),
    )
    const votesFor = (mark: string, copy: string): void => {
      for (const author of [x, y, z])
        drawing.add(`2.${author}${copy}`, [
          `1.${author}`,
          `1.${first}${mark}`,
          ...[x, y, z].filter((each) => each !== author).map((each) => `1.${each}`),
        ])
      for (const author of [x, y, z])
        drawing.add(
          `3.${author}${copy}`,
          [author, ...[x, y, z].filter((each) => each !== author)].map((each) => `2.${each}${copy}`),
        )
    }
    votesFor('', '')
    votesFor("'", "'")
    const rule = createMysticetiRule(setupOf(4))
    expect(feed(rule, drawing)).toEqual([])
    expect(rule.halted).toEqual({ reason: 'two certified blocks', slot: { round: 1, author: first } })
    expect([rule.insert(drawing.add('2.9', [])), rule.tryCommit()]).toEqual(['old', []])
  })
})

/** The leader of round 1 has votes of all but z, and `certifiers` of round 3 see three of them. Then everything is named by everyone. */
function drawUndecided(certifiers: readonly number[], rounds: number): Drawing {
  const drawing = createDrawing(4)
  drawing.round(1)
  for (const author of [first, x, y]) addWithout(drawing, 2, author, [])
  addWithout(drawing, 2, z, [first])
  for (const author of [0, 1, 2, 3]) {
    const left = certifiers.includes(author) ? z : [first, x, y].find((each) => each !== author)!
    addWithout(drawing, 3, author, [left])
  }
  for (let round = 4; round <= rounds; round++) drawing.round(round)
  return drawing
}

describe('indirect decisions', () => {
  test('a slot without Q certificates waits for an anchor three rounds later, with everything behind it', () => {
    const drawing = drawUndecided([first], 5)
    expect(leadersOf(drawing)).toEqual([])
    drawing.round(6)
    expect(leadersOf(drawing)).toEqual([`1.${first}`, `2.${LEADERS[1]}`, `3.${LEADERS[2]}`, `4.${LEADERS[3]}`])
  })

  test('without a certificate in the history of the anchor it is skipped', () => {
    const drawing = createDrawing(4)
    drawing.round(1)
    for (const author of [first, x]) addWithout(drawing, 2, author, [])
    for (const author of [y, z]) addWithout(drawing, 2, author, [first])
    for (const round of [3, 4, 5]) drawing.round(round)
    expect(leadersOf(drawing)).toEqual([])
    drawing.round(6)
    expect(leadersOf(drawing)[0]).toBe(`2.${LEADERS[1]}`)
  })

  test('a certificate counts where the anchor reaches it, whoever else has seen it', () => {
    const drawing = drawUndecided([x], 3)
    const others = [first, y, z]
    for (const author of others) addWithout(drawing, 4, author, [x])
    for (const round of [5, 6, 7, 8, 9]) drawing.round(round, others, others)
    expect(others).toContain(LEADERS[3])
    expect(leadersOf(drawing)).not.toContain(`1.${first}`)
    expect(leadersOf(drawing)).toContain(`4.${LEADERS[3]}`)
  })
})

describe('schedules', () => {
  test('a new one holds from the next round on; the rest of the round keeps the old', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 9; round++) drawing.round(round)
    const rule = createMysticetiRule(setupOf(4, { scheduleCommits: 1, leadersPerRound: 2 }))
    const commits = feed(rule, drawing).map(({ subDag }) => [subDag.leader.round, subDag.scheduleVersion])
    expect(commits.slice(0, 6)).toEqual([
      [1, 0],
      [1, 0],
      [2, 2],
      [2, 2],
      [3, 4],
      [3, 4],
    ])
  })

  test('a restart between the two leaders of a round goes on with the old schedule', () => {
    const drawing = createDrawing(4)
    for (let round = 1; round < 9; round++) drawing.round(round)
    const setup = setupOf(4, { scheduleCommits: 1, leadersPerRound: 2, gcDepth: 4 })
    const whole = createMysticetiRule(setup)
    const told = feed(whole, drawing).map(({ digest }) => digest)
    let rule = createMysticetiRule(setup)
    const digests: Uint8Array[] = []
    for (let commits = 0; commits < told.length; commits++) {
      for (const vertex of drawing.vertices) rule.insert(vertex)
      digests.push(...rule.tryCommit(1).map(({ digest }) => digest))
      rule = createMysticetiRule(setup, rule.snapshot())
    }
    expect(digests).toEqual(told)
    expect(rule.snapshot()).toEqual(whole.snapshot())
  })
})
