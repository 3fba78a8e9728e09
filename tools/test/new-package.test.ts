import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkRooms } from '../check-rooms.ts'
import { makePackage } from '../new-package.ts'
import { checkReadmes } from '../readme.ts'
import { type Room, roomNamed } from '../rooms.ts'
import { runCommand } from '../run-command.ts'
import { tidy } from '../tidy.ts'
import { top } from '../tool.ts'
import { linesOf, plant } from './planted.ts'

test('a new package keeps every rule from its first minute', async () => {
  const root = plant({ 'tsconfig.base.json': { extends: join(top, 'tsconfig.base.json') } })
  await makePackage(root, roomNamed('reputation') as Room)
  expect(linesOf(root, [...tidy(root), ...checkRooms(root), ...(await checkReadmes(root)).findings])).toEqual([])
  const types = await runCommand(join(top, 'node_modules/.bin/tsc'), ['-p', 'packages/reputation', '--noEmit'], { cwd: root })
  expect(types).toMatchObject({ code: 0 })
})

test('a name that no room has, and a package that is there, are refused', async () => {
  const root = plant({ 'packages/crypto/package.json': {} })
  const make = (name: string) => runCommand(process.execPath, [join(top, 'tools/new-package.ts'), name, '--root', root], { cwd: root })
  expect(await make('nowhere')).toMatchObject({ code: 1, output: expect.stringContaining("has no room called 'nowhere'") })
  expect(await make('crypto')).toMatchObject({ code: 1, output: expect.stringContaining('packages/crypto: is there already') })
})
