/** A CAR in memory to verified flat bytes, beside the hash alone and beside the two libraries that do the same job. */
import { createHash } from 'node:crypto'
import { CarBlockIterator } from '@ipld/car'
import { flatBytes, verifyCar, verifyProof, writeCar, writeProof } from '@selvedge/verified-car'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const MIB = 2 ** 20
const BYTES = 64 * MIB
const CHUNK = 64 * 1_024 // what a socket hands over

class Blocks {
  readonly map = new Map<string, Uint8Array>()
  async put(cid: CID, bytes: Uint8Array): Promise<CID> {
    this.map.set(cid.toString(), bytes)
    return cid
  }
  async get(cid: CID): Promise<Uint8Array> {
    return this.map.get(cid.toString())!
  }
}

function content(): Uint8Array {
  const bytes = new Uint8Array(BYTES)
  const words = new Uint32Array(bytes.buffer)
  let state = 1
  for (let index = 0; index < words.length; index++) words[index] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return bytes
}

async function fixture(leafBytes: number): Promise<{ root: CID; blocks: Blocks }> {
  const blocks = new Blocks()
  const options = { rawLeaves: true, cidVersion: 1 as const, chunker: fixedSize({ chunkSize: leafBytes }) }
  let root: CID | undefined
  for await (const entry of importer([{ content: content() }], blocks as never, options)) root = entry.cid
  return { root: root!, blocks }
}

async function join(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += CHUNK) yield bytes.subarray(offset, offset + CHUNK)
}

async function drain(parts: AsyncIterable<{ bytes: Uint8Array }>): Promise<void> {
  let length = 0
  for await (const { bytes } of parts) length += bytes.length
  if (length !== BYTES) throw new Error(`${length} bytes came out`)
}

/** MiB for each second of processor time, all threads: the work is on one thread, and a busy machine takes the clock from everybody. */
function perProcessorSecond(run: () => unknown): Prepared {
  const figure = async (): Promise<number> => {
    let best = 0
    for (let count = 0; count < 8; count++) {
      globalThis.gc?.()
      const before = process.cpuUsage()
      await run()
      const { user, system } = process.cpuUsage(before)
      best = Math.max(best, BYTES / MIB / ((user + system) / 1e6))
    }
    return best
  }
  return { figure }
}

async function ours(leafBytes: number): Promise<Prepared> {
  const { root, blocks } = await fixture(leafBytes)
  const car = await join(writeCar(root, blocks))
  return perProcessorSecond(() => drain(flatBytes(verifyCar(chunks(car), root))))
}

async function oursProof(leafBytes: number): Promise<Prepared> {
  const { root, blocks } = await fixture(leafBytes)
  const proof = await join(writeProof(root, blocks))
  return perProcessorSecond(() => drain(flatBytes(verifyProof(chunks(proof), root))))
}

function sha256(leafBytes: number): Prepared {
  const bytes = content()
  return perProcessorSecond(() => {
    for (let offset = 0; offset < BYTES; offset += leafBytes)
      createHash('sha256')
        .update(bytes.subarray(offset, offset + leafBytes))
        .digest()
  })
}

/** The same job: every block hashed against its CID, the file put together from its root. */
async function theirs(leafBytes: number): Promise<Prepared> {
  const { root, blocks } = await fixture(leafBytes)
  const car = await join(writeCar(root, blocks))
  return perProcessorSecond(async () => {
    const checked = new Map<string, Uint8Array>()
    for await (const { cid, bytes } of await CarBlockIterator.fromIterable(chunks(car))) {
      if (!createHash('sha256').update(bytes).digest().equals(cid.multihash.digest)) throw new Error('wrong hash')
      checked.set(cid.toString(), bytes)
    }
    const store = {
      async *get(cid: CID): AsyncGenerator<Uint8Array> {
        yield checked.get(cid.toString())!
      },
    }
    const entry = await exporter(root, store as never)
    if (entry.type !== 'file') throw new Error('no file')
    let length = 0
    for await (const part of entry.content()) length += part.length
    if (length !== BYTES) throw new Error(`${length} bytes came out`)
  })
}

const note =
  'In seconds of processor time, chunks of 64 KiB. `node:crypto` hashes the same leaves and does nothing else: the limit. `@ipld/car` with `ipfs-unixfs-exporter` holds the whole file in memory; ours one block.'

function bench(name: string, leafBytes: number, first: (leafBytes: number) => Promise<Prepared>, goal: number): Bench {
  return {
    name,
    unit: 'MiB/s',
    subjects: { ours: () => first(leafBytes), 'node:crypto': () => sha256(leafBytes), '@ipld/car': () => theirs(leafBytes) },
    goals: { 'node:crypto': goal },
    samples: 3,
    note,
  }
}

export const benches: readonly Bench[] = [
  bench('CAR to verified bytes, 64 MiB, 1 MiB leaves', MIB, ours, 0.85),
  bench('CAR to verified bytes, 64 MiB, 256 KiB leaves', 256 * 1_024, ours, 0.75),
  bench('proof to verified bytes, 64 MiB, 256 KiB leaves', 256 * 1_024, oursProof, 0.75),
]
