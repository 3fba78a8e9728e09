import { copyFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { verifyBlocks } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { formatNodeAddress } from '@selvedge/client'
import { hash } from '@selvedge/verified-streaming'
import { fetchInto, type FileDownloadResult } from '../src/download/file-download.ts'
import { downloadRoot } from '../src/download/root-download.ts'
import { interrupt } from '../src/demo/interruption.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const DATA = sampleBytes(60_000_000, 3)
const LEAF = 256 * 1024

interface Setting {
  readonly stop: () => Promise<void>
  readonly folder: string
  readonly file: string
  readonly cid: CID
  readonly address: string
}

/** A node in this process that holds one file, of leaves of `leafBytes`. */
async function setting(bytes: Buffer = DATA, leafBytes = LEAF): Promise<Setting> {
  const folder = await scratchFolder()
  const file = join(folder, 'source')
  await writeFile(file, bytes)
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins: [] })
  onTestFinished(() => node.stop())
  const dag = createFileDag()
  const cid = await dag.build([{ path: 'source', file, size: bytes.length }], { wrap: false, leafBytes })
  const arriving = node.store.importFile(cid)
  for await (const block of verifyBlocks(cid, dag.blocks)) await arriving.add(block)
  await arriving.commit()
  return { folder, file, cid, address: formatNodeAddress(node), stop: () => node.stop() }
}

async function fetchOnce({ address, cid }: Setting, path: string, signal?: AbortSignal): Promise<FileDownloadResult> {
  const client = createClient({ nodes: [address] })
  try {
    const fetched = await fetchInto(client, cid, path, signal === undefined ? {} : { signal })
    if (fetched.kind !== 'file') throw new Error(`it is a ${fetched.kind}`)
    return fetched.file
  } finally {
    await client.close()
  }
}

/** A download that was left when at least `bytes` were there. */
async function leavePartial({ address, cid }: Setting, path: string, bytes: number): Promise<void> {
  const client = createClient({ nodes: [address] })
  const controller = new AbortController()
  const onProgress = (done: number): void => {
    if (done >= bytes) controller.abort(new Error('left'))
  }
  await expect(fetchInto(client, cid, path, { signal: controller.signal, onProgress })).rejects.toThrow('left')
  await client.close()
}

test.each([
  LEAF,
  100_000, // most of them end where no write does
])('a client process that is killed with -9 costs nothing but the leaf of %i bytes that it was in', async (leafBytes) => {
  const set = await setting(DATA, leafBytes)
  const outcome = await interrupt(set.address, set.cid, DATA, join(set.folder, 'out'), 0.4)
  expect(outcome).toMatchObject({ isTrue: true })
  const { keptBytes, resumedAt, bytesAgain } = outcome!
  expect(keptBytes).toBeLessThan(DATA.length)
  expect(resumedAt).toBeGreaterThan(DATA.length * 0.35)
  expect(keptBytes - resumedAt).toBeLessThanOrEqual(2 ** 20)
  expect(bytesAgain).toBeLessThanOrEqual(2 ** 20)
  await expect(stat(join(set.folder, 'out.part.proof'))).rejects.toThrow('ENOENT')
})

test('what came of a second node after the first one failed is proven again as well', async () => {
  const bytes = DATA.subarray(0, 60 * 100_000)
  const [first, second] = [await setting(bytes, 100_000), await setting(bytes, 100_000)]
  const out = join(first.folder, 'out')
  const client = createClient({ nodes: [first.address, second.address] })
  onTestFinished(() => client.close())
  const controller = new AbortController()
  let stopped: Promise<void> | undefined
  const onProgress = (done: number): void => {
    if (done >= 2_000_000) stopped ??= first.stop()
    if (done >= 5_000_000) controller.abort(new Error('left'))
  }
  await expect(fetchInto(client, first.cid, out, { signal: controller.signal, onProgress })).rejects.toThrow('left')
  await stopped
  const { resumedAt } = await fetchOnce(second, out)
  expect(resumedAt).toBeGreaterThanOrEqual(4_900_000)
  expect((await readFile(out)).equals(bytes)).toBe(true)
})

