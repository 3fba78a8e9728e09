// Goal: a <video> seeks in a large file of an untrusted host, through the README's service worker, and shows no picture that is not proven.
// Method: a film of five minutes and more than 100 MiB, made here from key frames that the page's own encoder wrote; in real Chromium, from
// the built package. The browser reads ahead up to 15 % of such a file, so what the host sent shows that the seek was one.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { bundle } from '../../../tools/environments/bundle.ts'
import { launchChromium } from '../../../tools/environments/chromium.ts'
import { type Browser, type OpenPage, openPage, type Page } from '../../../tools/environments/page.ts'
import { createOutboard, formatRoot } from '../src/index.ts'
import { type StaticHost, startStaticHost } from './hosts/static-host.ts'
import { type WrittenFilm, writeWebm } from './hosts/webm.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const WIDTH = 640
const HEIGHT = 480
const FRAME_MS = 500
const FRAME_COUNT = 620 // 5 min 10 s
/** The middle of key frame k has this colour; the rest is noise, which keeps frames large. */
const COLOURS = [
  [220, 30, 30],
  [30, 200, 30],
  [40, 40, 230],
  [230, 220, 40],
  [30, 210, 220],
] as const

let browser: Browser
let film: WrittenFilm
let root: string
let outboard: Uint8Array
let scripts: Record<string, string>

/** Runs in the page: key frames as base64. */
async function encodeFrames({
  width,
  height,
  colours,
}: {
  width: number
  height: number
  colours: readonly (readonly number[])[]
}): Promise<string[]> {
  const frames: Uint8Array[] = []
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength)
      chunk.copyTo(bytes)
      frames.push(bytes)
    },
    error: (error) => {
      throw error
    },
  })
  encoder.configure({ codec: 'vp8', width, height, bitrate: 200_000_000, framerate: 2 })
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')!
  for (const [index, [red, green, blue]] of colours.entries()) {
    const image = context.createImageData(width, height)
    for (let i = 0; i < image.data.length; i += 4) image.data.set([Math.random() * 256, Math.random() * 256, Math.random() * 256, 255], i)
    context.putImageData(image, 0, 0)
    context.fillStyle = `rgb(${red}, ${green}, ${blue})`
    context.fillRect(width / 4, height / 4, width / 2, height / 2)
    const frame = new VideoFrame(canvas, { timestamp: index * 500_000 })
    encoder.encode(frame, { keyFrame: true })
    frame.close()
  }
  await encoder.flush()
  return frames.map((bytes) => {
    let text = ''
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
    return btoa(text)
  })
}

beforeAll(async () => {
  await ensureBuilt(folder)
  browser = await launchChromium()
  const example = (name: string): string => readFileSync(join(folder, 'examples/video', name), 'utf8')
  const common = { folder, packageName: '@selvedge/verified-streaming', target: 'browser' } as const
  scripts = {
    'sw.js': await bundle({ ...common, name: 'video-sw', code: example('sw.js') }),
    'page.js': await bundle({ ...common, name: 'video-page', code: example('page.js') }),
  }
  await using studio = await openPage({ browser, files: {}, html: 'studio' })
  const frames = await studio.page.evaluate(encodeFrames, { width: WIDTH, height: HEIGHT, colours: COLOURS })
  const keyFrames = frames.map((frame) => new Uint8Array(Buffer.from(frame, 'base64')))
  film = writeWebm({ width: WIDTH, height: HEIGHT, frameMs: FRAME_MS, frameCount: FRAME_COUNT, keyFrames })
  const made = await createOutboard(film.bytes)
  root = formatRoot(made.root)
  outboard = made.outboard
}, 120_000)

afterAll(() => browser?.close())

