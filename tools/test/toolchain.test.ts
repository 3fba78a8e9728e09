import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../run-command.ts'
import { top } from '../tool.ts'

const run = (...command: string[]) => runCommand(process.execPath, [join(top, 'tools/toolchain.mjs'), ...command], { cwd: top })

test('what runs in a clone has the pinned Node, and its temporary files within the clone', async () => {
  const { code, output } = await run('node', '-p', "process.versions.node.split('.')[0] + ' ' + os.tmpdir()")
  expect({ code, output: output.trim() }).toEqual({ code: 0, output: `24 ${join(top, '.tmp')}` })
})

test('a command that fails fails it, with the same code, and none at all is said to be missing', async () => {
  expect(await run('node', '-e', 'process.exit(7)')).toMatchObject({ code: 7 })
  expect(await run('nothing-of-that-name')).toMatchObject({ code: 127, output: expect.stringContaining('nothing-of-that-name: ') })
  expect(await run()).toMatchObject({ code: 1, output: expect.stringContaining('usage: ') })
})