describe('what lies on disk is proven before it is trusted', () => {
  let partial: Buffer
  let journal: Buffer
  let shared: Setting

  beforeAll(async () => {
    partial = Buffer.alloc(0)
  })

  async function prepared(): Promise<{ set: Setting; out: string }> {
    const set = await setting(DATA.subarray(0, 20 * LEAF + 1000))
    const out = join(set.folder, 'out')
    await leavePartial(set, out, 10 * LEAF)
    partial = await readFile(`${out}.part`)
    journal = await readFile(`${out}.part.proof`)
    shared = set
    return { set, out }
  }

  test('nothing is asked again that is whole', async () => {
    const { set, out } = await prepared()
    const result = await fetchOnce(set, out)
    expect(result.resumedAt % LEAF).toBe(0)
    expect(result.resumedAt).toBeGreaterThanOrEqual(9 * LEAF)
    expect(result.receivedBytes - result.interiorBytes).toBeLessThan(20 * LEAF + 1000 - result.resumedAt + 1024)
    expect(await readFile(out)).toEqual(await readFile(set.file))
  })

  test('a byte that changed on disk is found, and everything from its leaf on is fetched again', async () => {
    const { set, out } = await prepared()
    const file = await open(`${out}.part`, 'r+')
    await file.write(Buffer.of(partial[5 * LEAF + 77]! ^ 1), 0, 1, 5 * LEAF + 77)
    await file.close()
    const result = await fetchOnce(set, out)
    expect(result.resumedAt).toBe(5 * LEAF)
    expect(await readFile(out)).toEqual(await readFile(set.file))
  })

  test.each([
    ['cut in the middle of a record', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5)],
    ['empty', () => Buffer.alloc(0)],
    ['noise', (bytes: Buffer) => sampleBytes(bytes.length, 9)],
    ['with a changed node', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 60), Buffer.of(bytes[60]! ^ 4), bytes.subarray(61)])],
    ['with lengths beyond all bounds', (bytes: Buffer) => Buffer.concat([Buffer.alloc(13, 0xff), bytes])],
  ])('a journal that is %s ends the proof there, and the file comes out true', async (_, damage) => {
    const { set, out } = await prepared()
    await writeFile(`${out}.part.proof`, damage(journal))
    const result = await fetchOnce(set, out)
    expect(result.resumedAt).toBeLessThanOrEqual(partial.length)
    expect(await readFile(out)).toEqual(await readFile(set.file))
  })

  test('a part that is shorter than its journal says ends the proof there', async () => {
    const { set, out } = await prepared()
    await truncate(`${out}.part`, 3 * LEAF + 5)
    expect((await fetchOnce(set, out)).resumedAt).toBe(3 * LEAF)
    expect(await readFile(out)).toEqual(await readFile(set.file))
  })

  test("another file's part is no use, and does no harm", async () => {
    await prepared()
    const other = await setting(sampleBytes(10 * LEAF, 8))
    const out = join(other.folder, 'out')
    await copyFile(join(shared.folder, 'out.part'), `${out}.part`)
    await copyFile(join(shared.folder, 'out.part.proof'), `${out}.part.proof`)
    expect((await fetchOnce(other, out)).resumedAt).toBe(0)
    expect(await readFile(out)).toEqual(await readFile(other.file))
  })

  test('a download that was complete but not named is only proven', async () => {
    const { set, out } = await prepared()
    await fetchOnce(set, out)
    const whole = join(set.folder, 'whole')
    await leavePartial(set, whole, 20 * LEAF + 1000).catch(() => {})
    await expect(stat(`${whole}.part`)).resolves.toBeDefined()
    const result = await fetchOnce(set, whole)
    expect(await readFile(whole)).toEqual(await readFile(set.file))
    expect(result.resumedAt).toBeGreaterThan(18 * LEAF)
  })

  test('left again and again, it still comes out true', async () => {
    const { set, out } = await prepared()
    for (const leaves of [12, 15, 18]) await leavePartial(set, out, leaves * LEAF)
    const result = await fetchOnce(set, out)
    expect(result.resumedAt).toBeGreaterThanOrEqual(17 * LEAF)
    expect(await readFile(out)).toEqual(await readFile(set.file))
  })
})

test('a download by root that was left goes on, proves what is on disk first, and fetches again only what is not true', {
  timeout: 600_000,
}, async () => {
  const set = await setting(DATA.subarray(0, 20_000_000))
  const root = Buffer.from(hash(DATA.subarray(0, 20_000_000)))
  const out = join(set.folder, 'by-root')
  const client = createClient({ nodes: [set.address] })
  onTestFinished(() => client.close())
  const controller = new AbortController()
  const onProgress = (bytes: number): void => {
    if (bytes >= 12_000_000) controller.abort(new Error('left'))
  }
  await expect(downloadRoot(client, root, out, { signal: controller.signal, onProgress })).rejects.toThrow('left')
  const file = await open(`${out}.part`, 'r+')
  await file.write(Buffer.alloc(100, 0xee), 0, 100, 2_000_000)
  await file.close()
  const result = await downloadRoot(client, root, out)
  expect(result.resumedAt).toBeGreaterThanOrEqual(11_900_000) // all that came but what was overwritten
  expect(result.receivedBytes).toBeLessThan((20_000_000 - result.resumedAt) * 1.02 + 65_536)
  expect((await readFile(out)).equals(DATA.subarray(0, 20_000_000))).toBe(true)
  await expect(stat(`${out}.state`)).rejects.toThrow('ENOENT')
})
