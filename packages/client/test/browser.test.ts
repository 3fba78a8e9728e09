// Goal: what the README says of pages is so, in a real Chromium: pictures and films come verified through a service worker, a wrong byte never does,
// what was given up ends at the node, and a reload neither fetches nor pays.
// Method: a real node with books behind its WebSocket door; the README's own blocks as page and worker; every byte that was paid is counted there.
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium } from '../../../tools/environments/chromium.ts'
import type { Browser, OpenPage, Page } from '../../../tools/environments/page.ts'
import { writeWebm } from '../../verified-streaming/test/hosts/webm.ts'
import type { Loaded, Order } from './environments/page.ts'
import { pageFunctions, payingWorker, readmeScripts } from './browser/readme.ts'
import { accountText, openedPage, pngOf, textOf } from './browser/world.ts'
import { MemoryContent, sampleBytes } from './node.ts'
import { type Misdeeds, type PaidNode, priceOfBytes, servingUnits, startPaidNode } from './paying-node.ts'

const WIDTH = 320
const HEIGHT = 240
const FRAME_MS = 500
const COLOURS = [
  [220, 30, 30],
  [30, 200, 30],
  [40, 40, 230],
] as const
const FRAME_COUNT = 64
const PIECE_BYTES = 256 * 1024
/** The test's own time is the only bound. */
const PATIENT = { timeout: 0 }
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let browser: Browser
let functions: string
/** Bundles, which nobody needs afterwards. */
const scripts = new Set<string>()

/** What a function of `page.ts` gives there. */
async function call<T>(page: Page, name: string, ...args: readonly unknown[]): Promise<T> {
  return (await page.evaluate(`${name}(...${JSON.stringify(args)})`)) as T
}

const load = (page: Page, order: Order): Promise<Loaded> => call(page, 'load', order)

beforeAll(async () => {
  browser = await launchChromium()
  functions = await pageFunctions()
  scripts.add(functions)
})
afterAll(async () => {
  await browser?.close()
  for (const script of scripts) rmSync(script, { force: true })
})

const nodeOf = (content: MemoryContent, misdeeds: Misdeeds = {}): Promise<PaidNode> => startPaidNode(servingUnits(content, misdeeds))

/** A page of the README's third block, whose service worker answers. */
async function workedPage(worker: string): Promise<OpenPage> {
  scripts.add(worker)
  const opened = await openedPage(browser, { 'functions.js': functions, 'sw.js': worker }, '<img><video muted preload="metadata"></video>')
  await opened.page.evaluate(`(async () => {
    await navigator.serviceWorker.register('/sw.js', { type: 'module' })
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
  })()`)
  return opened
}

/** In the README: a node, a CID and a root. */
const NAMES = { node: 'selvedge://node.example:4433/67e3…7a7f?ws=wss%3A%2F%2Fnode.example&noise=…', cid: 'bafybei…', root: '9c1f…e2d0' }

const readmeWith = async (node: PaidNode, cid: CID, root: Uint8Array): Promise<string[]> =>
  await readmeScripts({ [NAMES.node]: textOf(node), [NAMES.cid]: cid.toString(), [NAMES.root]: hexOf(root) }, 'readme')

async function filmOf(): Promise<Uint8Array> {
  const { page } = await openedPage(browser, { 'functions.js': functions })
  const frames = await call<string[]>(page, 'encodeFrames', WIDTH, HEIGHT, COLOURS)
  const keyFrames = frames.map((frame) => new Uint8Array(Buffer.from(frame, 'hex')))
  return writeWebm({ width: WIDTH, height: HEIGHT, frameMs: FRAME_MS, frameCount: FRAME_COUNT, keyFrames }).bytes
}

