import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkDocs } from '../docs.ts'
import { linesOf, manifest, plant } from './planted.ts'

const blocks = (...names: string[]): string => names.map((name) => `<!-- ${name} -->\n<!-- /${name} -->\n`).join('words of people\n')
const tree = {
  'README.md': blocks('rooms', 'floors'),
  'docs/limits.md': blocks('limits'),
  'packages/crypto/package.json': manifest('crypto'),
  'packages/crypto/src/constants.ts':
    '/** Longest key. Nobody needs more. */\nexport const KEY_BYTES_MAX: number = 2 * 16\nexport const KEY_BYTES = 32\n',
}

test('generated parts are written between their markers and nothing else is touched', () => {
  const root = plant(tree)
  expect(checkDocs(root, true)).toEqual([])
  expect(checkDocs(root)).toEqual([])
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  expect(readme).toContain('| [`crypto`](packages/crypto) | 0 |')
  expect(readme).toContain('words of people')
  expect(readme).toMatch(/^ground {3}0 {2}\[interface\] {2}\[verified-streaming\] {2}crypto /m)
  const limits = readFileSync(join(root, 'docs/limits.md'), 'utf8')
  expect(limits).toContain('| `KEY_BYTES_MAX` | `2 * 16` | Longest key. | [`constants.ts`](../packages/crypto/src/constants.ts) |')
  expect(limits).not.toContain('`KEY_BYTES`')
})

test('a limit that changed, a table that was edited and a marker that is gone are reported', () => {
  const root = plant(tree)
  checkDocs(root, true)
  writeFileSync(join(root, 'packages/crypto/src/constants.ts'), '/** Longest key. */\nexport const KEY_BYTES_MAX: number = 33\n')
  writeFileSync(
    join(root, 'README.md'),
    readFileSync(join(root, 'README.md'), 'utf8').replace('Keys, signatures', 'Nothing').replace('<!-- floors -->', ''),
  )
  expect(linesOf(root, checkDocs(root))).toEqual([
    'README.md: the part <!-- rooms --> is not what the tools generate: run pnpm run docs',
    'README.md: has no <!-- floors --> … <!-- /floors -->',
    'docs/limits.md: the part <!-- limits --> is not what the tools generate: run pnpm run docs',
  ])
})
