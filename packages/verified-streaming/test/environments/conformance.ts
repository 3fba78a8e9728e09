/**
 * What every runtime must do alike, from the built package: run by `test/environments.test.ts` in Node 20, 22 and 24, Deno, Bun, workerd,
 * and on a page and in a worker of Chromium. Uses nothing but what all of them have.
 *
 * Digests are held against the slow reference of this folder's neighbour, in the same runtime, so that an engine's own mistakes show.
 */
import {
  ChunkRanges,
  createDecodeStream,
  createHasher,
  createHashPool,
  createMemoryStore,
  createOutboard,
  createSink,
  decode,
  encode,
  encodeRanges,
  fetchVerified,
  hash,
  hashParallel,
  VerifyError,
  verifyRanges,
} from '@selvedge/verified-streaming'
import { createVerifiedResponder } from '@selvedge/verified-streaming/service-worker'
import { referenceHash } from '../reference/blake3.ts'

/** Each kind of kernel and of tree: nothing, part of a block, one chunk, two, a group, groups, an odd tail. */
const sizes = [0, 1, 64, 1023, 1024, 1025, 2048, 3073, 16_384, 16_385, 65_537, 200_000]

const patternOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`)
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const held: number[] = []
  for await (const piece of pieces) for (const byte of piece) held.push(byte)
  return Uint8Array.from(held)
}

/** The bytes that `decode` hands out, laid where they belong; and the code it ends with. */
async function decoded(
  encoded: Uint8Array,
  root: Uint8Array,
  size: number,
  ranges: ChunkRanges = ChunkRanges.all,
): Promise<{ bytes: Uint8Array; code: string }> {
  const bytes = new Uint8Array(size)
  try {
    for await (const part of decode(encoded, root, { ranges })) bytes.set(part.bytes, part.offset)
    return { bytes, code: 'ok' }
  } catch (error) {
    if (error instanceof VerifyError) return { bytes, code: error.code }
    throw error
  }
}

function checkHashes(): void {
  for (const size of sizes) {
    const input = patternOf(size)
    const expected = hexOf(referenceHash(input))
    assertEqual(hexOf(hash(input)), expected, `hash of ${size} bytes`)
    const hasher = createHasher()
    for (let at = 0; at < size; at += 777) hasher.update(input.subarray(at, at + 777))
    assertEqual(hexOf(hasher.digest()), expected, `streamed hash of ${size} bytes`)
  }
}

async function checkEncodings(): Promise<void> {
  for (const size of sizes) {
    const input = patternOf(size)
    const root = hash(input)
    assertEqual((await decoded(await gather(encode(input)), root, size)).bytes.join(), input.join(), `round trip of ${size} bytes`)
  }
}

async function checkRanges(): Promise<void> {
  const input = patternOf(200_000)
  const { root, size, outboard } = await createOutboard(input)
  const ranges = ChunkRanges.fromByteRanges([{ start: 5_000, end: 6_000 }, { start: 150_000 }])
  const encoded = await gather(encodeRanges({ data: input, outboard, size }, ranges))
  const { bytes, code } = await decoded(encoded, root, size, ranges)
  assertEqual(
    [code, bytes.subarray(5_000, 6_000).join(), bytes.subarray(150_000).join()],
    ['ok', input.subarray(5_000, 6_000).join(), input.subarray(150_000).join()],
    'ranges',
  )
  for (const at of [0, 8, 100, encoded.length >> 1, encoded.length - 1]) {
    const wrong = encoded.slice()
    wrong[at] = (wrong[at] ?? 0) ^ 1
    const outcome = await decoded(wrong, root, size, ranges)
    if (outcome.code === 'ok') throw new Error(`a flipped bit at ${at} of the response was not noticed`)
  }
  assertEqual((await decoded(encoded.subarray(0, -1), root, size, ranges)).code, 'VERIFY_TRUNCATED', 'a response cut short')
}

/** Two sources of which one lies: it is named, and the other completes the blob. */
async function checkSink(): Promise<void> {
  const data = patternOf(200_000)
  const { root, size, outboard } = await createOutboard(data)
  const ranges = ChunkRanges.fromByteRanges([{ start: 100_000 }])
  const response = await gather(encodeRanges({ data, outboard, size }, ranges))
  response[response.length - 1]! ^= 1
  const store = createMemoryStore()
  const sink = createSink(root, { store })
  const error = await sink.receive([response], { source: 'liar', ranges }).catch((reason: unknown) => reason)
  if (!(error instanceof VerifyError)) throw new Error(`the liar was believed: ${String(error)}`)
  assertEqual([error.code, error.details.source], ['VERIFY_MISMATCH', 'liar'], 'a source that lies')
  const missing = sink.missing()
  await sink.receive([await gather(encodeRanges({ data, outboard, size }, missing))], { source: 'honest', ranges: missing })
  assertEqual([sink.isComplete, (await store.content(size).readAt(0, size)).join()], [true, data.join()], 'what two sources gave')
  const damaged = data.slice()
  damaged[70_000]! ^= 1
  await verifyRanges(damaged, outboard, root, ChunkRanges.fromByteRanges([{ start: 100_000 }]))
  const refused = await verifyRanges(damaged, outboard, root).catch((reason: unknown) => reason)
  assertEqual(refused instanceof VerifyError ? refused.code : refused, 'VERIFY_MISMATCH', 'damaged content')
}

/** A stream of the web platform, and a host that is a function: what a page uses. */
async function checkStreams(): Promise<void> {
  const data = patternOf(200_000)
  const { root, outboard } = await createOutboard(new Blob([data as BlobPart]).stream() as ReadableStream<Uint8Array>)
  const source = new Blob([(await gather(encode(data))) as BlobPart]).stream() as ReadableStream<Uint8Array>
  const { readable, writable } = createDecodeStream(root)
  const [, out] = await Promise.all([source.pipeTo(writable), new Response(readable).arrayBuffer()])
  assertEqual(new Uint8Array(out).join(), data.join(), 'a decoded stream')
  const fetch = async (url: string, { method, headers }: RequestInit): Promise<Response> => {
    const file = url.endsWith('.obao4') ? outboard : data
    const [, start, last] = /bytes=(\d+)-(\d+)/.exec(new Headers(headers).get('range') ?? '') ?? []
    if (method === 'HEAD') return new Response(null, { headers: { 'content-length': String(file.length) } })
    return new Response(file.slice(Number(start), Number(last) + 1) as BodyInit, { status: 206 })
  }
  const response = await fetchVerified('http://host.test/file', root, { fetch, range: { start: 150_000, end: 150_100 } })
  assertEqual([response.status, response.headers.get('content-range')], [206, 'bytes 150000-150099/200000'], 'a range of a host')
  assertEqual(new Uint8Array(await response.arrayBuffer()).join(), data.subarray(150_000, 150_100).join(), 'its bytes')
  const respond = createVerifiedResponder({ rootOf: () => root, fetch })
  const answer = await respond(new Request('http://host.test/file', { headers: { 'if-range': '"other"' } }))
  assertEqual([answer?.status, (await answer?.arrayBuffer())?.byteLength], [200, 200_000], 'the responder')
}

/** @returns how many workers this runtime gives. */
async function checkParallel(): Promise<number> {
  const input = patternOf(5_000_000)
  const pool = await createHashPool({ workers: 2 })
  const { workers } = pool
  try {
    assertEqual(hexOf(await hashParallel(input, { workers: pool })), hexOf(hash(input)), 'a hash by workers')
  } finally {
    pool.close()
  }
  return workers
}

/** Counts compiled kernels: what says which engine did the work. */
function watchKernel(): () => string {
  const modules = globalThis.WebAssembly
  if (typeof modules?.Instance !== 'function') return () => 'portable'
  const { Instance } = modules
  let count = 0
  modules.Instance = new Proxy(Instance, {
    construct(target, args: [WebAssembly.Module]) {
      count++
      return new target(...args)
    },
  })
  return () => {
    modules.Instance = Instance
    return count > 0 ? 'WebAssembly' : 'portable'
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0)) // workerd's clock moves only between turns

/** MiB hashed in a second, roughly: said in the README, never asserted. */
async function speed(): Promise<number> {
  const input = patternOf(1 << 20)
  for (let i = 0; i < 16; i++) hash(input)
  await turn()
  const begin = Date.now()
  for (let i = 0; i < 64; i++) hash(input)
  await turn()
  return Math.round(64_000 / Math.max(1, Date.now() - begin))
}

export interface Report {
  /** Which engine hashed. */
  readonly kernel: string
  /** Workers that hash for one call; 0 where the runtime gives none. */
  readonly workers: number
  readonly mebibytesPerSecond: number
}

export default async function conform(): Promise<Report> {
  const kernel = watchKernel()
  checkHashes()
  await checkEncodings()
  await checkRanges()
  await checkSink()
  await checkStreams()
  const workers = await checkParallel()
  const mebibytesPerSecond = await speed()
  return { kernel: kernel(), workers, mebibytesPerSecond }
}
