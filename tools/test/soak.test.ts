import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { soak } from '../soak.ts'
import { top } from '../tool.ts'
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

test('the long runs of the rooms that are named go on for their minutes, and what one breaks is reported', async () => {
  const root = plant({
    'packages/a/test/rules/soak.ts':
      "import { writeFileSync } from 'node:fs'\nwriteFileSync('arguments', process.argv.slice(2).join(' '))\n",
    'packages/b/test/rules/soak.ts': "throw new Error('seed 7 breaks')\n",
  })
  const long = new Set(['--long', '--minutes=2'])
  expect(await soak({ root, args: ['a'], flags: long })).toEqual([])
  expect(readFileSync(join(root, 'arguments'), 'utf8')).toBe('--write --minutes=2')
  const findings = await soak({ root, args: [], flags: long })
  expect(findings.map(({ file }) => file)).toEqual(['packages/b/test/rules/soak.ts'])
  expect(findings[0]!.message).toContain('seed 7 breaks')
})

test.each(['consensus', 'node'])('the chains are played with the long runs of %s, and stand where that is looked for', async (room) => {
  const file = 'apps/node/test/chain/soak.ts'
  const root = plant({
    [file]: "throw new Error('chain')\n",
    'apps/node/test/other/soak.ts': '',
    'packages/b/test/rules/soak.ts': "throw new Error('b')\n",
  })
  const findings = await soak({ root, args: [room], flags: new Set(['--long', '--minutes=2']) })
  expect(findings.map((finding) => finding.file)).toEqual([file])
  expect(existsSync(join(top, file))).toBe(true)
})
