import { NODE_KINDS, SYSTEM_FUNCTIONS, SYSTEM_KINDS } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { ACCOUNT_HANDLERS, NODE_HANDLERS, SYSTEM_HANDLERS } from '../src/execute/dispatch.ts'
import { CLOCK_STEPS, CHANGE_STEPS } from '../src/epoch/steps.ts'

test('everything in the schemas has its handler', () => {
  expect(Object.keys(ACCOUNT_HANDLERS).toSorted()).toEqual(Object.keys(SYSTEM_FUNCTIONS).toSorted())
  expect(Object.keys(NODE_HANDLERS).toSorted()).toEqual(Object.keys(NODE_KINDS).toSorted())
  expect(Object.keys(SYSTEM_HANDLERS).toSorted()).toEqual(Object.keys(SYSTEM_KINDS).toSorted())
})

test('moments of the clock have a bit each, steps of the change stand in the order of the ledger', () => {
  const bits = CLOCK_STEPS.map(({ bit }) => bit)
  expect(bits.reduce((sum, bit) => sum | bit, 0)).toBe(bits.reduce((sum, bit) => sum + bit, 0))
  const numbers = CHANGE_STEPS.map(({ name }) => Number.parseInt(name, 10))
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
})
