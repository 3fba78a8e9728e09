// Goal: a large file dropped on a page gets its root while no task of the page takes 50 ms, on any machine and beside whatever else runs there.
// Method: the README's page in real Chromium, from the built package. Everything that can take a page's time is counted there: reads of the
// file, compiled kernels, messages from the worker and how many bytes they bring; and the browser's trace says how long the processor worked
// at each task of the page's thread. Tasks by the clock (long tasks) grow with the load of the machine; these figures do not.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { bundle } from '../../../tools/environments/bundle.ts'
import { launchChromium } from '../../../tools/environments/chromium.ts'
import { type Browser, openPage, type Page } from '../../../tools/environments/page.ts'
import { createHasher, createOutboard, formatRoot } from '../src/index.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const PIECE_BYTES = 16 * 2 ** 20
const PIECES = 16 // 256 MiB
const html = '<title>drop</title><progress></progress><output></output><script type="module" src="./page.js"></script>'

let browser: Browser
let files: Record<string, string>

beforeAll(async () => {
  await ensureBuilt(folder)
  browser = await launchChromium()
  const common = { folder, packageName: '@selvedge/verified-streaming', target: 'browser' } as const
  files = {
    'page.js': await bundle({ ...common, name: 'drop-page', code: readFileSync(join(folder, 'examples/drop/page.js'), 'utf8') }),
    'outboard-worker.js': await bundle({ ...common, name: 'drop-worker', code: `import '@selvedge/verified-streaming/outboard-worker'` }),
  }
}, 120_000)

afterAll(() => browser?.close())

/** What happened on the page, not in its worker. */
interface Counts {
  reads: number
  modules: number
  /** Messages from workers, by type, and the bytes that they brought. */
  progress: number
  done: number
  bytes: number
}

interface Dropped {
  readonly text: string
  readonly shown: number[]
  readonly counts: Counts
  /** The counts after the page read a piece of the file and compiled a module itself. */
  readonly noticed: Counts
}

/** Runs in the page, before the file is dropped. */
function count(): void {
  const counts: Counts = { reads: 0, modules: 0, progress: 0, done: 0, bytes: 0 }
  Object.assign(globalThis, { counts })
  const counted = (target: object, name: string, key: 'reads' | 'modules'): void => {
    const original = (target as Record<string, (...args: unknown[]) => unknown>)[name]!
    Object.defineProperty(target, name, {
      value: function (this: unknown, ...args: unknown[]): unknown {
        counts[key]++
        return new.target === undefined ? original.apply(this, args) : Reflect.construct(original, args)
      },
    })
  }
  for (const name of ['arrayBuffer', 'bytes', 'stream', 'text']) counted(Blob.prototype, name, 'reads')
  for (const name of ['readAsArrayBuffer', 'readAsText', 'readAsDataURL']) counted(FileReader.prototype, name, 'reads')
  for (const name of ['Module', 'compile', 'instantiate']) counted(WebAssembly, name, 'modules')
  const bytesOf = (value: unknown): number => {
    if (ArrayBuffer.isView(value)) return value.byteLength
    return typeof value === 'object' && value !== null ? Object.values(value).reduce<number>((sum, each) => sum + bytesOf(each), 0) : 8
  }
  const HostWorker = globalThis.Worker
  globalThis.Worker = class extends HostWorker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options)
      this.addEventListener('message', ({ data }: MessageEvent<{ type: 'progress' | 'done' }>) => {
        counts[data.type]++
        counts.bytes += bytesOf(data)
      })
    }
  }
}

/** Runs in the page: a file of equal pieces, made beforehand, since making it is a long task of the test's own. */
function makeFile({ pieceBytes, pieces }: { pieceBytes: number; pieces: number }): void {
  const piece = new Uint8Array(pieceBytes)
  for (let i = 0; i < pieceBytes; i++) piece[i] = i % 251
  Object.assign(globalThis, {
    file: new File(
      Array.from({ length: pieces }, () => piece),
      'large.bin',
    ),
  })
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Processor time of the thread, in microseconds. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** A task of the page's own, with a pause before it: every earlier one has ended. */
const turnOf = (page: Page): Promise<void> => page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)))

