import { decode } from '@ipld/dag-pb'
import { mkdir, readdir, readlink, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createFileDag } from '../src/dag/file-dag.ts'
import { createLeafFiles } from '../src/dag/leaf-files.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

/** How many descriptors of this process lead below `folder`; Linux says it. */
async function openBelow(folder: string): Promise<number> {
  const targets = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(folder)).length
}

test.runIf(process.platform === 'linux')('leaves are read from one open file, few stay open, and none for long', async () => {
  const folder = await scratchFolder()
  const bytes = sampleBytes(100_000)
  const paths = Array.from({ length: 40 }, (_, i) => join(folder, `file-${i}`))
  for (const path of paths) await writeFile(path, bytes)
  const files = createLeafFiles()
  const leaves = await Promise.all(Array.from({ length: 10 }, (_, i) => files.read(paths[0]!, i * 10_000, 10_000)))
  expect(Buffer.concat(leaves).equals(bytes)).toBe(true)
  expect(await openBelow(folder)).toBeLessThanOrEqual(1)
  for (const path of paths) expect(await files.read(path, 99_000, 5_000)).toEqual(new Uint8Array(bytes.subarray(99_000)))
  expect(await openBelow(folder)).toBeLessThanOrEqual(16)
  while ((await openBelow(folder)) > 0) await delay(50)
})

test('a file that cannot be read is tried again by the next', async () => {
  const folder = await scratchFolder()
  const path = join(folder, 'later')
  const files = createLeafFiles()
  await expect(files.read(path, 0, 4)).rejects.toThrow('ENOENT')
  await writeFile(path, 'here')
  expect(Buffer.from(await files.read(path, 0, 4)).toString()).toBe('here')
})

test('a file that changed since its DAG was built is an error, also where it is open still', async () => {
  const folder = await scratchFolder()
  const file = join(folder, 'file')
  const bytes = sampleBytes(100_000)
  await writeFile(file, bytes)
  const dag = createFileDag()
  const cid = await dag.build([{ path: 'file', file, size: bytes.length }], { wrap: false })
  expect(Buffer.from(await dag.blocks.get(cid)).equals(bytes)).toBe(true)
  const other = createFileDag()
  await other.build([{ path: 'file', file, size: bytes.length }], { wrap: false })
  bytes[5]! ^= 1
  await writeFile(file, bytes)
  await expect(other.blocks.get(cid)).rejects.toMatchObject({ code: 'NODE_FILE_CHANGED' })
})

test.runIf(process.platform === 'linux')('what cannot be read is not kept open', async () => {
  const folder = await scratchFolder()
  const path = join(folder, 'folder-by-now')
  await mkdir(path)
  const files = createLeafFiles()
  await Promise.all(Array.from({ length: 20 }, () => expect(files.read(path, 0, 4)).rejects.toThrow('EISDIR')))
  expect(await openBelow(folder)).toBe(0)
})

test('where the file that is open is no longer what it was, the next one sees what has its name by then', async () => {
  const folder = await scratchFolder()
  const [file, copy] = [join(folder, 'file'), join(folder, 'copy')]
  const bytes = sampleBytes(400_000) // two leaves, none of which is held
  for (const path of [file, copy]) await writeFile(path, bytes)
  const dag = createFileDag()
  const root = await dag.build([{ path: 'file', file, size: bytes.length }], { wrap: false })
  const links = decode(await dag.blocks.get(root)).Links.map(({ Hash }) => Hash)
  await dag.blocks.get(links[0]!) // it is open from here on
  await truncate(file, 300_000)
  await expect(dag.blocks.get(links[1]!)).rejects.toMatchObject({ code: 'NODE_FILE_CHANGED' })
  await rename(copy, file)
  expect(Buffer.from(await dag.blocks.get(links[1]!)).equals(bytes.subarray(262_144))).toBe(true)
})

test('a large file leaves turns to what else the process does, and building it ends by its signal', async () => {
  const bytes = sampleBytes(12 * 2 ** 20)
  const dag = createFileDag()
  const controller = new AbortController()
  const building = dag.build([{ path: 'film', file: 'film', size: bytes.length, bytes }], { wrap: false, signal: controller.signal })
  const look = (): void => {
    if (dag.stats.leaves > 0) controller.abort(new Error('nobody wants it'))
    else setImmediate(look)
  }
  look()
  await expect(building).rejects.toThrow('nobody wants it') // without turns it would be whole before anybody could say so
  expect(dag.stats.bytes).toBeLessThan(bytes.length)
})
