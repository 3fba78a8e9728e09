/**
 * The README's calls as they stand there, against real nodes. Its addresses and offsets are those of no node here, so they are replaced;
 * what else it names is handed in.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test } from 'vitest'
import { type Client, type ClientOptions, createClient, formatNodeAddress } from '../src/index.ts'
import { MemoryContent, sampleBytes, serving, startNode } from './node.ts'

const FILE = sampleBytes(300_000)
const TREE = { 'a.txt': sampleBytes(10), 'deep/b.txt': sampleBytes(20_000, 2) }
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (...lines: string[]) => (...args: unknown[]) => Promise<void>

/** The block that names this test, with each text of `replaced` in place of what the page has; it must be there so many times. */
async function codeOf(replaced: readonly (readonly [string, readonly string[]])[]): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, block = ''] = /```ts tested-by=test\/readme\.test\.ts\n(.*?)```/s.exec(readme) ?? []
  return replaced.reduce((code, [text, values]) => {
    const parts = code.split(text)
    expect([text, parts.length - 1]).toEqual([text, values.length])
    return parts.reduce((before, after, i) => before + values[i - 1]! + after)
  }, block)
}

test('the calls that are wanted most do what stands beside them', async () => {
  const content = new MemoryContent()
  const [file, tree, root] = [await content.add({ file: FILE }), await content.add(TREE), await content.addRoot(FILE)]
  const address = (): Promise<string> => startNode(serving(content)).then(formatNodeAddress)
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const handle = await open(join(folder, 'file'), 'w')
  onTestFinished(() => handle.close())
  const code = await codeOf([
    ['selvedge://node.example:4433/67e3…7a7f', [await address()]],
    ['selvedge://other.example:4433/a2b0…11c9', [await address()]],
    ['bafybei…', [file, file, tree, tree].map(String)],
    ['{ start: 100_000_000, end: 108_388_608 }', ['{ start: 100_000, end: 108_388 }']],
    ['timeout(10_000)', ['timeout(600_000)']], // no word about how long it takes here
    ["'folder'", [join(folder, 'tree'), join(folder, 'tree')].map((path) => JSON.stringify(path))],
  ])

  const printed: unknown[][] = []
  const store = createMemoryStore()
  let client: Client | undefined
  const sinks: { isComplete: boolean }[] = []
  const names = {
    createClient: (options: ClientOptions) => (client = createClient(options)),
    console: { log: (...args: unknown[]) => printed.push(args) },
    createSink: (...args: Parameters<typeof createSink>) => (sinks.push(createSink(...args)), sinks[0]),
    handle,
    root,
    store,
    state: undefined,
    createWriteStream,
    pipeline,
    mkdir,
    join,
  }
  onTestFinished(() => client?.close())
  await new AsyncFunction(...Object.keys(names), code)(...Object.values(names))

  const entries = ['a.txt', 'deep'].map((name) => [name, expect.any(String), expect.anything()])
  expect(printed).toEqual([['file', FILE.length, 'proof'], ...entries])
  expect(await readFile(join(folder, 'file'))).toEqual(Buffer.from(FILE))
  for (const [path, bytes] of Object.entries(TREE)) expect(await readFile(join(folder, 'tree', path))).toEqual(Buffer.from(bytes))
  expect(sinks.map(({ isComplete }) => isComplete)).toEqual([true])
  expect(store.readContent(0, FILE.length)).toEqual(FILE)
})
