// Goal: `selvedge get` follows paths, writes a file under the name that its path ends with, and takes no more than `--max`, whatever is there already.
// Method: the command line in this process, a real node, and origins over real files; one stalls, one has a root that proves 5 GiB and no more.
import { encode as encodeDagPb } from '@ipld/dag-pb'
import { createClient, formatNodeAddress } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { encodeCarHeader, encodeSectionHead } from '@selvedge/verified-car'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { lastNameOf } from '../src/commands/get-address.ts'
import { importFileInto } from '../src/compose/import-file.ts'
import { startNode, type RunningNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { listFiles } from '../src/dag/file-list.ts'
import { serveDag } from '../src/dag/serve-dag.ts'
import { downloadRoot } from '../src/download/root-download.ts'
import { createSizeBound } from '../src/download/size-bound.ts'
import { downloadTree } from '../src/download/tree-download.ts'
import { parseLine, sampleBytes, scratchFolder, type Ran } from './harness.ts'
import { runHere } from './run-here.ts'
import { startOrigin, TreeBlocks } from './tree-world.ts'

vi.setConfig({ testTimeout: 240_000 }) // nothing is said of how long it takes

interface Setting {
  readonly folder: string
  readonly node: RunningNode
  /** Words behind `selvedge get`. */
  get(...words: readonly string[]): Promise<Ran>
}

async function setting(folder: string, origins: readonly string[]): Promise<Setting> {
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins })
  onTestFinished(() => node.stop())
  const where = ['--node', formatNodeAddress(node), '--data', join(folder, 'client'), '--json']
  return { folder, node, get: (...words) => runHere(['get', ...words, ...where]) }
}

/** A node whose origin serves files of these sizes, by path. */
async function siteOf(sizes: Readonly<Record<string, number>>): Promise<Setting & { readonly cid: CID }> {
  const folder = await scratchFolder()
  const site = join(folder, 'site')
  for (const [path, size] of Object.entries(sizes)) {
    await mkdir(dirname(join(site, path)), { recursive: true })
    await writeFile(join(site, path), bytesOf(path, size))
  }
  const dag = createFileDag()
  const cid = await dag.build(await listFiles(site))
  const origin = await serveDag(dag)
  onTestFinished(() => origin.stop())
  return { ...(await setting(folder, [origin.url])), cid }
}

/** Of a path, the same in each run. */
const bytesOf = (path: string, size: number): Buffer => sampleBytes(size, 1 + Buffer.from(path).reduce((sum, byte) => sum + byte, 0))
const codeOf = (ran: Ran): unknown => (parseLine(ran).error as { readonly code: string } | undefined)?.code
const refused = (ran: Ran): unknown[] => [ran.code, codeOf(ran)]
const TOO_LARGE = [1, 'NODE_TOO_LARGE']

/** Names of what lies in `folder` beside the node's own and the origin's. */
const written = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => !['data', 'site', 'client'].includes(name)).sort()

async function storedBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.proof'))
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const SITE = { 'photos/cat.png': 700_000, 'photos/notes/a b.txt': 10, 'top.bin': 3_000 }
const CAT = bytesOf('photos/cat.png', 700_000)

test('a path in each of its forms leads to the file, which has the same CID by all of them', async () => {
  const { folder, cid, get } = await siteOf(SITE)
  const forms = [
    `ipfs://${cid}/photos/cat.png`,
    `/ipfs/${cid}/photos/cat.png`,
    `https://gateway.example/ipfs/${cid}/photos/cat.png?format=raw#eyes`,
    `https://${cid}.ipfs.gateway.example/photos/cat.png`,
  ]
  const cids = new Set<unknown>()
  for (const [i, form] of forms.entries()) {
    const said = parseLine(await get(form, '-o', join(folder, `cat-${i}`)))
    expect(said).toMatchObject({ kind: 'file', bytes: CAT.length, verification: 'cid', output: join(folder, `cat-${i}`) })
    expect((await readFile(join(folder, `cat-${i}`))).equals(CAT)).toBe(true)
    cids.add(said.address)
  }
  expect(cids.size).toBe(1)
  const top = parseLine(await get(`ipfs://${cid}`, '-o', join(folder, 'all')))
  expect(top).toMatchObject({ kind: 'directory', files: 3, address: cid.toString() })
})

