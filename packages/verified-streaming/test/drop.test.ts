// Goal: a large file dropped on a page gets its root while the page stays quick: no task of 50 ms on it.
// Method: the README's page in real Chromium, from the built package; long tasks as the browser itself reports them.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { bundle } from '../../../tools/environments/bundle.ts'
import { launchChromium } from '../../../tools/environments/chromium.ts'
import { type Browser, openPage } from '../../../tools/environments/page.ts'
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

interface Dropped {
  readonly text: string
  readonly shown: number[]
  readonly longTasks: number[]
  readonly noticed: number
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

/** Runs in the page: drops the file and waits for the answer; then works for 60 ms on purpose, to see that this is noticed. */
async function dropFile(): Promise<Dropped> {
  const { file } = globalThis as unknown as { file: File }
  const output = document.querySelector('output')!
  const bar = document.querySelector('progress')!
  output.value = ''
  const turn = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  await turn()
  const tasks: number[] = []
  let wake = (): void => {}
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration)
    wake()
  })
  observer.observe({ type: 'longtask' })
  const shown: number[] = []
  const data = new DataTransfer()
  data.items.add(file)
  document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))
  for (; output.value === ''; await turn()) if (bar.value !== shown.at(-1)) shown.push(bar.value)
  const longTasks = tasks.splice(0)
  const woken = new Promise<void>((resolve) => (wake = resolve))
  for (const end = performance.now() + 60; performance.now() < end; );
  await woken
  observer.disconnect()
  return { text: output.value, shown, longTasks, noticed: tasks.length }
}

test('a dropped file of 256 MiB gets its root and outboard, with progress and no task of 50 ms on the page', {
  timeout: 90_000,
}, async () => {
  await using player = await openPage({ browser, files, html })
  await player.page.evaluate(makeFile, { pieceBytes: PIECE_BYTES, pieces: PIECES })
  // The browser measures by the wall: a machine that runs other things stretches any task, but not the same one thrice.
  const drops: Dropped[] = []
  while (drops.length < 3 && drops.at(-1)?.longTasks.length !== 0) drops.push(await player.page.evaluate(dropFile))
  const piece = Uint8Array.from({ length: PIECE_BYTES }, (_, i) => i % 251)
  const hasher = createHasher()
  for (let i = 0; i < PIECES; i++) hasher.update(piece)
  const { text, shown, longTasks, noticed } = drops.at(-1)!
  expect(text).toBe(`${formatRoot(hasher.digest())} large.bin, proven by ${(PIECES * PIECE_BYTES) / 256 - 64} bytes`)
  expect(shown.length).toBeGreaterThan(3)
  expect(shown.slice(1)).toEqual(shown.slice(1).toSorted((a, b) => a - b)) // the first may be what an earlier drop left
  expect(noticed).toBeGreaterThan(0)
  expect(longTasks).toEqual([])
})

test('the page may abort, and is told when the worker cannot start', { timeout: 30_000 }, async () => {
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
