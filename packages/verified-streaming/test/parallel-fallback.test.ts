// Hosts that have no workers for us: whatever is missing or forbidden, the answer is the same, made by the calling thread.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHashPool, createOutboard, hash, hashParallel } from '../src/index.ts'
import { toHex } from './blake3-cases.ts'

const bytes = Uint8Array.from({ length: 3 * 2 ** 20 + 5 }, (_, i) => (i * 7 + (i >> 9)) & 255)
const expected = toHex(hash(bytes))

afterEach(() => {
  vi.unstubAllGlobals()
})

class ThrowingWorker {
  constructor() {
    throw new DOMException('workers are forbidden here', 'SecurityError')
  }
}

/** As browsers do where a content security policy forbids the worker's script. */
class FailingWorker {
  onerror: ((event: { message?: string }) => void) | null = null
  postMessage(): void {
    queueMicrotask(() => this.onerror?.({}))
  }
  terminate(): void {}
}

/** One of several starts, the others do not. */
class HalfWorker extends FailingWorker {
  static count = 0
  static terminated = 0
  onmessage: ((event: { data: unknown }) => void) | null = null
  readonly #isGood = HalfWorker.count++ === 0
  override postMessage(): void {
    if (this.#isGood) queueMicrotask(() => this.onmessage?.({ data: {} }))
    else super.postMessage()
  }
  override terminate(): void {
    HalfWorker.terminated++
  }
}

async function expectOneThread(): Promise<void> {
  const pool = await createHashPool({ workers: 2 })
  expect(pool.workers).toBe(0)
  for (const workers of [2, pool]) {
    expect(toHex(await hashParallel(bytes, { workers }))).toBe(expected)
    const { root, outboard } = await createOutboard(bytes, { workers })
    expect(toHex(root)).toBe(expected)
    expect(Buffer.compare(outboard, (await createOutboard(bytes, { workers: 0 })).outboard)).toBe(0)
  }
  pool.close()
  expect(toHex(await hashParallel(bytes, { workers: pool }))).toBe(expected)
}

/** Says that it was asked for. */
class CountedWorker extends ThrowingWorker {
  static count = 0
  constructor() {
    CountedWorker.count++
    super()
  }
}

test('no worker is asked for where there is little to hash', async () => {
  vi.stubGlobal('Worker', CountedWorker)
  const mib = 2 ** 20
  await hashParallel(bytes.subarray(0, mib)) // up to one job, whatever was asked
  await hashParallel(bytes.subarray(0, mib), { workers: 2 })
  await createOutboard(bytes) // no workers were asked for, and it is less than they are worth
  expect(CountedWorker.count).toBe(0)
  await createOutboard(new Uint8Array(64 * mib))
  expect(CountedWorker.count).toBeGreaterThan(0)
})

describe('one thread does it all', () => {
  test('where there is no shared memory', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined)
    await expectOneThread()
  })

  test('where the host has no workers of either kind', async () => {
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined })
    await expectOneThread()
  })

  test.each([
    ['throws', ThrowingWorker],
    ['reports an error later', FailingWorker],
    ['lets only one start', HalfWorker],
  ])('where starting a worker %s', async (_, Worker) => {
    vi.stubGlobal('Worker', Worker)
    await expectOneThread()
  })

  test('and those that did start have been ended', () => {
    expect(HalfWorker.count).toBeGreaterThan(1)
    expect(HalfWorker.terminated).toBe(HalfWorker.count)
  })

  test('in a process whose permissions allow no workers', async () => {
    const program = `
      import { createHashPool, hashParallel } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
      const bytes = Uint8Array.from({ length: ${bytes.length} }, (_, i) => (i * 7 + (i >> 9)) & 255)
      const pool = await createHashPool({ workers: 2 })
      console.log(pool.workers, Buffer.from(await hashParallel(bytes, { workers: 2 })).toString('hex'))`
    const options = ['--permission', '--allow-fs-read=*', '--conditions=@selvedge/source', '--input-type=module', '-e', program]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    expect(stdout.trim()).toBe(`0 ${expected}`)
  })
})
