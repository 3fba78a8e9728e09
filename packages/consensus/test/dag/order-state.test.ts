import { expect, test } from 'vitest'
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import { decodeOrderState, encodeOrderState } from '../../src/dag/order-state.ts'
import { ConsensusError } from '../../src/errors.ts'
import { createDrawing, feed, setupOf } from './drawing.ts'

const drawing = createDrawing(4)
for (let round = 1; round < 14; round++) drawing.round(round)
const setup = setupOf(4, { gcDepth: 4, scheduleCommits: 2 })

function takeSnapshot(): Uint8Array {
  const rule = createBullsharkRule(setup)
  rule.exclude(3)
  feed(rule, drawing)
  return rule.snapshot()
}

test('a snapshot has one encoding, and inserting more does not change it', () => {
  const rule = createBullsharkRule(setup)
  const names = drawing.vertices.map(({ digest }) => drawing.nameOf(digest))
  feed(rule, drawing, names.slice(0, 36))
  const before = rule.snapshot()
  for (const name of names.slice(36)) rule.insert(drawing.vertex(name))
  expect(rule.snapshot()).toEqual(before)
  for (const bytes of [before, takeSnapshot(), createBullsharkRule(setup).snapshot()]) {
    expect(encodeOrderState(decodeOrderState(bytes, 4))).toEqual(bytes)
  }
})

test('a rule that starts from one goes on like the one that wrote it', () => {
  const whole = createBullsharkRule(setup)
  const commits = feed(whole, drawing)
  for (let stop = 1; stop < commits.length; stop++) {
    const first = createBullsharkRule(setup)
    for (const vertex of drawing.vertices) first.insert(vertex)
    first.tryCommit(stop)
    const second = createBullsharkRule(setup, first.snapshot())
    expect(feed(second, drawing).map(({ digest }) => digest)).toEqual(commits.slice(stop).map(({ digest }) => digest))
    expect(second.snapshot()).toEqual(whole.snapshot())
    expect([second.doneCount, second.gcRound, second.scheduleVersion]).toEqual([whole.doneCount, whole.gcRound, whole.scheduleVersion])
  }
})

test('exclusion is part of it', () => {
  const bytes = takeSnapshot()
  expect(decodeOrderState(bytes, 4).excluded).toEqual([3])
  expect(decodeOrderState(bytes, 4).current.standing.bad[0]).toBe(3)
})

test('cut, grown or changed bytes are refused with an error of this package, or are another snapshot', () => {
  const bytes = takeSnapshot()
  for (let length = 0; length < bytes.length; length++) expect(() => decodeOrderState(bytes.subarray(0, length), 4)).toThrow(ConsensusError)
  expect(() => decodeOrderState(Uint8Array.of(...bytes, 0), 4)).toThrow(ConsensusError)
  expect(() => decodeOrderState(bytes, 5)).toThrow(ConsensusError)
  let refused = 0
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes, (byte, each) => (each === at ? byte ^ 0x81 : byte))
    try {
      expect(encodeOrderState(decodeOrderState(changed, 4))).toEqual(changed)
    } catch (error) {
      expect(error).toBeInstanceOf(ConsensusError)
      refused += 1
    }
  }
  expect(refused).toBeGreaterThan(50)
})