test('a file of a path goes into a folder under its last name, and a directory into the folder itself, again too', async () => {
  const { folder, cid, get } = await siteOf(SITE)
  const here = join(folder, 'here')
  await mkdir(here)
  const note = parseLine(await get(`ipfs://${cid}/photos/notes/a%20b.txt`, '-o', here))
  expect(note.output).toBe(join(here, 'a b.txt'))
  expect(await readFile(join(here, 'a b.txt'))).toEqual(bytesOf('photos/notes/a b.txt', 10))
  const cat = parseLine(await get(`/ipfs/${cid}/photos/cat.png`, '-o', `${here}/`))
  expect((await readFile(join(here, 'cat.png'))).equals(CAT)).toBe(true)
  expect((await get(`/ipfs/${cid}/photos/cat.png`, '--range', '10-19', '-o', here)).code).toBe(0)
  expect(await readFile(join(here, 'cat.png'))).toEqual(CAT.subarray(10, 20))
  for (let round = 0; round < 2; round++) {
    const photos = parseLine(await get(`/ipfs/${cid}/photos/`, '-o', join(folder, 'photos/')))
    expect(photos).toMatchObject({ kind: 'directory', files: 2, output: join(folder, 'photos') })
    expect((await readdir(join(folder, 'photos'))).sort()).toEqual(['cat.png', 'notes'])
  }
  for (const output of [`${here}/`, join(folder, 'nowhere/')]) {
    const nameless = await get(String(cat.address), '-o', output)
    expect(refused(nameless)).toEqual([1, 'NODE_OUTPUT'])
  }
  expect(await written(folder)).toEqual(['here', 'photos'])
  expect((await readdir(here)).sort()).toEqual(['a b.txt', 'cat.png'])
})

test('a path that leads nowhere, goes up, or has no such form is refused by its code, and nothing is written', async () => {
  const { folder, cid, get } = await siteOf(SITE)
  for (const [address, ...expected] of [
    [`ipfs://${cid}/photos/dog.png`, 1, 'CLIENT_NO_ENTRY'],
    [`ipfs://${cid}/top.bin/x`, 1, 'CLIENT_NO_ENTRY'],
    [`ipfs://${cid}/../site`, 2, 'CLIENT_BAD_ARGUMENT'],
    [`/ipfs/${cid}/photos/..%2f..%2fx`, 2, 'CLIENT_BAD_ARGUMENT'],
    ['docs/readme', 2, 'CLIENT_BAD_ARGUMENT'],
    ['nonsense', 2, 'NODE_USAGE'],
  ] as const)
    expect([address, ...refused(await get(address, '-o', `${folder}/`))]).toEqual([address, ...expected])
  expect(await written(folder)).toEqual([])
})

const ANY = 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4'

test.each([
  [ANY, undefined],
  [`ipfs://${ANY}`, undefined],
  [`ipfs://${ANY}/`, undefined],
  [`ipfs://${ANY}/a/b.txt`, 'b.txt'],
  [`ipfs://${ANY}/100%25`, '100%'],
  [`/ipfs/${ANY}`, undefined],
  [`/ipfs/${ANY}/a%20b/`, 'a b'],
  [`/ipfs/${ANY}/ipfs/x`, 'x'],
  [`https://h.example:8080/ipfs/${ANY}`, undefined],
  [`https://h.example:8080/ipfs/${ANY}/x?filename=y`, 'x'],
  [`https://docs.ipfs.h.example/ipfs/${ANY}/x#y`, 'x'],
  [`https://docs.ipfs.h.example/ipfs/${ANY}`, undefined],
  [`https://${ANY}.ipfs.h.example`, undefined],
  [`https://${ANY}.ipfs.h.example/ipfs/x`, 'x'],
  [`https://${ANY}.ipfs.h.example/ipfs`, 'ipfs'],
])('the last name of %s is %s', (address, name) => {
  expect(lastNameOf(address)).toBe(name)
})

const FILE_BYTES = 3_000_000