describe('in a page of Chromium', { timeout: 240_000 }, () => {
  test('the blocks of the README do what stands beside them: a picture from a page; a picture, and a film that seeks, through a worker', async () => {
    const content = new MemoryContent()
    const picture = pngOf(200, 150)
    const film = await filmOf()
    const [cid, root] = [await content.add({ file: picture }), await content.addRoot(film)]
    const node = await nodeOf(content)
    const [alone, worker, page] = await readmeWith(node, cid, root)
    for (const script of [alone!, worker!, page!]) scripts.add(script)
    const html = '<img><video muted preload="metadata"></video>'

    const first = await openedPage(
      browser,
      { 'functions.js': functions, 'page.js': alone! },
      `${html}<script type="module" src="/page.js"></script>`,
    )
    await first.page.waitForFunction(() => document.querySelector('img')!.naturalWidth > 0, undefined, PATIENT)
    expect(await first.page.evaluate(() => document.querySelector('img')!.naturalWidth)).toBe(200)

    const second = await openedPage(browser, { 'functions.js': functions, 'sw.js': worker!, 'page.js': page! }, html)
    const statuses: number[] = []
    second.page.on('response', (response) => {
      if (response.url().includes('/blake3/')) statuses.push(response.status())
    })
    await second.page.addScriptTag({ url: '/page.js', type: 'module' })
    await second.page.waitForFunction(() => document.querySelector('img')!.naturalWidth > 0, undefined, PATIENT)
    expect(await second.page.evaluate(() => document.querySelector('img')!.naturalWidth)).toBe(200)
    await second.page.waitForFunction(() => document.querySelector('video')!.src !== '', undefined, PATIENT)
    for (const share of [0.75, 0.25]) {
      const { outcome, time, colour } = await call<{ outcome: string; time: number; colour: number[] }>(second.page, 'seekTo', share)
      expect(outcome).toBe('painted')
      expect(time).toBeCloseTo((share * FRAME_COUNT * FRAME_MS) / 1_000, 1)
      const distances = COLOURS.map((each) => Math.hypot(...each.map((value, i) => value - colour[i]!)))
      expect(distances.indexOf(Math.min(...distances))).toBe((share * FRAME_COUNT) % COLOURS.length)
    }
    expect(new Set(statuses)).toEqual(new Set([206]))
  })

  test('a worker answers as a server of files does, pays for what it verified, and leaves the rest of the page alone', async () => {
    const content = new MemoryContent()
    const data = sampleBytes(1_500_000)
    const [cid, root] = [await content.add({ file: data }, 65_536), hexOf(await content.addRoot(data))]
    const empty = hexOf(await content.addRoot(new Uint8Array(0)))
    const folder = await content.add({ 'a.txt': sampleBytes(10), 'b.txt': sampleBytes(10) })
    const node = await nodeOf(content)
    const { page } = await workedPage(await payingWorker(textOf(node), accountText()))
    const read = (path: string, range?: string): Promise<{ bytes: number; sha256: string }> =>
      call(page, 'read', path, range === undefined ? {} : { range })
    const part = (start: number, end?: number): object => {
      const bytes = data.subarray(start, end)
      return {
        status: 206,
        contentRange: `bytes ${start}-${start + bytes.length - 1}/${data.length}`,
        sha256: sha256Of(bytes),
        isBroken: false,
      }
    }
    for (const path of [`/ipfs/${cid}`, `/blake3/${root}`]) {
      expect(await read(path)).toMatchObject({ status: 200, sha256: sha256Of(data), isBroken: false })
      expect(await read(path, 'bytes=700000-700999')).toMatchObject(part(700_000, 701_000))
      expect(await read(path, 'bytes=1400000-')).toMatchObject(part(1_400_000))
      expect(await read(path, 'bytes=-1000')).toMatchObject(part(1_499_000))
      expect(await read(path, 'bytes=1500000-')).toMatchObject({ status: 416, contentRange: `bytes */${data.length}` })
      expect(await read(path, 'bytes=0-9,20-29')).toMatchObject({ status: 200, bytes: data.length })
    }
    expect(await read(`/blake3/${empty}`)).toMatchObject({ status: 200, bytes: 0 })
    expect(await read(`/blake3/${'00'.repeat(32)}`)).toMatchObject({ status: 404 })
    expect(await read(`/ipfs/${folder}`)).toMatchObject({ status: 404 })
    expect(await read('/ipfs/notacid')).toMatchObject({ status: 400 })
    expect(await read(`/ipfs/${folder}/a.txt`)).toMatchObject({ status: 200, bytes: 10, sha256: sha256Of(sampleBytes(10)) })
    for (const path of [`/ipfs/${folder}/c.txt`, `/ipfs/${cid}/below`]) expect(await read(path)).toMatchObject({ status: 404 })
    const asked = node.requests.length
    expect(await read(`/other/${cid}`)).toMatchObject({ status: 404 }) // the site's own word
    const head = await page.evaluate(
      `fetch('/blake3/${root}', { method: 'HEAD' }).then(({ status, headers }) => [status, headers.get('content-length')])`,
    )
    expect(head).toEqual([200, '1500000'])
    expect(node.requests.length).toBe(asked) // its size is proven since the first range
    const { paidBytes } = await page.evaluate<{ paidBytes: string }>(`new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => resolve(data)
      navigator.serviceWorker.controller.postMessage('cost', [port2])
    })`)
    expect(BigInt(paidBytes)).toBeGreaterThan(BigInt(4 * data.length))
    expect(node.meters.map(({ faults }) => faults)).toEqual([[]])
  })

  test('of a node that lies a page sees true bytes and then an end, or a status; what it gives up ends at the node', async () => {
    const content = new MemoryContent()
    const data = sampleBytes(3_000_000)
    const root = await content.addRoot(data)
    const picture = await content.addRoot(pngOf(200, 150))
    const node = await nodeOf(content, { flipAt: 40_000 })
    const { page } = await workedPage(await payingWorker(textOf(node), accountText()))
    const seen = await call<{ bytes: number; sha256: string; isBroken: boolean }>(page, 'read', `/blake3/${hexOf(root)}`)
    expect(seen.isBroken).toBe(true)
    expect(seen.bytes).toBeLessThan(40_000)
    expect(seen.sha256).toBe(sha256Of(data.subarray(0, seen.bytes)))
    const worse = await nodeOf(content, { flipAt: 2_000 })
    const second = await workedPage(await payingWorker(textOf(worse), accountText()))
    expect(await call(second.page, 'read', `/blake3/${hexOf(picture)}`)).toMatchObject({ status: 502, isBroken: false })
    expect(await call(second.page, 'widthOf', `/blake3/${hexOf(picture)}`)).toBe(0)

    const long = await content.addRoot(sampleBytes(12_000_000)) // more than is verified ahead and on its way
    const honest = await nodeOf(content)
    const other = await workedPage(await payingWorker(textOf(honest), accountText()))
    expect(await call(other.page, 'giveUp', `/blake3/${hexOf(long)}`)).toBe('AbortError')
    const { signal } = honest.requests[0]!
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })

  test.each(['root', 'CID'] as const)(
    'by %s, what was verified once is neither fetched nor paid again, and only what a disk has changed is',
    async (how) => {
      const content = new MemoryContent()
      const data = sampleBytes(1_000_000)
      const address = how === 'root' ? hexOf(await content.addRoot(data)) : (await content.add({ file: data }, PIECE_BYTES)).toString()
      const node = await nodeOf(content)
      const { page } = await openedPage(browser, { 'functions.js': functions })
      const order = { node: textOf(node), account: accountText(), address }
      const whole = { sha256: sha256Of(data), bytes: data.length, size: data.length, errors: [] }

      const first = await load(page, order)
      expect(first).toMatchObject({ ...whole, paidMicroUsd: String(priceOfBytes(BigInt(first.paidBytes))) })
      expect(Number(first.paidBytes)).toBe(first.receivedBytes)
      expect(first.receivedBytes).toBeGreaterThan(data.length)
      const asked = node.requests.length

      await page.reload()
      const nothing = { receivedBytes: 0, paidBytes: '0', paidMicroUsd: '0' }
      expect(await load(page, order)).toMatchObject({ ...whole, ...nothing })
      expect(await load(page, { ...order, range: { start: 600_000, end: 600_100 } })).toMatchObject({
        ...nothing,
        sha256: sha256Of(data.subarray(600_000, 600_100)),
      })
      expect(node.requests.length).toBe(asked)

      const names = Object.entries(await call<Record<string, number>>(page, 'files'))
      expect(names.length).toBe(how === 'root' ? 4 : 5) // the last piece is short; the DAG has a root above its leaves
      const wholePieces = names.filter(([, bytes]) => bytes >= PIECE_BYTES)
      for (const [kind, [name, bytes]] of [
        ['flip', wholePieces[0]!],
        ['cut', wholePieces[1]!],
      ] as const) {
        await call(page, 'damage', name, kind)
        const again = await load(page, order)
        expect(again).toMatchObject({ ...whole, paidBytes: String(again.receivedBytes) })
        expect(again.receivedBytes).toBeGreaterThanOrEqual(PIECE_BYTES)
        expect(again.receivedBytes).toBeLessThan(bytes + 4_096) // with the nodes above the block
        expect(await load(page, order)).toMatchObject({ ...whole, ...nothing })
      }
      expect(node.meters.flatMap(({ faults }) => faults)).toEqual([])
    },
  )

  test.each(['root', 'CID'] as const)('by %s, two tabs that want the same for the first time pay for it once', async (how) => {
    const content = new MemoryContent()
    const data = sampleBytes(3_000_000)
    const address = how === 'root' ? hexOf(await content.addRoot(data)) : (await content.add({ file: data }, PIECE_BYTES)).toString()
    const node = await nodeOf(content)
    const opened = await openedPage(browser, { 'functions.js': functions })
    const other = await opened.page.context().newPage()
    await other.goto(opened.origin)
    const loaded = await Promise.all(
      [opened.page, other].map((page) => load(page, { node: textOf(node), account: accountText(), address })),
    )
    for (const each of loaded) expect(each).toMatchObject({ sha256: sha256Of(data), bytes: data.length, errors: [] })
    const received = loaded.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
    expect(received).toBeGreaterThan(data.length)
    expect(received).toBeLessThan(1.1 * data.length)
    expect(loaded.reduce((sum, { paidBytes }) => sum + Number(paidBytes), 0)).toBe(received)
  })

  test('a tab that dies while it writes leaves nothing wrong, and what it had written serves the next', async () => {
    const content = new MemoryContent()
    const data = sampleBytes(4_000_000)
    const address = hexOf(await content.addRoot(data))
    let release = (): void => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const honest = servingUnits(content)
    let asked = 0
    const node = await startPaidNode(async (request) => {
      if (++asked > 6) await released // the tab dies before it has all
      await honest(request)
    })
    const opened = await openedPage(browser, { 'functions.js': functions })
    const order = { node: textOf(node), account: accountText(), address }
    const { page } = opened
    await page.evaluate(`void load(${JSON.stringify(order)})`)
    await page.evaluate(`(async () => {
      while (Object.values(await files().catch(() => ({}))).filter((bytes) => bytes > 0).length < 4) await new Promise((resolve) => setTimeout(resolve, 20))
    })()`)
    const debugging = await page.context().newCDPSession(page)
    const died = new Promise((resolve) => page.once('crash', resolve))
    void debugging.send('Page.crash').catch(() => undefined) // nobody is left to answer
    await died
    release()

    const next = await page.context().newPage()
    await next.goto(opened.origin)
    const loaded = await load(next, { ...order, account: accountText() })
    expect(loaded).toMatchObject({ sha256: sha256Of(data), bytes: data.length, errors: [] })
    expect(loaded.receivedBytes).toBeLessThan(data.length - 2 * PIECE_BYTES) // of four one may have been half written
  })

  test('what is kept has a bound, and what was used longest ago makes room', async () => {
    const content = new MemoryContent()
    const pictures = [1, 2, 3, 4].map((seed) => sampleBytes(100_000, seed))
    const addresses: string[] = []
    for (const picture of pictures) addresses.push(hexOf(await content.addRoot(picture)))
    const node = await nodeOf(content)
    const { page } = await openedPage(browser, { 'functions.js': functions })
    const bytesMax = 350_000
    const visit = async (index: number): Promise<number> => {
      const { receivedBytes, sha256 } = await load(page, { node: textOf(node), address: addresses[index]!, bytesMax })
      expect(sha256).toBe(sha256Of(pictures[index]!))
      const kept = Object.values(await call<Record<string, number>>(page, 'files'))
      expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(bytesMax)
      return receivedBytes
    }
    for (const index of [0, 1, 2, 3]) expect(await visit(index)).toBeGreaterThan(100_000)
    expect([await visit(1), await visit(2), await visit(3)]).toEqual([0, 0, 0])
    expect(await visit(0)).toBeGreaterThan(100_000)
    expect(await load(page, { node: textOf(node), address: addresses[0]!, bytesMax: 0 })).toMatchObject({ bytes: 100_000, errors: [] })
  })
})
