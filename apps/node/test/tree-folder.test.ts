/** A folder that holds something already: links that lead outside, pipes, what an earlier download left. */
import { createClient, formatNodeAddress, type Client } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { listFiles } from '../src/dag/file-list.ts'
import { serveDag } from '../src/dag/serve-dag.ts'
import { downloadTree } from '../src/download/tree-download.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 })

interface Setting {
  readonly folder: string
  readonly output: string
  readonly cid: CID
  readonly client: Client
}

async function setting(files: Readonly<Record<string, number>>): Promise<Setting> {
  const folder = await scratchFolder()
  const source = join(folder, 'source')
  for (const [index, [name, size]] of Object.entries(files).entries()) {
    await mkdir(dirname(join(source, name)), { recursive: true })
    await writeFile(join(source, name), sampleBytes(size, index + 1))
  }
  const dag = createFileDag()
  const cid = await dag.build(await listFiles(source))
  const origin = await serveDag(dag)
  onTestFinished(() => origin.stop())
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins: [origin.url] })
  onTestFinished(() => node.stop())
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  return { folder, output: join(folder, 'output'), cid, client }
}

const LARGE = 3_000_000

test.each([true, false])('a link in place of a folder is not followed, empty: %s', async (isEmpty) => {
  const { folder, output, cid, client } = await setting({ 'sub/small': 10, 'sub/large': LARGE })
  const outside = join(folder, 'outside')
  await Promise.all([mkdir(outside), mkdir(output)])
  if (!isEmpty) await writeFile(join(outside, 'small'), 'mine')
  await symlink(outside, join(output, 'sub'))
  await expect(downloadTree(client, cid, output)).rejects.toMatchObject({ code: 'NODE_OUTPUT' })
  expect(await readdir(outside)).toEqual(isEmpty ? [] : ['small'])
  if (!isEmpty) expect(await readFile(join(outside, 'small'), 'utf8')).toBe('mine')
})

test.each(['large.part', 'large.part.proof', '../output.part', '../output.part.files', '../output.part.0'])(
  'a link where an unfinished file would stand, %s, is not written through',
  async (name) => {
    const { folder, output, cid, client } = await setting({ large: LARGE, 'sub/large': LARGE, 'sub/small': 10 })
    const mine = join(folder, 'mine')
    await mkdir(output)
    if (!name.startsWith('..')) await writeFile(join(output, 'note'), 'here') // then file by file
    await writeFile(mine, 'mine')
    await symlink(mine, join(output, name))
    const outcome = await downloadTree(client, cid, output).catch((error: unknown) => error)
    expect(await readFile(mine, 'utf8')).toBe('mine')
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'NODE_OUTPUT' })
    else expect(await readFile(join(output, 'large'))).toEqual(sampleBytes(LARGE, 1))
  },
)

test('the top may be a link to a folder, and a pipe in place of a file keeps nobody waiting', async () => {
  const { folder, output, cid, client } = await setting({ large: LARGE, small: 10 })
  const elsewhere = join(folder, 'elsewhere')
  await mkdir(elsewhere)
  await symlink(elsewhere, output)
  expect(await downloadTree(client, cid, output)).toMatchObject({ files: 2, here: 0 })
  for (const name of ['large', 'small']) await rm(join(elsewhere, name))
  expect(
    spawnSync('mkfifo', [join(elsewhere, 'large'), join(elsewhere, 'small'), join(elsewhere, 'small.part'), `${output}.part.0`]).status,
  ).toBe(0)
  await downloadTree(client, cid, output).catch(() => undefined) // the last pipe stands where it must write
  await rm(join(elsewhere, 'small.part'), { force: true })
  expect((await downloadTree(client, cid, output)).files).toBe(2)
  expect(await readFile(join(elsewhere, 'large'))).toEqual(sampleBytes(LARGE, 1))
})

test('the last file of an earlier download was whole: a folder that is missing comes as one stream all the same', async () => {
  const { output, cid, client } = await setting({ 'a-large': LARGE, 'sub/one': 10, 'sub/two': 20 })
  const controller = new AbortController()
  const onFile = (): void => controller.abort(new Error('enough'))
  await expect(downloadTree(client, cid, output, { signal: controller.signal, onFile })).rejects.toThrow('enough')
  await rm(join(output, 'sub'), { recursive: true, force: true }) // what came before the abort was heard
  let trees = 0
  const counting: Client = {
    ...client,
    getTree: (...about) => {
      trees++
      return client.getTree(...about)
    },
  }
  expect(await downloadTree(counting, cid, output)).toMatchObject({ files: 3, here: 1 })
  expect(trees).toBe(1)
})
