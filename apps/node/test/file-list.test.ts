import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../src/dag/file-list.ts'
import { scratchFolder } from './harness.ts'

test('a folder lists the same however it is named, and no link in it is followed', async () => {
  const folder = await scratchFolder()
  await mkdir(join(folder, 'sub'))
  await writeFile(join(folder, 'hello'), 'a')
  await writeFile(join(folder, 'sub', 'deep'), 'b')
  await symlink('/etc', join(folder, 'outside'))
  await symlink('/etc/hostname', join(folder, 'sub', 'file'))
  const here = relative(process.cwd(), folder)
  for (const name of [folder, `${folder}/`, here, `./${here}`, `${here}/sub/..`, `${here}/.`]) {
    expect((await listFiles(name)).map(({ path }) => path)).toEqual(['hello', 'sub/deep'])
  }
})

test('a backslash is a letter of a name, and no way out of the folder', async () => {
  const folder = await scratchFolder()
  await writeFile(join(folder, '..\\out'), 'a')
  expect((await listFiles(folder)).map(({ path }) => path)).toEqual(['..\\out'])
})
