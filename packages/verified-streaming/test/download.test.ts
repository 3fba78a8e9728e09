// Goal: a download that dies goes on where it was, from any host, and ends with the file or not at all.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFileStore } from '../src/file-store.node.ts'
import { ChunkRanges, createOutboard, createSink, formatRoot, openVerified, type VerifyError } from '../src/index.ts'
import { randomBytes, type StaticHost, startStaticHost } from './hosts/static-host.ts'

const content = randomBytes(12_345_678)
let folder: string
let root: Uint8Array
let outboard: Uint8Array

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'verified-streaming-'))
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

test('scattered ranges are asked for one by one, not what lies between them', async () => {
  await using mirror = await host(content)
  const ranges = ChunkRanges.fromByteRanges([{ start: 5, end: 6 }, { start: 5_000_000, end: 5_050_000 }, { start: 12_000_000 }])
  const sink = createSink(root, { store: await openFileStore(join(folder, 'scattered')) })
  await sink.receive(openVerified(`${mirror.origin}/file`, root).encode(ranges), { ranges })
  expect(sink.missing(ranges).isEmpty).toBe(true)
  expect(mirror.sent['/file']).toBeLessThan(16_384 + 50_000 + 345_678 + 4 * 16_384)
})

test('killed with -9 in the middle, a new process asks only for what was not saved', { timeout: 60_000 }, async () => {
  await using mirror = await host(content)
  const path = join(folder, 'killed')
  const source = new URL('../src', import.meta.url).href
  const code = `
    const { createSink, openVerified, parseRoot } = await import('${source}/index.ts')
    const { openFileStore } = await import('${source}/file-store.node.ts')
    const root = parseRoot('${formatRoot(root)}')
    const store = await openFileStore(${JSON.stringify(path)})
    const sink = createSink(root, { store, state: store.state })
    const ranges = sink.missing()
    console.log('missing ' + JSON.stringify(ranges.boundaries))
    let saved = 0, got = 0
    const pieces = async function* () {
      for await (const piece of openVerified('${mirror.origin}/file', root).encode(ranges)) {
        yield piece
        if ((got += piece.length) - saved > 1_000_000) { saved = got; await store.save(sink); console.log('saved ' + got) }
      }
    }
    await sink.receive(pieces(), { ranges })
    await store.finish(sink)
    console.log('done')`
  const run = (killAfter: number): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code])
      let out = ''
      child.stdout.on('data', (text: Buffer) => {
        out += text.toString()
        if (out.split('saved').length > killAfter) child.kill('SIGKILL')
      })
      child.stderr.on('data', (text: Buffer) => (out += text.toString()))
      child.on('close', () => resolve(out))
    })
  const first = await run(4)
  expect(first).not.toContain('done')
  expect(existsSync(path)).toBe(false)
  const sentFirst = mirror.sent['/file']!
  expect(sentFirst).toBeGreaterThan(3_000_000)
  const second = await run(Number.POSITIVE_INFINITY)
  expect(second).toContain('done')
  expect(isSame(path)).toBe(true)
  const [from] = /missing \[(\d+)/.exec(second)!.slice(1).map(Number)
  expect(from! * 1024).toBeGreaterThan(3_000_000)
  expect(mirror.sent['/file']! - sentFirst).toBeLessThanOrEqual(content.length - from! * 1024 + 16_384)
})
