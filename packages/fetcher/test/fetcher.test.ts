import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { createBlockstore, type Blockstore } from '@selvedge/blockstore'
import { hash } from '@selvedge/verified-streaming'
import { flatBytes, verifyCar, writeCar } from '@selvedge/verified-car'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFetcher, type FetchEvent, type Opened } from '../src/index.ts'
import { bytesOf, createTestOrigin, Dag } from './support/dag.ts'

let path: string
let store: Blockstore
let dag: Dag
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'selvedge-fetcher-'))
  store = createBlockstore({}, { path })
  await store.start()
  dag = new Dag()
})
afterEach(async () => {
  await store.stop()
  await rm(path, { recursive: true })
})

async function read(opened: Opened, cid: CID, range?: { start: number; end?: number }): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const options = range === undefined ? {} : { range }
  for await (const { bytes } of flatBytes(verifyCar(writeCar(cid, opened.blocks, options), cid, options), range)) parts.push(bytes.slice())
  return Buffer.concat(parts)
}

function eventOf(type: FetchEvent['type']): { onEvent: (event: FetchEvent) => void; seen: Promise<FetchEvent> } {
  let onEvent: (event: FetchEvent) => void = () => undefined
  const seen = new Promise<FetchEvent>((resolve) => {
    onEvent = (event) => {
      if (event.type === type) resolve(event)
    }
  })
  return { onEvent, seen }
}

test('a file comes from the origin once, and from the store after that', async () => {
  const content = bytesOf(100_000)
  const cid = await dag.file(content)
  const { origin, asked } = createTestOrigin(dag)
  const ended = eventOf('fetchEnded')
  const fetcher = createFetcher({ store, origins: [origin] }, { onEvent: ended.onEvent })
  const cold = await fetcher.openCid(cid)
  expect(cold).toMatchObject({ complete: false, kind: 'file', size: content.length })
  expect(await read(cold, cid)).toEqual(Buffer.from(content))
  await cold.close()
  await ended.seen
  const warm = await fetcher.openCid(cid)
  expect(warm.complete).toBe(true)
  expect(await read(warm, cid)).toEqual(Buffer.from(content))
  expect(asked.length).toBe(1)
  await fetcher.stop()
  expect((await store.entity(cid))?.root).toEqual(hash(content))
})
