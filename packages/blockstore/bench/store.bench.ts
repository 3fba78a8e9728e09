/** Small durable puts and a large one, beside what a store of blocks in JavaScript is made of today. */
import { randomFillSync } from 'node:crypto'
import { fdatasyncSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { createBlockstore } from '@selvedge/blockstore'
// The same copy as the store's: two of them in one process share their native state, and both write nonsense.
import { open } from '../node_modules/lmdb/index.js'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const MIB = 2 ** 20
const BLOCKS = 4_000
const BLOCK_BYTES = 16_384
const LARGE_BYTES = 512 * MIB
const AT_ONCE = 64

interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

async function blocks(): Promise<Block[]> {
  const out: Block[] = []
  for (let i = 0; i < BLOCKS; i++) {
    const bytes = randomFillSync(new Uint8Array(BLOCK_BYTES))
    out.push({ cid: CID.createV1(0x55, await sha256.digest(bytes)), bytes })
  }
  return out
}

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'selvedge-bench-'))
}

/** Puts all, so many at once. */
async function putAll(items: readonly Block[], put: (block: Block) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await put(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function timed(bytes: number, run: () => Promise<unknown> | unknown): Promise<number> {
  const start = performance.now()
  await run()
  return bytes / MIB / ((performance.now() - start) / 1_000)
}

function figure(bytes: number, path: string, run: () => Promise<unknown> | unknown, close: () => Promise<unknown> | unknown): Prepared {
  return {
    figure: () => timed(bytes, run),
    close: async () => {
      await close()
      rmSync(path, { recursive: true })
    },
  }
}

const small: Bench = {
  name: `durable put of 16 KiB blocks, ${AT_ONCE} at once`,
  unit: 'MiB/s',
  goals: { lmdb: 1.8, 'blockstore-fs': 6 },
  note: 'lmdb: values, one flushed transaction for 64 blocks. blockstore-fs flushes nothing to the disk, so it does less. Ours checks the hash of each block.',
  subjects: {
    ours: async () => {
      const [items, path] = [await blocks(), folder()]
      const store = createBlockstore({}, { path })
      await store.start()
      return figure(
        BLOCKS * BLOCK_BYTES,
        path,
        () => putAll(items, ({ cid, bytes }) => store.putBlock(cid, bytes)),
        () => store.stop(),
      )
    },
    lmdb: async () => {
      const [items, path] = [await blocks(), folder()]
      const database = open<Buffer, Buffer>({ path, keyEncoding: 'binary', encoding: 'binary', overlappingSync: false })
      const run = async (): Promise<void> => {
        for (let at = 0; at < items.length; at += AT_ONCE) {
          await database.batch(() => {
            for (const { cid, bytes } of items.slice(at, at + AT_ONCE))
              void database.put(Buffer.from(cid.multihash.bytes), Buffer.from(bytes))
          })
          await database.flushed
        }
      }
      return figure(BLOCKS * BLOCK_BYTES, path, run, () => database.close())
    },
    'blockstore-fs': async () => {
      const [items, path] = [await blocks(), folder()]
      const store = new FsBlockstore(path)
      await store.open()
      return figure(
        BLOCKS * BLOCK_BYTES,
        path,
        () => putAll(items, async ({ cid, bytes }) => store.put(cid as never, bytes)),
        () => store.close(),
      )
    },
  },
}

const reads: Bench = {
  name: 'read of 16 KiB blocks, 64 at once',
  unit: 'MiB/s',
  goals: { lmdb: 1 },
  note: 'Ours checks the hash of each block before it leaves; the others do not.',
  subjects: {
    ours: async () => {
      const [items, path] = [await blocks(), folder()]
      const store = createBlockstore({}, { path })
      await store.start()
      await putAll(items, ({ cid, bytes }) => store.putBlock(cid, bytes))
      return figure(
        BLOCKS * BLOCK_BYTES,
        path,
        () => putAll(items, ({ cid }) => store.getBlock(cid)),
        () => store.stop(),
      )
    },
    lmdb: async () => {
      const [items, path] = [await blocks(), folder()]
      const database = open<Buffer, Buffer>({ path, keyEncoding: 'binary', encoding: 'binary' })
      await database.batch(() => {
        for (const { cid, bytes } of items) void database.put(Buffer.from(cid.multihash.bytes), Buffer.from(bytes))
      })
      const run = (): Promise<void> => putAll(items, async ({ cid }) => database.get(Buffer.from(cid.multihash.bytes)))
      return figure(BLOCKS * BLOCK_BYTES, path, run, () => database.close())
    },
    'blockstore-fs': async () => {
      const [items, path] = [await blocks(), folder()]
      const store = new FsBlockstore(path)
      await store.open()
      await putAll(items, async ({ cid, bytes }) => store.put(cid as never, bytes))
      const run = (): Promise<void> =>
        putAll(items, async ({ cid }) => {
          for await (const _ of store.get(cid as never));
        })
      return figure(BLOCKS * BLOCK_BYTES, path, run, () => store.close())
    },
  },
}

async function* parts(): AsyncGenerator<Uint8Array> {
  const part = randomFillSync(new Uint8Array(MIB))
  for (let at = 0; at < LARGE_BYTES; at += MIB) yield part
}

const large: Bench = {
  name: 'durable put of 512 MiB',
  unit: 'MiB/s',
  goals: { 'plain file': 0.85 },
  note: 'Plain file: 1 MiB writes and one fdatasync, nothing hashed.',
  subjects: {
    ours: async () => {
      const path = folder()
      const store = createBlockstore({}, { path })
      await store.start()
      return figure(
        LARGE_BYTES,
        path,
        () => store.put(parts()),
        () => store.stop(),
      )
    },
    'plain file': async () => {
      const path = folder()
      const run = async (): Promise<void> => {
        const file = openSync(join(path, 'file'), 'w')
        for await (const part of parts()) writeSync(file, part)
        fdatasyncSync(file)
        closeSync(file)
      }
      return figure(LARGE_BYTES, path, run, () => undefined)
    },
  },
}

export const benches: readonly Bench[] = [small, reads, large]
