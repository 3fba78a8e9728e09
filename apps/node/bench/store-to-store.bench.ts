// From one persistent store into another, in another process on this machine, beside iroh.
import { randomFillSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createBlockstore } from '@selvedge/blockstore'
import type { Client } from '@selvedge/client'
import { createSink } from '@selvedge/verified-streaming'
import { openFileStore } from '@selvedge/verified-streaming/file-store'
import { startProcess } from '../../../packages/handshake/bench/other-process.ts'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import type { IrohNodeFacts } from './iroh-node.ts'
import { startPaidPair } from './paid-client.ts'
import { makeFolder, MIB } from './random-content.ts'

const TOTAL_BYTES = 512 * MIB
/** Goes over first, so that the connection is there and the code is warm. */
const WARM_UP_BYTES = 32 * MIB

async function throughputOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return TOTAL_BYTES / MIB / ((performance.now() - started) / 1_000)
}

/** Content, and beside it what proves it, so that another process goes on with it or serves it. */
async function intoFiles(): Promise<Prepared> {
  const { client, roots, close } = await startPaidPair(WARM_UP_BYTES, TOTAL_BYTES)
  const folder = makeFolder()
  const fetch = async (root: Uint8Array, name: string): Promise<void> => {
    const store = await openFileStore(join(folder, name))
    const sink = createSink(root, { store })
    await client.receive(root, sink)
    await store.save(sink)
    await store.close()
  }
  const figure = async (): Promise<number> => {
    await fetch(roots[0]!, 'first')
    return await throughputOf(() => fetch(roots[1]!, 'second'))
  }
  return { figure, close: () => close().finally(() => rmSync(folder, { recursive: true })) }
}

async function* bytesOf(client: Client, root: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of await client.get(root)) yield bytes
}

async function intoBlockstore(): Promise<Prepared> {
  const { client, roots, close } = await startPaidPair(WARM_UP_BYTES, TOTAL_BYTES)
  const folder = makeFolder()
  const store = createBlockstore({}, { path: folder })
  await store.start()
  const fetch = async (root: Uint8Array): Promise<void> => {
    const held = await store.put(bytesOf(client, root))
    if (Buffer.compare(held.root, root) !== 0) throw new Error('another root')
  }
  const figure = async (): Promise<number> => {
    await fetch(roots[0]!)
    return await throughputOf(() => fetch(roots[1]!))
  }
  const closeAll = async (): Promise<void> => {
    await close()
    await store.stop()
    rmSync(folder, { recursive: true })
  }
  return { figure, close: closeAll }
}

/** What the disk alone takes: as many bytes, already in memory, into a file a MiB at a time, and one sync. */
function ontoDisk(): Prepared {
  const folder = makeFolder()
  const write = async (name: string, totalBytes: number): Promise<void> => {
    const part = randomFillSync(new Uint8Array(MIB))
    const file = await open(join(folder, name), 'wx')
    for (let done = 0; done < totalBytes; done += MIB) await file.write(part)
    await file.datasync()
    await file.close()
  }
  const figure = async (): Promise<number> => {
    await write('first', WARM_UP_BYTES)
    return await throughputOf(() => write('second', TOTAL_BYTES))
  }
  return { figure, close: () => rmSync(folder, { recursive: true }) }
}

async function iroh(): Promise<Prepared> {
  const { BlobDownloadOptions, Iroh, SetTagOption } = (await import('@number0/iroh')).default
  const { facts, stop } = await startProcess<IrohNodeFacts>(
    join(import.meta.dirname, 'iroh-node.ts'),
    String(WARM_UP_BYTES),
    String(TOTAL_BYTES),
  )
  const { nodeId, addresses, hashes } = facts
  const folder = makeFolder()
  const node = await Iroh.persistent(folder, { ipv4Addr: '127.0.0.1:0', nodeDiscovery: 'None' as never })
  const fetch = (hash: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const from = new BlobDownloadOptions('Raw' as never, [{ nodeId, addresses: [...addresses] }], SetTagOption.auto())
      node.blobs
        .download(hash, from, (error, progress) => {
          if (error) reject(error)
          else if (progress?.allDone) resolve()
        })
        .catch(reject)
    })
  const figure = async (): Promise<number> => {
    await fetch(hashes[0]!)
    return await throughputOf(() => fetch(hashes[1]!))
  }
  const close = async (): Promise<void> => {
    await node.node.shutdown()
    await stop()
    rmSync(folder, { recursive: true })
  }
  return { figure, close }
}

const common = { unit: 'MiB/s', samples: 3, goals: { '@number0/iroh': 4 } } as const
const on = 'Paid for and verified; on the disk when it is over. 32 MiB went the same way before.'

export const benches: readonly Bench[] = [
  {
    ...common,
    name: '512 MiB from a store into files with what proves them',
    subjects: { ours: intoFiles, '@number0/iroh': iroh, 'the disk alone': ontoDisk },
    note: `${on} iroh is native code, from its persistent store into another. The disk alone: as many bytes of memory into a file, and one sync.`,
  },
  {
    ...common,
    name: '512 MiB from a store into another',
    subjects: { ours: intoBlockstore, '@number0/iroh': iroh, 'the disk alone': ontoDisk },
    note: `${on} The store that takes it makes the tree of it once more.`,
  },
]
