import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../run-command.ts'
import { top } from '../tool.ts'
import { plant, type Tree } from './planted.ts'

/** A clone whose pnpm only writes down what it was asked. */
function clone(tree: Tree = {}): string {
  const root = plant({
    'tools/install.mjs': readFileSync(join(top, 'tools/install.mjs'), 'utf8'),
    'package.json': {},
    'pnpm-lock.yaml': 'first\n',
    'packages/a/package.json': {},
    'apps/b/package.json': {},
    'bin/pnpm': '#!/bin/sh\necho "$@" >> asked\n',
    ...tree,
  })
  chmodSync(join(root, 'bin/pnpm'), 0o755)
  return root
}

/** What pnpm was asked by one call, or undefined where it was not asked. */
async function install(root: string, scope: 'run' | 'full'): Promise<string | undefined> {
  writeFileSync(join(root, 'asked'), '')
  const script = `process.env.PATH = ${JSON.stringify(join(root, 'bin') + delimiter)} + process.env.PATH; (await import('./tools/install.mjs')).ensureInstalled('${scope}')`
  expect(await runCommand(process.execPath, ['--input-type=module', '-e', script], { cwd: root })).toMatchObject({ code: 0 })
  return existsSync(join(root, 'asked')) ? readFileSync(join(root, 'asked'), 'utf8').trim() || undefined : undefined
}

const narrow = '--prod --filter @selvedge/node...'

test('a fresh clone installs only what running needs, and nothing a second time', async () => {
  const root = clone()
  expect(await install(root, 'run')).toContain(narrow)
  expect(await install(root, 'run')).toBeUndefined()
  expect(await install(root, 'full')).not.toContain('--prod')
  expect(await install(root, 'run')).toBeUndefined()
})

test('a full installation is never narrowed, whoever made it', async () => {
  const root = clone()
  await install(root, 'full')
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'second\n')
  expect(await install(root, 'run')).not.toContain(narrow)
  const byHand = clone({ 'node_modules/.modules.yaml': '' })
  expect(await install(byHand, 'run')).not.toContain(narrow)
})