/** A node that holds one file. */
async function holding(): Promise<Setting & { readonly addresses: Readonly<Record<'CID' | 'root', string>>; readonly data: Buffer }> {
  const folder = await scratchFolder()
  const data = sampleBytes(FILE_BYTES, 4)
  await writeFile(join(folder, 'site'), data)
  const set = await setting(folder, [])
  const { cid, entity } = await importFileInto(set.node.store, join(folder, 'site'))
  return { ...set, data, addresses: { CID: cid.toString(), root: Buffer.from(entity.root!).toString('hex') } }
}

test.each(['CID', 'root'] as const)('a file may have --max bytes and no more, by %s; of a larger one nothing is left', async (how) => {
  const { folder, data, addresses, get, node } = await holding()
  const address = addresses[how]
  const out = join(folder, 'out')
  for (const max of ['0', '16KiB', String(FILE_BYTES - 1)]) {
    const ran = await get(address, '-o', out, '--max', max)
    expect(refused(ran)).toEqual(TOO_LARGE)
    expect(ran.stderr).toMatch(/^selvedge: .*out.*: at most \d+ bytes are taken \(--max\)\n$/)
    expect(await written(folder)).toEqual([])
  }
  const stdout = await runHere(['get', address, '--max', '10', '--node', formatNodeAddress(node), '--data', join(folder, 'client')])
  expect([stdout.code, stdout.stdout]).toEqual([1, ''])
  expect(stdout.stderr).toContain('at most 10 bytes are taken')
  expect(refused(await get(address, '--range', '1000-1999', '--max', '999', '-o', out))).toEqual(TOO_LARGE)
  expect((await get(address, '--range', '1000-1999', '--max', '1000', '-o', out)).code).toBe(0)
  expect(await readFile(out)).toEqual(data.subarray(1_000, 2_000))
  for (const max of [String(FILE_BYTES), '3MiB']) {
    expect((await get(address, '-o', out, '--max', max)).code).toBe(0)
    expect((await readFile(out)).equals(data)).toBe(true)
  }
})

test('a root has no name to lie under in a folder: that is said before anything comes', async () => {
  const { folder, addresses, get } = await holding()
  const here = join(folder, 'here')
  await mkdir(here)
  for (const output of [here, `${here}/`, join(folder, 'nowhere/')]) {
    const ran = await get(addresses.root, '-o', output)
    expect(refused(ran)).toEqual([1, 'NODE_OUTPUT'])
    expect(ran.stderr).toContain('it is a folder, and this is a file without a name')
  }
  expect([await written(folder), await readdir(here)]).toEqual([['here'], []])
})

test.each(['CID', 'root'] as const)('what an earlier run has of a file counts too, and goes on where more may come, by %s', async (how) => {
  const { folder, data, addresses, get, node } = await holding()
  const out = join(folder, 'out')
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  const controller = new AbortController()
  const options = {
    signal: controller.signal,
    onProgress: (bytes: number): void => {
      if (bytes >= 1_000_000) controller.abort(new Error('left'))
    },
  }
  const { cid } = await importFileInto(node.store, join(folder, 'site'))
  const leaving =
    how === 'CID' ? downloadTree(client, cid, out, options) : downloadRoot(client, Buffer.from(addresses.root, 'hex'), out, options)
  await expect(leaving).rejects.toThrow('left')
  const { size } = await stat(`${out}.part`)
  for (const max of ['500000', String(FILE_BYTES - 1)]) {
    expect(refused(await get(addresses[how], '-o', out, '--max', max))).toEqual(TOO_LARGE)
    expect((await stat(`${out}.part`)).size).toBe(size)
  }
  const said = parseLine(await get(addresses[how], '-o', out, '--max', String(FILE_BYTES)))
  expect(Number(said.receivedBytes)).toBeLessThan(FILE_BYTES - 900_000)
  expect((await readFile(out)).equals(data)).toBe(true)
  expect(await written(folder)).toEqual(['out'])
})

