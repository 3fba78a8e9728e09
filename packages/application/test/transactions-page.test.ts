import { NODE_KINDS, SYSTEM_FUNCTIONS, SYSTEM_KINDS } from '@selvedge/ledger-types'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEFECTS, DEFECTS_ELSEWHERE, ERRORS, METHODS, PARAMETERS_THERE } from '../docs/reference-rows.ts'
import { transactionsPage } from '../docs/transactions-page.ts'
import { ACCOUNT_HANDLERS, NODE_HANDLERS, SYSTEM_HANDLERS } from '../src/execute/dispatch.ts'

test('docs/transactions.md is what the schemas say', () => {
  expect(readFileSync(new URL('../docs/transactions.md', import.meta.url), 'utf8')).toBe(transactionsPage())
})

test('everything in the schemas has its handler, and nothing else has', () => {
  expect(Object.keys(ACCOUNT_HANDLERS).toSorted()).toEqual(Object.keys(SYSTEM_FUNCTIONS).toSorted())
  expect(Object.keys(NODE_HANDLERS).toSorted()).toEqual(Object.keys(NODE_KINDS).toSorted())
  expect(Object.keys(SYSTEM_HANDLERS).toSorted()).toEqual(Object.keys(SYSTEM_KINDS).toSorted())
})

test('all 28 methods, 22 parameters and 57 errors of the network before have a row', () => {
  const namesIn = (rows: readonly (readonly [string, ...unknown[]])[]): string[] => rows.flatMap(([there]) => there.split(', '))
  const methods = namesIn(METHODS)
  expect([methods.length, new Set(methods).size]).toEqual([30, 30]) // jobs are three methods in one row
  expect(METHODS).toHaveLength(28)
  expect(PARAMETERS_THERE).toHaveLength(22)
  const errors = namesIn(ERRORS)
  expect([ERRORS.length, errors.length, new Set(errors).size]).toEqual([57, 57, 57])
  for (const [there, fate, here] of [...METHODS, ...PARAMETERS_THERE, ...ERRORS]) {
    expect([there, ['kept', 'replaced by', 'dropped because'].includes(fate), here.length > 0]).toEqual([there, true, true])
  }
})

test('each defect names a test that is there', () => {
  const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
  const text = tests.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n')
  for (const [defect, name] of DEFECTS) expect({ defect, isThere: text.includes(`test('${name}'`) }).toEqual({ defect, isThere: true })
})

test('each defect that is none of the ledger’s names a test of the package whose it is', () => {
  const isThere = (room: string, test: string): boolean => {
    const top = join(import.meta.dirname, '../../..', room)
    const folders = ['test', 'src'].map((name) => join(top, name)) // a suite that is published stands among the sources
    const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))))
    return files.some((path) => path.endsWith('.ts') && readFileSync(path, 'utf8').includes(`'${test}'`))
  }
  for (const [defect, { room, test: name }] of DEFECTS_ELSEWHERE)
    expect({ defect, isThere: isThere(room, name) }).toEqual({ defect, isThere: true })
  expect(DEFECTS.length + DEFECTS_ELSEWHERE.length).toBeGreaterThan(30)
})
