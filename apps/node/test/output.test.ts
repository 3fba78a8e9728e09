import { createClient, formatNodeAddress } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { importFileInto } from '../src/compose/import-file.ts'
import { startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { listFiles } from '../src/dag/file-list.ts'
import { serveDag } from '../src/dag/serve-dag.ts'
import { fetchInto } from '../src/download/file-download.ts'
import { withOutputLock } from '../src/download/output-lock.ts'
import { downloadTree } from '../src/download/tree-download.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

/** A node in this process, which fetches from `origins`, and a client of it. */
async function setting(folder: string, origins: readonly string[] = []) {
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins })
  onTestFinished(() => node.stop())
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  return { node, client }
}

async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'base64')] as const)))
}

test('a directory whose names are those of partial downloads comes as it is', async () => {
  const folder = await scratchFolder()
  const source = join(folder, 'source')
  await mkdir(source)
  const sizes = { a: 3_000_000, 'a.part': 10, 'a.part.part': 11, 'a.part.part.proof': 12, 'a.part.proof': 13, 'a.PART': 14, b: 15 }
  for (const [index, [name, size]] of Object.entries(sizes).entries()) await writeFile(join(source, name), sampleBytes(size, index + 1))
  const dag = createFileDag()
  const cid = await dag.build(await listFiles(source))
  const origin = await serveDag(dag)
  onTestFinished(() => origin.stop())
  const { client } = await setting(folder, [origin.url])
  const output = join(folder, 'output')
  for (let round = 0; round < 2; round++) {
    expect((await downloadTree(client, cid, output)).files).toBe(7)
    expect(await contentOf(output)).toEqual(await contentOf(source))
  }
})

test('a complete partial file gets its name without what lies behind its last proven byte', async () => {
  const folder = await scratchFolder()
  const source = join(folder, 'source')
  await writeFile(source, sampleBytes(600_000))
  const { node, client } = await setting(folder)
  const { cid } = await importFileInto(node.store, source)
  const output = join(folder, 'output')
  // A folder takes the name at the last moment: everything is there but the name.
  const onProgress = (bytes: number): void => (bytes === 600_000 ? mkdirSync(output) : undefined)
  await expect(fetchInto(client, cid, output, { onProgress })).rejects.toMatchObject({ code: 'NODE_OUTPUT' })
  await rmdir(output)
  await appendFile(`${output}.part`, 'and more')
  const fetched = await fetchInto(client, cid, output)
  expect(fetched).toMatchObject({ kind: 'file', file: { size: 600_000, resumedAt: 600_000, receivedBytes: 0 } })
  expect(await readFile(output)).toEqual(await readFile(source))
})

test('a file is not written where a folder is, nor a folder where a file is, and what is there stays', async () => {
  const folder = await scratchFolder()
  const source = join(folder, 'source')
  await writeFile(source, sampleBytes(1_000))
  const { node, client } = await setting(folder)
  const { cid } = await importFileInto(node.store, source)
  const output = join(folder, 'output')
  await mkdir(output)
  await expect(downloadTree(client, cid, output)).rejects.toMatchObject({ code: 'NODE_OUTPUT' })
  expect((await readdir(folder)).sort()).toEqual(['data', 'output', 'source'])
})

test('one download at a time into one path: the second is refused by name, and a lock of a killed process is taken over', async () => {
  const folder = await scratchFolder()
  const path = join(folder, 'film.mp4')
  const [begun, finished] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = withOutputLock(path, () => {
    begun.resolve()
    return finished.promise
  })
  await begun.promise
  expect(await readdir(folder)).toEqual(['film.mp4.part.lock'])
  const second = withOutputLock(path, async () => 'both')
  await expect(second).rejects.toMatchObject({ code: 'NODE_OUTPUT', message: expect.stringContaining(`process ${process.pid}`) })
  finished.resolve()
  await first
  expect(await readdir(folder)).toEqual([])
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  await writeFile(`${path}.part.lock`, `${dead}\n`)
  expect(await withOutputLock(path, async () => 'mine')).toBe('mine')
  expect(await readdir(folder)).toEqual([])
})
