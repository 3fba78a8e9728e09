// Row 5 of the goals: two workers against one, and the import of a 1 GiB file beside @number0/iroh.
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

async function sharedWith(workers: number): Promise<Prepared> {
  const { createHashPool, hashParallel } = await import('@selvedge/verified-streaming')
  const pool = await createHashPool({ workers })
  const bytes = new Uint8Array(new SharedArrayBuffer(256 * MIB)).fill(5)
  return { once: () => hashParallel(bytes, { workers: pool }), times: 7, bytes: bytes.length, close: () => pool.close() }
}

/** A random file of 1 GiB in the repository's ignored folder, read once so that it is in the page cache; gone when the process ends. */
function makeFile(): { path: string; folder: string } {
  const temporary = join(import.meta.dirname, '../../../.tmp')
  mkdirSync(temporary, { recursive: true })
  const folder = mkdtempSync(join(temporary, 'import-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'file')
  const block = new Uint8Array(16 * MIB)
  const fd = openSync(path, 'w+')
  for (let at = 0; at < GIB; at += block.length) writeSync(fd, randomFillSync(block))
  for (let at = 0; at < GIB; at += block.length) readSync(fd, block, 0, block.length, at)
  closeSync(fd)
  return { path, folder }
}

async function ours(workers: number): Promise<Prepared> {
  const { createHashPool, createOutboard, fromFileHandle } = await import('@selvedge/verified-streaming')
  const { path } = makeFile()
  const pool = workers > 0 ? await createHashPool({ workers }) : 0
  const run = async (): Promise<void> => {
    const file = await open(path)
    await createOutboard(await fromFileHandle(file), { workers: pool })
    await file.close()
  }
  return { once: run, times: 3, bytes: GIB }
}

/** Each run imports into a new store, because a second import of the same content would do less. */
async function iroh(inPlace: boolean): Promise<Prepared> {
  const { Iroh, SetTagOption } = (await import('@number0/iroh')).default
  const { path, folder } = makeFile()
  let run = 0
  return {
    async figure() {
      const times: number[] = []
      for (; run < 3; run++) {
        const node = await Iroh.persistent(join(folder, `store-${run}`))
        const started = process.hrtime.bigint()
        await new Promise<void>((done, failed) => {
          node.blobs
            .addFromPath(path, inPlace, SetTagOption.auto(), { wrap: false }, (error, progress) => {
              if (error) failed(error)
              else if (progress?.allDone) done()
            })
            .catch(failed)
        })
        times.push(Number(process.hrtime.bigint() - started))
        await node.node.shutdown()
        rmSync(join(folder, `store-${run}`), { recursive: true, force: true })
      }
      return GIB / MIB / (Math.min(...times) / 1e9)
    },
  }
}

export const benches: readonly Bench[] = [
  {
    name: 'hashParallel, 256 MiB of shared memory, 2 workers',
    unit: 'MiB/s',
    subjects: { ours: () => sharedWith(2), 'ours with 1 worker': () => sharedWith(1) },
    goals: { 'ours with 1 worker': 1.9 },
  },
  {
    name: 'import of a 1 GiB file: root and outboard, 2 workers',
    unit: 'MiB/s',
    subjects: {
      ours: () => ours(2),
      'ours on one thread': () => ours(0),
      '@number0/iroh in place': () => iroh(true),
      '@number0/iroh copying': () => iroh(false),
    },
    goals: { '@number0/iroh in place': 0.74, '@number0/iroh copying': 1.67 },
    samples: 3,
    note: 'the file is in the page cache; ours leaves the outboard in memory and the file where it is, iroh writes its store and is native code',
  },
]
