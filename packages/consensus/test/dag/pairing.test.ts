import { expect, expectTypeOf, test } from 'vitest'
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import type { CommitRule, Mode } from '../../src/dag/contract.ts'
import { DagStore } from '../../src/dag/dag-store.ts'
import { isAncestor } from '../../src/dag/causal-history.ts'
import type { Linearizer } from '../../src/dag/linearizer.ts'
import { createMysticetiRule } from '../../src/dag/mysticeti-rule.ts'
import { createDrawing, setupOf } from './drawing.ts'

test('the unsafe pairing does not compile: an uncertified DAG, or its rule, is never taken for a certified one', () => {
  expectTypeOf(createBullsharkRule).returns.toEqualTypeOf<CommitRule<'certified'>>()
  expectTypeOf(createMysticetiRule).returns.toEqualTypeOf<CommitRule<'uncertified'>>()
  expectTypeOf<CommitRule<'uncertified'>>().not.toExtend<CommitRule<'certified'>>()
  expectTypeOf<CommitRule<'certified'>>().not.toExtend<CommitRule<'uncertified'>>()
  expectTypeOf<DagStore<'uncertified'>>().not.toExtend<DagStore<'certified'>>()
  expectTypeOf<DagStore<'uncertified'>>().not.toExtend<CommitRule<'certified'>['dag']>()
  expectTypeOf<Linearizer<'uncertified'>>().not.toExtend<Linearizer<'certified'>>()

  const blocks: DagStore<'uncertified'> = new DagStore('uncertified', [1, 1, 1, 1])
  // @ts-expect-error: this is the line that a user must not be able to write
  const certificates: DagStore<'certified'> = blocks
  // @ts-expect-error: nor this one
  const rule: CommitRule<'certified'> = createMysticetiRule(setupOf(4))
  expect([certificates.mode, rule.mode]).toEqual(['uncertified', 'uncertified'])
})

test('a walk over a DAG serves both modes', () => {
  const drawing = createDrawing(4)
  for (const round of [1, 2, 3]) drawing.round(round)
  const walk = <M extends Mode>(mode: M): boolean[] => {
    const dag = new DagStore(mode, [1, 1, 1, 1])
    for (const vertex of drawing.vertices) dag.insert(vertex, 0)
    return [isAncestor(dag, drawing.vertex('1.3'), drawing.vertex('3.0')), isAncestor(dag, drawing.vertex('2.3'), drawing.vertex('2.0'))]
  }
  expect([walk('certified'), walk('uncertified')]).toEqual([
    [true, false],
    [true, false],
  ])
})
