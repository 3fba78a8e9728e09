// The worker pool against the single thread: every kind of source, sizes around the edges of jobs and groups, and its ends.
import { execFile } from 'node:child_process'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createHashPool, createOutboard, fromFileHandle, hash, hashParallel, type HashPool } from '../src/index.ts'
import { toHex } from './blake3-cases.ts'

const JOB = 2 ** 20
const bytesOf = (length: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4)).map((_, i) => Math.imul(i + 1, 2_654_435_761))
  return new Uint8Array(words.buffer, 0, length)
}
const PATH = `${process.env.TMPDIR ?? '/tmp'}/verified-streaming-parallel-${process.pid}`
let pool: HashPool

beforeAll(async () => {
  pool = await createHashPool({ workers: 2 })
})
afterEach(() => {
  vi.unstubAllGlobals()
})
afterAll(async () => {
  pool.close()
  await rm(PATH, { force: true })
})

async function* inParts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  const reused = new Uint8Array(partBytes) // a source may overwrite its last part when the next is asked for
  for (let at = 0; at < bytes.length; at += partBytes) {
    const part = bytes.subarray(at, at + partBytes)
    reused.set(part)
    yield reused.subarray(0, part.length)
  }
}

test('the pool has the workers that were asked for', () => {
  expect(pool.workers).toBe(2)
})

test('a process that reads its input as a module has workers too', async () => {
  const code =
    "import { createHashPool } from '@selvedge/verified-streaming'; const pool = await createHashPool({ workers: 2 }); console.log(pool.workers); pool.close()"
  const flags = ['--conditions=@selvedge/source', '--input-type=module', '--eval', code]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: join(import.meta.dirname, '..') })
  expect(stdout).toBe('2\n')
})

describe.each([0, 1, 1024, JOB - 1, JOB, JOB + 1, 2 * JOB, 5 * JOB + 1025, 11 * JOB - 7])('content of %i bytes', (size) => {
  const bytes = bytesOf(size)
  const expected = toHex(hash(bytes))
  const shared = new Uint8Array(new SharedArrayBuffer(size + 5), 5)
  shared.set(bytes)

  test('hashes alike from bytes, shared bytes, a Blob, a stream and an iterable', async () => {
    const sources = [bytes, shared, new Blob([bytes as Uint8Array<ArrayBuffer>]), inParts(bytes, 100_000), inParts(bytes, 3 * JOB)]
    for (const source of sources) expect(toHex(await hashParallel(source, { workers: pool }))).toBe(expected)
    expect(toHex(await hashParallel(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(), { workers: pool }))).toBe(expected)
  })

  test('hashes alike from a file, which workers read by themselves', async () => {
    await writeFile(PATH, bytes)
    const file = await open(PATH)
    try {
      expect(toHex(await hashParallel(await fromFileHandle(file), { workers: pool }))).toBe(expected)
    } finally {
      await file.close()
    }
  })

  test.each([0, 1, 4, 10])('has the outboard that one thread makes, groups of 2^%i chunks', async (chunkGroupLog) => {
    for (const order of ['pre', 'post'] as const) {
      const alone = await createOutboard(bytes, { chunkGroupLog, order, workers: 0 })
      for (const source of [bytes, shared, inParts(bytes, 777_777)]) {
        const together = await createOutboard(source, { chunkGroupLog, order, workers: pool })
        expect({ root: toHex(together.root), size: together.size }).toEqual({ root: toHex(alone.root), size: alone.size })
        expect(Buffer.compare(together.outboard, alone.outboard)).toBe(0)
      }
    }
  })
})

// Units enough for workers to report what they have done before the end.
test.each([0, 4, 10])(
  'large content in shared memory and in a file has the outboard that one thread makes, groups of 2^%i chunks',
  async (chunkGroupLog) => {
    const bytes = bytesOf(34 * JOB + 7)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    await writeFile(PATH, bytes)
    const file = await open(PATH)
    try {
      const alone = await createOutboard(bytes, { chunkGroupLog, workers: 0 })
      for (const source of [shared, await fromFileHandle(file)]) {
        const seen: number[] = []
        const onProgress = (progress: { bytes: number }): unknown => seen.push(progress.bytes)
        const together = await createOutboard(source, { chunkGroupLog, workers: pool, onProgress })
        expect(toHex(together.root)).toBe(toHex(alone.root))
        expect(Buffer.compare(together.outboard, alone.outboard)).toBe(0)
        expect(seen[0]).toBeLessThan(bytes.length)
        expect(seen).toEqual(seen.toSorted((a, b) => a - b))
        expect(seen.at(-1)).toBe(bytes.length)
      }
    } finally {
      await file.close()
    }
  },
)

