import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../run-command.ts'
import { top } from '../tool.ts'
import { manifest, plant } from './planted.ts'

const tool = (name: string, ...args: string[]) => runCommand(process.execPath, [join(top, 'tools', name), ...args], { cwd: top })

test('a step that finds something fails the check and says what', async () => {
  const root = plant({ 'packages/utils/package.json': manifest('utils') })
  const { code, output } = await tool('check.ts', 'rooms', '--root', root)
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(/^FAILED rooms .*\n {2}packages\/utils: is no room/) })
  expect(await tool('check.ts', 'rooms', '--root', plant({}))).toMatchObject({ code: 0, output: expect.stringMatching(/^ok {5}rooms/) })
})

test('a step that does not exist is no success', async () => {
  expect(await tool('check.ts', 'romos')).toMatchObject({ code: 1, output: expect.stringContaining('no step is called romos') })
})

test('a file and an export that nothing uses are reported', async () => {
  const root = plant({
    'knip.json': readFileSync(join(top, 'knip.json'), 'utf8'),
    'package.json': { name: 'planted', private: true },
    'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
    'packages/crypto/package.json': manifest('crypto'),
    'packages/crypto/src/index.ts': "export { a } from './a.ts'\n",
    'packages/crypto/src/a.ts': 'export const a = 1\nexport const unused = 2\n',
    'packages/crypto/src/orphan.ts': 'export const b = 1\n',
  })
  symlinkSync(join(top, 'node_modules'), join(root, 'node_modules'))
  const { code, output } = await runCommand('knip', ['--no-config-hints', '--no-gitignore'], { cwd: root })
  expect(output).toMatch(/Unused files \(1\)\npackages\/crypto\/src\/orphan.ts/)
  expect(output).toMatch(/Unused exports \(1\)\nunused /)
  expect(code).not.toBe(0)
})

test('every tool explains itself', async () => {
  const names = readdirSync(join(top, 'tools')).filter(
    (name) => name.endsWith('.ts') && readFileSync(join(top, 'tools', name), 'utf8').includes('await runTool('),
  )
  expect(names.length).toBeGreaterThan(8)
  for (const name of [...names, 'bench/main.ts']) {
    expect(await tool(name, '--help')).toMatchObject({ code: 0, output: expect.stringContaining(`node tools/${name}`) })
  }
})
