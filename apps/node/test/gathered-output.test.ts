import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GatheredOutput } from '../src/download/gathered-output.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

test('pieces of every size come out in order, and `position` never speaks of what is not in the file', async () => {
  const path = join(await scratchFolder(), 'out')
  const bytes = sampleBytes(2_000_000)
  const file = await open(path, 'w+')
  const output = new GatheredOutput(file, 0)
  for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7 + 3) % 400_000) {
    await output.add(bytes.subarray(at, at + step))
    const { size } = await file.stat()
    expect(output.position).toBe(size)
    expect(size).toBeGreaterThan(Math.min(at + step, bytes.length) - 256 * 1024)
  }
  await output.flush()
  await file.close()
  expect((await readFile(path)).equals(bytes)).toBe(true)
})

test('what could not be written is still to be written', async () => {
  const path = join(await scratchFolder(), 'out')
  await (await open(path, 'w')).close()
  const file = await open(path, 'r') // takes no bytes
  const output = new GatheredOutput(file, 0)
  await expect(output.add(sampleBytes(300_000))).rejects.toThrow('EBADF')
  expect(output.position).toBe(0)
  await expect(output.flush()).rejects.toThrow('EBADF')
  await file.close()
})
