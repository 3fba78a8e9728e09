/** Other people's CARs, through an origin, a node and our client, held against `ipfs-unixfs-exporter`. They are not part of this repository. */
import { CarReader } from '@ipld/car'
import { createClient, ClientError, formatNodeAddress, type Client } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { createGateway } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startNode } from '../src/compose/node.ts'
import { scratchFolder } from './harness.ts'

const FIXTURES = resolve(import.meta.dirname, '../../../../shared/vectors/car')
const isHere = existsSync(FIXTURES)
if (!isHere) console.info('the published CAR fixtures are not here: the one made here stands alone')
const MADE_HERE = 'a tree made here'
const names = [MADE_HERE, ...(isHere ? (await readdir(FIXTURES)).filter((name) => name.endsWith('.car')) : [])]
const DAG_PB = 0x70
const RAW = 0x55

interface Fixture {
  readonly roots: readonly CID[]
  readonly blocks: Map<string, Uint8Array>
}

async function makeFixture(): Promise<Fixture> {
  const blocks = new Map<string, Uint8Array>()
  const store = {
    put: async (cid: CID, bytes: Uint8Array): Promise<CID> => {
      blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
      return cid
    },
  }
  const files = [1, 5_000, 70_000].map((length, i) => ({
    path: `folder-${i % 2}/${length}.bin`,
    content: new Uint8Array(length).fill(i + 1),
  }))
  let root: CID | undefined
  const options = { cidVersion: 1, rawLeaves: false, wrapWithDirectory: true, chunker: fixedSize({ chunkSize: 4_096 }) } as const
  for await (const { cid } of importer(files, store as never, options)) root = cid
  return { roots: [root!], blocks }
}

async function readFixture(name: string): Promise<Fixture> {
  if (name === MADE_HERE) return makeFixture()
  const reader = await CarReader.fromBytes(await readFile(join(FIXTURES, name)))
  const blocks = new Map<string, Uint8Array>()
  for await (const { cid, bytes } of reader.blocks()) blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
  return { roots: (await reader.getRoots()) as CID[], blocks }
}

function portOf({ blocks }: Fixture): { get(cid: CID): Promise<Uint8Array> } {
  return {
    async get(cid) {
      const block = blocks.get(Buffer.from(cid.multihash.bytes).toString('hex'))
      if (block === undefined) throw Object.assign(new Error(`the fixture has no ${cid}`), { code: 'FIXTURE_NOT_FOUND' })
      return block
    },
  }
}

/** What is below a CID: file paths with their bytes, and what cannot be had. */
type Tree = Map<string, string>

async function treeByClient(client: Client, cid: CID, path: string, out: Tree): Promise<Tree> {
  if (cid.code !== DAG_PB && cid.code !== RAW) return out.set(path, 'other')
  try {
    const download = await client.get(cid)
    if (download.kind === 'directory') {
      for await (const entry of download.entries()) await treeByClient(client, entry.cid as CID, `${path}/${entry.name}`, out)
    } else if (download.kind === 'file') {
      const parts: Uint8Array[] = []
      for await (const { bytes } of download) parts.push(bytes.slice())
      out.set(path, Buffer.concat(parts).toString('hex'))
    } else {
      download.close()
      out.set(path, download.kind)
    }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    out.set(path, 'cannot be had')
  }
  return out
}

async function treeByExporter(port: { get(cid: CID): Promise<Uint8Array> }, cid: CID, path: string, out: Tree): Promise<Tree> {
  if (cid.code !== DAG_PB && cid.code !== RAW) return out.set(path, 'other')
  const store = {
    get: async function* (each: CID) {
      yield await port.get(each)
    },
  } // prettier-ignore
  try {
    const entry = await exporter(cid as never, store as never)
    const unixfs = (entry as { unixfs?: { type: string } }).unixfs
    if (unixfs?.type === 'symlink') out.set(path, 'symlink')
    else if (entry.type === 'directory') {
      for await (const { name, cid: child } of (entry as unknown as { entries(): AsyncIterable<{ name: string; cid: CID }> }).entries()) {
        await treeByExporter(port, child, `${path}/${name}`, out)
      }
    } else if (entry.type === 'file' || entry.type === 'raw') {
      const parts: Uint8Array[] = []
      for await (const part of (entry as unknown as { content(): AsyncIterable<Uint8Array> }).content()) parts.push(part)
      out.set(path, Buffer.concat(parts).toString('hex'))
    } else out.set(path, 'other')
  } catch {
    out.set(path, 'cannot be had')
  }
  return out
}

test.each(names)('our client reads %s as the exporter does', async (name) => {
  const fixture = await readFixture(name)
  const server = await serveGateway(createGateway({ blocks: portOf(fixture) }))
  onTestFinished(() => server.stop())
  const node = await startNode(createKeyPair(), { dataDir: await scratchFolder(), host: '127.0.0.1', port: 0, origins: [server.url] })
  onTestFinished(() => node.stop())
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  for (const root of fixture.roots) {
    const expected = await treeByExporter(portOf(fixture), root, '', new Map())
    const cold = await treeByClient(client, root, '', new Map())
    expect(cold).toEqual(expected)
    expect(await treeByClient(client, root, '', new Map())).toEqual(expected) // and from the node's store
  }
})