async function openFilm(bytes: Uint8Array): Promise<{ host: StaticHost; player: OpenPage }> {
  const host = await startStaticHost({ '/film.webm': bytes, '/film.webm.obao4': outboard })
  const html = `<title>film</title><video muted preload="metadata" data-root="${root}"></video><script type="module" src="./page.js"></script>`
  return { host, player: await openPage({ browser, files: scripts, html, serve: (request, response) => host.serve(request, response) }) }
}

/** Runs in the page: what becomes of a seek, and the colour in the middle of the picture that is shown. */
async function seekTo(share: number): Promise<{ outcome: string; time: number; colour: number[] }> {
  const video = document.querySelector('video')!
  const heard = (name: string): Promise<string> =>
    new Promise((resolve) => video.addEventListener(name, () => resolve(name), { once: true }))
  const failed = heard('error')
  if (video.error) return { outcome: 'error', time: 0, colour: [] }
  if (video.readyState < 1 && (await Promise.race([heard('loadedmetadata'), failed])) === 'error')
    return { outcome: 'error', time: 0, colour: [] }
  const painted = new Promise<string>((resolve) => {
    const look = (): void =>
      void video.requestVideoFrameCallback((_now, { mediaTime }) =>
        Math.abs(mediaTime - share * video.duration) < 1 ? resolve('painted') : look(),
      )
    look()
  })
  const seeked = heard('seeked')
  video.currentTime = share * video.duration
  const outcome = await Promise.race([Promise.all([seeked, painted]).then(() => 'painted'), failed])
  if (outcome === 'error') return { outcome, time: video.currentTime, colour: [] }
  const context = new OffscreenCanvas(1, 1).getContext('2d')!
  context.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1)
  return { outcome, time: video.currentTime, colour: [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)] }
}

const seek = (page: Page, share: number): Promise<{ outcome: string; time: number; colour: number[] }> => page.evaluate(seekTo, share)

/** Which key frame's colour this is: the nearest. */
function frameOfColour(colour: readonly number[]): number {
  const distances = COLOURS.map((each) => Math.hypot(...each.map((value, i) => value - colour[i]!)))
  return distances.indexOf(Math.min(...distances))
}

test('the film is long enough for the test to mean something: more than 100 MiB, five minutes', () => {
  expect(film.bytes.length).toBeGreaterThan(100 * 2 ** 20)
  expect(FRAME_COUNT * FRAME_MS).toBeGreaterThanOrEqual(300_000)
})

test('a <video> seeks to 80 % and paints that frame with under 25 % of the bytes fetched from the host', { timeout: 90_000 }, async () => {
  const { host, player } = await openFilm(film.bytes)
  await using _host = host
  await using _player = player
  const { outcome, time, colour } = await seek(player.page, 0.8)
  expect(outcome).toBe('painted')
  expect(time).toBeCloseTo(0.8 * FRAME_COUNT * (FRAME_MS / 1000), 1)
  expect(frameOfColour(colour)).toBe((0.8 * FRAME_COUNT) % COLOURS.length)
  const sent = host.sent['/film.webm']! + host.sent['/film.webm.obao4']!
  process.stdout.write(
    `seek to 80 % of ${film.bytes.length} bytes: ${((100 * sent) / film.bytes.length).toFixed(1)} % fetched, ${host.requests.length} requests\n`,
  )
  expect(sent).toBeLessThan(0.25 * film.bytes.length)
  if (process.env.SCREENSHOT) await player.page.screenshot({ path: process.env.SCREENSHOT })
})

test('when a byte is flipped at the host, the <video> sees an error and no picture', { timeout: 90_000 }, async () => {
  const wrong = film.bytes.slice()
  const { offset, length } = film.frameAt(FRAME_COUNT / 2)
  wrong[offset + (length >> 1)]! ^= 1
  const { host, player } = await openFilm(wrong)
  await using _host = host
  await using _player = player
  expect((await seek(player.page, 0.8)).outcome).toBe('painted')
  expect(await seek(player.page, 0.5)).toMatchObject({ outcome: 'error', colour: [] })
})
