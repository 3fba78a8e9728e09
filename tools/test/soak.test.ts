import { expect, test } from 'vitest'
import { soak } from '../soak.ts'
import { linesOf, plant } from './planted.ts'

const failsAt = (seed: number): string => `
import { expect, test } from 'vitest'
test('holds for every seed', () => expect(Number(process.env.SEED)).not.toBe(${seed}))
`
const flags = new Set(['--minutes=0.001', '--runs=7'])

test('a failing seed is reported with the command that repeats it', async () => {
  const root = plant({ 'vitest.config.ts': 'export default {}\n', 'a.prop.test.ts': failsAt(42) })
  const findings = await soak({ root, args: [], flags }, () => 42)
  expect(linesOf(root, findings)[0]).toContain('repeat with: SEED=42 RUNS=7 pnpm exec vitest run')
})

test('without a failure it ends when time is up', async () => {
  const root = plant({ 'vitest.config.ts': 'export default {}\n', 'a.prop.test.ts': failsAt(42) })
  expect(await soak({ root, args: [], flags }, () => 41)).toEqual([])
})