/** Processor time of the longest task on pages' own threads while `work` runs, in ms. */
async function longestTaskMs<T>(page: Page, work: () => Promise<T>): Promise<{ result: T; longestMs: number; tasks: number }> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] })
  await turnOf(page)
  const result = await work()
  await turnOf(page) // a task is in the trace when it has ended: its result may be here before that
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] }
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`
  const isMain = ({ name, args }: TraceEvent): boolean => name === 'thread_name' && args?.name === 'CrRendererMain'
  const main = new Set(traceEvents.filter(isMain).map(threadOf))
  const tasks = traceEvents.filter((event) => event.ph === 'X' && event.name.endsWith('RunTask') && main.has(threadOf(event)))
  const times = tasks.flatMap(({ tdur }) => tdur ?? [])
  expect(tasks.length - times.length).toBeLessThan(2) // the task that tracing began in has no processor time
  return { result, longestMs: Math.max(...times) / 1000, tasks: times.length }
}

/** Runs in the page: a task that is too long on any machine. */
function workTooLong(): number {
  let sum = 0
  for (let i = 0; i < 1e9; i++) sum = (sum + i) | 0
  return sum
}

/** Runs in the page: drops the file and waits for the answer; then does itself what it should not have done, to see that this is noticed. */
async function dropFile(): Promise<Dropped> {
  const { file, counts } = globalThis as unknown as { file: File; counts: Counts }
  const output = document.querySelector('output')!
  const bar = document.querySelector('progress')!
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
  const shown: number[] = []
  const data = new DataTransfer()
  data.items.add(file)
  document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))
  for (; output.value === ''; await turn()) if (bar.value !== shown.at(-1)) shown.push(bar.value)
  const before = { ...counts }
  await file.slice(0, 1024).arrayBuffer()
  new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
  return { text: output.value, shown, counts: before, noticed: { ...counts } }
}

test('a dropped file of 256 MiB gets its root and outboard, with progress, and the page reads and hashes none of it', {
  timeout: 600_000,
}, async () => {
  await using player = await openPage({ browser, files, html })
  await player.page.evaluate(makeFile, { pieceBytes: PIECE_BYTES, pieces: PIECES })
  await player.page.evaluate(count)
  const { result, longestMs, tasks } = await longestTaskMs(player.page, () => player.page.evaluate(dropFile))
  const { text, shown, counts, noticed } = result
  const piece = Uint8Array.from({ length: PIECE_BYTES }, (_, i) => i % 251)
  const hasher = createHasher()
  for (let i = 0; i < PIECES; i++) hasher.update(piece)
  const outboardBytes = (PIECES * PIECE_BYTES) / 256 - 64
  expect(text).toBe(`${formatRoot(hasher.digest())} large.bin, proven by ${outboardBytes} bytes`)
  expect(shown.length).toBeGreaterThan(3)
  expect(shown).toEqual(shown.toSorted((a, b) => a - b))
  // One message for every 4 MiB: the rest of a task on the page is a few numbers, and the outboard at the end.
  expect(counts).toEqual({ reads: 0, modules: 0, progress: 64, done: 1, bytes: expect.any(Number) })
  expect(counts.bytes).toBeLessThan(outboardBytes + 10_000)
  expect(noticed).toMatchObject({ reads: 1, modules: 1 })
  process.stdout.write(`longest of ${tasks} tasks of the page: ${longestMs} ms of processor time\n`)
  expect(tasks).toBeGreaterThan(64)
  expect(longestMs).toBeLessThan(50)
  expect((await longestTaskMs(player.page, () => player.page.evaluate(workTooLong))).longestMs).toBeGreaterThan(50)
})

test('the page may abort, and is told when the worker cannot start', { timeout: 600_000 }, async () => {
  const code = `import { createOutboardInWorker } from '@selvedge/verified-streaming/outboard-in-worker'
    const codeOf = (promise) => promise.then(() => 'done', (error) => error.code ?? error.message)
    globalThis.attempt = async (createWorker) => {
      const controller = new AbortController()
      const file = new File([new Uint8Array(64 * 2 ** 20)], 'f')
      const aborted = codeOf(createOutboardInWorker(file, { signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) }))
      const missing = codeOf(createOutboardInWorker(file, { createWorker: () => new Worker('./missing.js', { type: 'module' }) }))
      const wrong = codeOf(createOutboardInWorker(file, { chunkGroupLog: 11 }))
      const { root, size, outboard } = await createOutboardInWorker(new File([new Uint8Array(100_000)], 'f'), { chunkGroupLog: 2 })
      return { failures: await Promise.all([aborted, missing, wrong]), made: [root.join(), size, outboard.join()] }
    }`
  const page = await bundle({ folder, packageName: '@selvedge/verified-streaming', target: 'browser', name: 'drop-abort', code })
  await using player = await openPage({ browser, files: { ...files, 'page.js': page }, html })
  const { root, size, outboard } = await createOutboard(new Uint8Array(100_000), { chunkGroupLog: 2 })
  expect(await player.page.evaluate('attempt()')).toEqual({
    failures: ['enough', 'VERIFY_READ_FAILED', 'VERIFY_BAD_ARGUMENT'],
    made: [root.join(), size, outboard.join()],
  })
})
