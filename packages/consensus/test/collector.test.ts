/** Bytes outside the heap come and go under load: the heap is not collected whole for each 64 MiB of them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const child = join(import.meta.dirname, 'support/collector.child.ts')

const collections = (...args: readonly string[]): number => {
  return Number(execFileSync(process.execPath, ['--conditions=@selvedge/source', child, ...args], { encoding: 'utf8' }))
}

test('a process that is tuned collects its whole heap less than a third as often', () => {
  const usual = collections()
  expect(usual).toBeGreaterThan(10) // otherwise V8 has changed, and this is of no use any more
  expect(collections('tuned')).toBeLessThan(usual / 3)
})

test('V8 knows every flag', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=@selvedge/source', child, 'tuned', 'signatures'], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
})
