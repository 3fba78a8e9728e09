// Goal: a download that dies goes on where it was, from any host, and ends with the file or not at all.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFileStore } from '../src/file-store.node.ts'
import { ChunkRanges, createMemoryStore, createOutboard, createSink, formatRoot, openVerified, type VerifyError } from '../src/index.ts'
import { randomBytes, type StaticHost, startStaticHost } from './hosts/static-host.ts'
import { temporaryFolder } from './hosts/temporary-folder.ts'

const content = randomBytes(12_345_678)
let folder: string
let root: Uint8Array
let outboard: Uint8Array

beforeAll(async () => {
  folder = temporaryFolder()
  ;({ root, outboard } = await createOutboard(content))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const host = (bytes: Uint8Array): Promise<StaticHost> => startStaticHost({ '/file': bytes, '/file.obao4': outboard })
const isSame = (path: string): boolean => Buffer.compare(readFileSync(path), content) === 0

test('one host lies in the middle, the other completes: only what was missing is asked for again', async () => {
  const wrong = content.slice()
  wrong[8_000_000]! ^= 1
  await using liar = await host(wrong)
  await using honest = await host(content)
  const path = join(folder, 'two-hosts')
  const store = await openFileStore(path)
  const sink = createSink(root, { store, state: store.state })
  const error = await sink
    .receive(openVerified(`${liar.origin}/file`, root).encode(), { source: 'liar' })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'VERIFY_MISMATCH', details: { source: 'liar' } } satisfies Partial<VerifyError>)
  await expect(store.finish(sink)).rejects.toMatchObject({ code: 'VERIFY_INCOMPLETE' })
  const ranges = sink.missing()
  await sink.receive(openVerified(`${honest.origin}/file`, root).encode(ranges), { source: 'honest', ranges })
  await store.finish(sink)
  expect(isSame(path)).toBe(true)
  expect(readdirSync(folder).filter((name) => name.startsWith('two-hosts'))).toEqual(['two-hosts'])
  expect(honest.sent['/file']).toBeLessThan(content.length - 7_900_000)
})

test('a state that was left by a finish which died speaks of no file: nothing is held, and the file that has its name stays', async () => {
  await using mirror = await host(content)
  const path = join(folder, 'named')
  const store = await openFileStore(path)
  const sink = createSink(root, { store })
  await sink.receive(openVerified(`${mirror.origin}/file`, root).encode())
  await store.save(sink)
  const left = ['state', 'pairs'].map((ending) => [`${path}.${ending}`, readFileSync(`${path}.${ending}`)] as const)
  await store.finish(sink)
  for (const [name, bytes] of left) writeFileSync(name, bytes) // as if it had died behind the renaming
  for (let life = 0; life < 2; life++) {
    const next = await openFileStore(path)
    expect(next.state).toBeUndefined()
    const anew = createSink(root, { store: next })
    await expect(next.finish(anew)).rejects.toMatchObject({ code: 'VERIFY_INCOMPLETE' })
    await next.close() // and this one dies before it saves anything
    expect(isSame(path)).toBe(true)
  }
})

test('files that cannot be opened are let go of', async () => {
  const path = join(folder, 'blocked')
  for (const ending of ['part', 'pairs']) writeFileSync(`${path}.${ending}`, '')
  mkdirSync(`${path}.state`) // no file
  await expect(openFileStore(path)).rejects.toMatchObject({ code: 'EISDIR' })
  const opened = readdirSync('/proc/self/fd').flatMap((each) => {
    try {
      return readlinkSync(`/proc/self/fd/${each}`)
    } catch {
      return [] // the one that has listed the others
    }
  })
  expect(opened.filter((name) => name.startsWith(path))).toEqual([])
})

test('scattered ranges are asked for one by one, not what lies between them', async () => {
  await using mirror = await host(content)
  const ranges = ChunkRanges.fromByteRanges([{ start: 5, end: 6 }, { start: 5_000_000, end: 5_050_000 }, { start: 12_000_000 }])
  const store = await openFileStore(join(folder, 'scattered'))
  const sink = createSink(root, { store })
  await sink.receive(openVerified(`${mirror.origin}/file`, root).encode(ranges), { ranges })
  expect(sink.missing(ranges).isEmpty).toBe(true)
  await store.close()
  expect(mirror.sent['/file']).toBeLessThan(16_384 + 50_000 + 345_678 + 4 * 16_384)
})

test('killed with -9 in the middle, the script of the README asks only for what was not saved', { timeout: 60_000 }, async () => {
  await using stalling = await startStaticHost({ '/file': content, '/file.obao4': outboard }, { stallsAfter: 3_000_000 })
  await using mirror = await host(content)
  const path = join(folder, 'killed')
  const script = join(import.meta.dirname, '../examples/resume/download.js')
  const start = (origin: string): { child: ChildProcess; ended: Promise<number | null> } => {
    const args = ['--conditions=@selvedge/source', script, formatRoot(root), path, `${origin}/file`]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    return { child, ended: new Promise((resolve) => child.on('close', resolve)) }
  }
  const first = start(stalling.origin)
  const held = await new Promise<ChunkRanges>((resolve) => {
    const watcher = watch(folder, (_event, name) => {
      if (name !== 'killed.state' || !existsSync(`${path}.state`)) return
      const sink = createSink(root, { store: createMemoryStore(), state: readFileSync(`${path}.state`) })
      if (sink.held.isEmpty) return // the next one
      watcher.close()
      first.child.kill('SIGKILL')
      resolve(sink.held)
    })
  })
  expect(await first.ended).toBeNull()
  expect(existsSync(path)).toBe(false)
  const state = createSink(root, { store: createMemoryStore(), state: readFileSync(`${path}.state`) })
  const missing = state
    .missing()
    .byteRanges(content.length)
    .reduce((sum, { start, end }) => sum + end - start, 0)
  expect(missing).toBeLessThanOrEqual(content.length - held.byteRanges(content.length)[0]!.end)
  expect(await start(mirror.origin).ended).toBe(0)
  expect(isSame(path)).toBe(true)
  expect(mirror.sent['/file']).toBeLessThanOrEqual(missing + 16_384)
  expect(readdirSync(folder).filter((name) => name.startsWith('killed'))).toEqual(['killed'])
})
