import { symlinkSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lintArguments } from '../check.ts'
import { runCommand } from '../run-command.ts'
import { top } from '../tool.ts'
import { plant, type Tree } from './planted.ts'

/** Lints a planted tree with the configuration of this clone. */
async function lint(tree: Tree): Promise<{ code: number; output: string }> {
  const root = plant({
    '.oxlintrc.json': readFileSync(join(top, '.oxlintrc.json'), 'utf8'),
    'tsconfig.json': { extends: join(top, 'tsconfig.base.json'), include: ['*.ts'] },
    ...tree,
  })
  symlinkSync(join(top, 'node_modules'), join(root, 'node_modules'))
  return runCommand(join(top, 'node_modules/.bin/oxlint'), [...lintArguments, '--no-ignore', '--config', '.oxlintrc.json', 'a.ts'], {
    cwd: root,
  })
}

test('a clean file passes', async () => {
  expect(await lint({ 'a.ts': 'export async function f(): Promise<void> {}\nawait f()\n' })).toMatchObject({ code: 0 })
})

test.each([
  ['a floating promise, which needs types', 'no-floating-promises', 'export async function f(): Promise<void> {}\nf()\n'],
  ['any', 'no-explicit-any', 'export const a: any = 1\n'],
  ['a value import of a type', 'consistent-type-imports', "import { Stats } from 'node:fs'\nexport type A = Stats\n"],
])('%s is reported', async (_, rule, text) => {
  const { code, output } = await lint({ 'a.ts': text })
  expect(output).toContain(rule)
  expect(code).not.toBe(0)
})