test('what is streamed passes through two slots a worker, however long it is', async () => {
  const sizes: number[] = []
  class CountedBuffer extends SharedArrayBuffer {
    constructor(length: number) {
      super(length)
      sizes.push(length)
    }
  }
  vi.stubGlobal('SharedArrayBuffer', CountedBuffer)
  const bytes = bytesOf(20 * JOB + 3)
  expect(toHex(await hashParallel(inParts(bytes, 300_001), { workers: pool }))).toBe(toHex(hash(bytes)))
  expect(sizes.length).toBeLessThanOrEqual(4)
  expect(sizes.every((size) => size === JOB)).toBe(true)
})

test('without workers the calling thread does it', async () => {
  const bytes = bytesOf(3 * JOB)
  expect(toHex(await hashParallel(bytes, { workers: 0 }))).toBe(toHex(hash(bytes)))
})

test('a call may bring its own workers, which end with it', async () => {
  const bytes = bytesOf(3 * JOB + 5)
  expect(toHex(await hashParallel(bytes, { workers: 2 }))).toBe(toHex(hash(bytes)))
})

test('calls share a pool side by side', async () => {
  const inputs = [3, 4, 5, 6].map((jobs) => bytesOf(jobs * JOB + jobs))
  const roots = await Promise.all(inputs.map((bytes) => hashParallel(bytes, { workers: pool })))
  expect(roots.map(toHex)).toEqual(inputs.map((bytes) => toHex(hash(bytes))))
})

test('progress rises to the whole', async () => {
  const seen: number[] = []
  await hashParallel(bytesOf(4 * JOB + 9), { workers: pool, onProgress: ({ bytes }) => seen.push(bytes) })
  expect(seen).toEqual([JOB, 2 * JOB, 3 * JOB, 4 * JOB, 4 * JOB + 9])
})

test('an abort rejects with its reason, from a stalled source too, and the pool goes on', async () => {
  const reason = new Error('enough')
  const controller = new AbortController()
  let isCancelled = false
  async function* stalled(): AsyncGenerator<Uint8Array> {
    try {
      yield bytesOf(2 * JOB)
      queueMicrotask(() => controller.abort(reason))
      await new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => setImmediate(resolve)))
      yield new Uint8Array(1)
    } finally {
      isCancelled = true
    }
  }
  await expect(hashParallel(stalled(), { workers: pool, signal: controller.signal })).rejects.toBe(reason)
  await expect(hashParallel(bytesOf(2 * JOB), { workers: pool, signal: controller.signal })).rejects.toBe(reason)
  await expect.poll(() => isCancelled).toBe(true)
  const bytes = bytesOf(2 * JOB)
  expect(toHex(await hashParallel(bytes, { workers: pool }))).toBe(toHex(hash(bytes)))
})

test('an abort stops workers that read by themselves, and the pool goes on', async () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64 * JOB)).fill(3)
  const reason = new Error('enough')
  const controller = new AbortController()
  const seen: number[] = []
  const onProgress = (progress: { bytes: number }): void => {
    seen.push(progress.bytes)
    controller.abort(reason)
  }
  await expect(hashParallel(bytes, { workers: pool, signal: controller.signal, onProgress })).rejects.toBe(reason)
  expect(seen).toEqual([16 * JOB])
  const part = bytes.subarray(0, 3 * JOB)
  expect(toHex(await hashParallel(part, { workers: pool }))).toBe(toHex(hash(part)))
})

test('a file that is shorter than it was said to be is an error with a code', async () => {
  await writeFile(PATH, bytesOf(2 * JOB))
  const file = await open(PATH)
  try {
    await expect(hashParallel(fromFileHandle(file, 3 * JOB), { workers: pool })).rejects.toMatchObject({ code: 'VERIFY_READ_FAILED' })
  } finally {
    await file.close()
  }
})

test('a closed pool refuses work, and may be closed again', async () => {
  const own = await createHashPool({ workers: 1 })
  own.close()
  own.close()
  await expect(hashParallel(bytesOf(2 * JOB), { workers: own })).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
})

test.each([-1, 1.5, 65, Number.NaN])('%f workers are refused', async (workers) => {
  await expect(hashParallel(bytesOf(2 * JOB), { workers })).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
})