test('a file that came whole, and has only no name yet, counts too, by CID', async () => {
  const { folder, addresses, get, node } = await holding()
  const out = join(folder, 'out')
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  const { cid } = await importFileInto(node.store, join(folder, 'site'))
  // A folder takes the name at the last moment: everything is there but the name.
  const onProgress = (bytes: number): void => (bytes === FILE_BYTES ? mkdirSync(out) : undefined)
  await expect(downloadTree(client, cid, out, { onProgress })).rejects.toMatchObject({ code: 'NODE_OUTPUT' })
  await rmdir(out)
  expect(refused(await get(addresses.CID, '-o', out, '--max', String(FILE_BYTES - 1)))).toEqual(TOO_LARGE)
  expect(await written(folder)).toEqual(['out.part', 'out.part.proof'])
  expect(parseLine(await get(addresses.CID, '-o', out, '--max', String(FILE_BYTES)))).toMatchObject({ receivedBytes: 0 })
})

test('a file that came whole, and has only no name yet, counts too, by root', async () => {
  const { folder, data, addresses, get, node } = await holding()
  const out = join(folder, 'out')
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  const controller = new AbortController()
  const onProgress = (bytes: number): void => (bytes === FILE_BYTES ? controller.abort(new Error('left')) : undefined)
  const leaving = downloadRoot(client, Buffer.from(addresses.root, 'hex'), out, { signal: controller.signal, onProgress })
  await expect(leaving).rejects.toThrow('left')
  expect(refused(await get(addresses.root, '-o', out, '--max', String(FILE_BYTES - 1)))).toEqual(TOO_LARGE)
  expect(await written(folder)).toEqual(['out.pairs', 'out.part', 'out.state'])
  expect(parseLine(await get(addresses.root, '-o', out, '--max', String(FILE_BYTES)))).toMatchObject({ receivedBytes: 0 })
  expect((await readFile(out)).equals(data)).toBe(true)
})

test('a folder is bounded by all of its files together, new or begun, and goes on where more may come', async () => {
  const sizes = { a: 1_000, b: 2_000_000, c: 500, 'sub/d': 300_000 }
  const all = 2_301_500
  const { folder, cid, get } = await siteOf(sizes)
  const out = join(folder, 'out')
  for (let round = 0; round < 2; round++) {
    expect(refused(await get(cid.toString(), '-o', out, '--max', String(all - 1)))).toEqual(TOO_LARGE)
    expect(await storedBytes(out)).toBe(all - 300_000)
  }
  expect(refused(await get(cid.toString(), '-o', out, '--max', '1500'))).toEqual(TOO_LARGE) // here are more already
  const said = parseLine(await get(cid.toString(), '-o', out, '--max', String(all)))
  expect(said).toMatchObject({ kind: 'directory', files: 4, bytes: all, here: 3 })
  for (const [path, size] of Object.entries(sizes)) expect((await readFile(join(out, path))).equals(bytesOf(path, size))).toBe(true)
  expect(await written(folder)).toEqual(['out'])
})

test('files that come at the same time into a folder share the bound', async () => {
  const sizes = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`file-${i}`, 300_000]))
  const { folder, cid, get } = await siteOf(sizes)
  const out = join(folder, 'out')
  await mkdir(out)
  await writeFile(join(out, 'note'), '') // so it is gone through file by file
  expect(refused(await get(cid.toString(), '-o', out, '--max', '1000000'))).toEqual(TOO_LARGE)
  expect(await storedBytes(out)).toBeLessThanOrEqual(900_000)
  expect(parseLine(await get(cid.toString(), '-o', out, '--max', '2400000'))).toMatchObject({ files: 8, bytes: 2_400_000 })
})

test('where one file is too much the others are left at once, also one that stalls', async () => {
  const folder = await scratchFolder()
  const stall = Promise.withResolvers<Uint8Array>()
  stall.promise.catch(() => {}) // maybe nobody asks
  const blocks = new TreeBlocks()
  const leaves = [1, 2].map((seed) => new Uint8Array(sampleBytes(300_000, seed)))
  const cids = await Promise.all(leaves.map((leaf) => blocks.node(0x55, leaf)))
  const stalling = await blocks.node(0x70, fileNode(cids, 300_000))
  const large = await blocks.node(0x55, new Uint8Array(sampleBytes(600_011, 3)))
  const cid = await blocks.directory([
    ['a-stalling', stalling], // of two failures the first one's would be told
    ['large', large],
  ])
  const held = blocks.get
  blocks.get = async (asked) => (asked.equals(cids[1]) ? await stall.promise : await held(asked))
  const origin = await startOrigin(blocks)
  const { get } = await setting(folder, [origin.url])
  const out = join(folder, 'out')
  await mkdir(out)
  await writeFile(join(out, 'note'), '')
  const ran = await get(cid.toString(), '-o', out, '--max', '600010')
  stall.reject(new Error('the test is over'))
  expect(refused(ran)).toEqual(TOO_LARGE)
  expect(await readdir(out)).not.toContain('large')
})

