/** Bytes outside the heap come and go under load: the heap is not collected whole for each 64 MiB of them. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const collections = (...args: readonly string[]): number => {
  const child = join(import.meta.dirname, 'support/collector.child.ts')
  return Number(execFileSync(process.execPath, ['--conditions=@selvedge/source', child, ...args], { encoding: 'utf8' }))
}

test('a process that is tuned collects its whole heap less than a third as often', () => {
  const usual = collections()
  expect(usual).toBeGreaterThan(10) // otherwise V8 has changed, and this is of no use any more
  expect(collections('tuned')).toBeLessThan(usual / 3)
})
