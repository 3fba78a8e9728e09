import { readFileSync } from 'node:fs'
import { SCHEMA } from '@selvedge/application'
import { expect, test } from 'vitest'
import { statePage } from '../docs/state-page.ts'

test('docs/state.md is what the tables say', () => {
  expect(readFileSync(new URL('../docs/state.md', import.meta.url), 'utf8')).toBe(statePage())
})

test('all 26 tables are there, and no kind of row begins as another of its table', () => {
  expect([...new Set(SCHEMA.map(({ id }) => id))]).toEqual(Array.from({ length: 26 }, (_, i) => i + 1))
  for (const one of SCHEMA) {
    for (const other of SCHEMA) {
      if (one === other || one.id !== other.id) continue
      const isPrefix = one.prefix.every((byte, i) => byte === other.prefix[i])
      expect([one.name, other.name, isPrefix]).toEqual([one.name, other.name, false])
    }
  }
})
