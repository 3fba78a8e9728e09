/** What the tests in Chromium do in a page. All that goes in and out is carried by JSON. */
import { createKeyPair } from '@selvedge/crypto'
import { decodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createClient, type PayingAccount, parseNodeAddress } from '../../src/index.ts'
import { createOpfsClient } from '../../src/opfs.ts'

/** Hex digits. */
export interface AccountText {
  readonly delegation: string
  readonly seed: string
}

export interface Order {
  /** With its WebSocket, as text. */
  readonly node: string
  readonly account?: AccountText
  /** CID or root, as text. */
  readonly address: string
  readonly range?: { readonly start: number; readonly end?: number }
  readonly bytesMax?: number
}

export interface Loaded {
  readonly sha256: string
  readonly bytes: number
  readonly size: number | undefined
  /** Signed for in this load, decimal. */
  readonly paidBytes: string
  readonly paidMicroUsd: string
  /** DATA of lanes. */
  readonly receivedBytes: number
  /** What the file system refused. */
  readonly errors: readonly string[]
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export function accountOf({ delegation, seed }: AccountText): PayingAccount {
  return { delegation: decodeDelegation(bytesOf(delegation)), sessionKey: createKeyPair(bytesOf(seed)) }
}

export async function sha256Of(bytes: Uint8Array): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
}

/** What a new life of the page does: a client of its own, with what an earlier one has kept. */
export async function load({ node, account, address, range, bytesMax }: Order): Promise<Loaded> {
  const client = createClient({ nodes: [parseNodeAddress(node)], ...(account === undefined ? {} : { account: accountOf(account) }) })
  const errors: string[] = []
  const onError = (error: unknown): void => void errors.push(String(error))
  const kept = createOpfsClient({ client }, { onError, ...(bytesMax === undefined ? {} : { bytesMax }) })
  const download = await kept.get(address, range === undefined ? {} : { range })
  const parts: Uint8Array<ArrayBuffer>[] = []
  for await (const { bytes } of download) parts.push(new Uint8Array(bytes))
  await client.close()
  const content = new Uint8Array(await new Blob(parts).arrayBuffer())
  const { bytes, microUsd } = client.cost()
  const { size, receivedBytes } = download
  const paid = { paidBytes: String(bytes), paidMicroUsd: String(microUsd) }
  return { sha256: await sha256Of(content), bytes: content.length, size, receivedBytes, errors, ...paid }
}

const directory = async (): Promise<FileSystemDirectoryHandle> =>
  await (await navigator.storage.getDirectory()).getDirectoryHandle('selvedge', { create: true })

/** What is on disk, by name. */
export async function files(): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for await (const [name, handle] of (await directory()).entries()) found[name] = (await (handle as FileSystemFileHandle).getFile()).size
  return found
}

/** Changes what is on disk, as a bad disk or a crash of the whole machine does: a flipped bit, or an end that is not there. */
export async function damage(name: string, how: 'flip' | 'cut'): Promise<void> {
  const handle = await (await directory()).getFileHandle(name)
  const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  const writable = await handle.createWritable()
  await writable.write(how === 'flip' ? bytes : bytes.subarray(0, Math.floor(bytes.length / 2)))
  await writable.close()
}

/** What a page sees of a body: its bytes until it is over or breaks off. */
export async function read(
  url: string,
  headers: Record<string, string> = {},
): Promise<{
  readonly status: number
  readonly contentRange: string | null
  readonly bytes: number
  readonly sha256: string
  readonly isBroken: boolean
}> {
  const response = await fetch(url, { headers })
  const parts: Uint8Array<ArrayBuffer>[] = []
  let isBroken = false
  try {
    for await (const part of response.body ?? new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (c) => c.close() })) parts.push(part)
  } catch {
    isBroken = true
  }
  const content = new Uint8Array(await new Blob(parts).arrayBuffer())
  const { status } = response
  return { status, contentRange: response.headers.get('content-range'), bytes: content.length, sha256: await sha256Of(content), isBroken }
}

/** Width of an image that is shown, 0 of one that is not. */
export async function widthOf(url: string): Promise<number> {
  const image = new Image()
  const loaded = new Promise<number>((resolve) => {
    image.onload = () => resolve(image.naturalWidth)
    image.onerror = () => resolve(0)
  })
  image.src = url
  return await loaded
}

/** Begins to read, and gives up when the first bytes are there. */
export async function giveUp(url: string): Promise<string> {
  const giving = new AbortController()
  const response = await fetch(url, { signal: giving.signal })
  const reader = response.body!.getReader()
  await reader.read()
  giving.abort()
  return await reader.read().then(
    () => 'read on',
    (error: unknown) => (error as Error).name,
  )
}

/** What becomes of a seek in the page's video, and the colour in the middle of the picture that is shown. */
export async function seekTo(share: number): Promise<{ readonly outcome: string; readonly time: number; readonly colour: number[] }> {
  const video = document.querySelector('video')!
  const heard = (name: string): Promise<string> =>
    new Promise((resolve) => video.addEventListener(name, () => resolve(name), { once: true }))
  const failed = heard('error')
  const none = { time: 0, colour: [] }
  if (video.error !== null) return { outcome: 'error', ...none }
  if (video.readyState < 1 && (await Promise.race([heard('loadedmetadata'), failed])) === 'error') return { outcome: 'error', ...none }
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
  const context = new OffscreenCanvas(1, 1).getContext('2d')!
  context.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1)
  return { outcome, time: video.currentTime, colour: [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)] }
}

/** Key frames of these colours, in hex digits. */
export async function encodeFrames(width: number, height: number, colours: readonly (readonly number[])[]): Promise<string[]> {
  const frames: string[] = []
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength)
      chunk.copyTo(bytes)
      frames.push(hexOf(bytes))
    },
    error: (error) => {
      throw error
    },
  })
  encoder.configure({ codec: 'vp8', width, height, bitrate: 20_000_000, framerate: 2 })
  const context = new OffscreenCanvas(width, height).getContext('2d')!
  for (const [index, [red, green, blue]] of colours.entries()) {
    const noise = context.createImageData(width, height)
    for (let i = 0; i < noise.data.length; i++) noise.data[i] = Math.random() * 256
    context.putImageData(noise, 0, 0)
    context.fillStyle = `rgb(${red}, ${green}, ${blue})`
    context.fillRect(width / 4, height / 4, width / 2, height / 2)
    const frame = new VideoFrame(context.canvas, { timestamp: index * 500_000 })
    encoder.encode(frame, { keyFrame: true })
    frame.close()
  }
  await encoder.flush()
  return frames
}