/** Its parts have `partBytes` each. */
function fileNode(parts: readonly CID[], partBytes: number): Uint8Array {
  const Data = new UnixFS({ type: 'file', blockSizes: parts.map(() => BigInt(partBytes)) }).marshal()
  return encodeDagPb({ Data, Links: parts.map((Hash) => ({ Name: '', Hash, Tsize: partBytes })) })
}

/** A file of 5 GiB by its root, and an origin that sends that root and nothing more. */
async function startVast(): Promise<{ readonly url: string; readonly cid: CID; breakOff(): void }> {
  const blocks = new TreeBlocks()
  const leaf = await blocks.node(0x55, new Uint8Array(2 ** 20))
  const root = fileNode(
    Array.from({ length: 5 * 1024 }, () => leaf),
    2 ** 20,
  )
  const cid = await blocks.node(0x70, root)
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=y' })
    response.write(Buffer.concat([encodeCarHeader([cid]), encodeSectionHead(cid, root.length), root]))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakOff = (): void => {
    server.close()
    server.closeAllConnections()
  }
  onTestFinished(breakOff)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cid, breakOff }
}

test('a file whose first block proves 5 GiB is refused by that block', async () => {
  const { url, cid } = await startVast()
  const { folder, get } = await setting(await scratchFolder(), [url])
  const ran = await get(cid.toString(), '-o', join(folder, 'out'), '--max', '1GiB')
  expect(refused(ran)).toEqual(TOO_LARGE)
  expect(ran.stderr).toContain(`has ${5 * 2 ** 30} bytes or more`)
  expect(await written(folder)).toEqual([])
})

test('without --max whoever sits at a terminal is told of 4 GiB and more, before the first byte', async () => {
  const before = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY')
  Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true })
  onTestFinished(() => {
    if (before === undefined) Reflect.deleteProperty(process.stderr, 'isTTY')
    else Object.defineProperty(process.stderr, 'isTTY', before)
  })
  const { url, cid, breakOff } = await startVast()
  const { folder, get } = await setting(await scratchFolder(), [url])
  const running = get(cid.toString(), '-o', join(folder, 'vast'))
  const said = (): string =>
    vi
      .mocked(process.stderr.write)
      .mock.calls.map(([text]) => String(text))
      .join('')
  await expect.poll(said, { timeout: 120_000 }).toContain(`${basename(folder)}/vast: 5 GiB or more are to come`)
  breakOff()
  expect((await running).code).toBe(1)
})

test('a bound adds up, throws the same from the first refusal on, and ends with whoever ends the download', () => {
  const controller = new AbortController()
  const large: number[] = []
  using bound = createSizeBound('it', { bytesMax: 6 * 2 ** 30, signal: controller.signal, onLarge: (bytes) => large.push(bytes) })
  for (const gib of [3, 1, 1, 1]) bound.take(gib * 2 ** 30)
  expect(large).toEqual([4 * 2 ** 30])
  expect(bound.signal.aborted).toBe(false)
  const thrown = [1, 0].map((bytes) => {
    try {
      return bound.take(bytes)
    } catch (error) {
      return error
    }
  })
  expect(thrown[0]).toMatchObject({ code: 'NODE_TOO_LARGE', details: { bytesMax: 6 * 2 ** 30 } })
  expect([thrown[1], bound.signal.reason]).toEqual([thrown[0], thrown[0]])
  using other = createSizeBound('other', { signal: controller.signal })
  other.take(Number.MAX_SAFE_INTEGER)
  controller.abort(new Error('ended'))
  expect(other.signal.reason).toMatchObject({ message: 'ended' })
  expect(() => other.take(0)).toThrow('ended')
  using late = createSizeBound('late', { signal: controller.signal })
  expect(late.signal.aborted).toBe(true)
})
