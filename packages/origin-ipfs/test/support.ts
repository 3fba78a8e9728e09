import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { importer, type ImporterOptions } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { type ByteRange, flatBytes, type Scope, type VerifiedBlock, writeCar } from '@selvedge/verified-car'

export const CAR_TYPE = 'application/vnd.ipld.car; version=1; order=dfs; dups=y'
export const RAW_TYPE = 'application/vnd.ipld.raw'

export class Blocks {
  readonly map: Map<string, Uint8Array> = new Map()
  async put(cid: CID, bytes: Uint8Array): Promise<CID> {
    this.map.set(keyOf(cid), bytes)
    return cid
  }
  async get(cid: CID): Promise<Uint8Array> {
    const found = this.map.get(keyOf(cid))
    if (found === undefined) throw new Error(`no block ${cid}`)
    return found
  }
}

export function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('hex')
}

export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let index = 0; index < length; index++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    bytes[index] = state >>> 24
  }
  return bytes
}

export async function importFile(content: Uint8Array, blocks: Blocks, options: ImporterOptions = {}): Promise<CID> {
  const all = { rawLeaves: true, cidVersion: 1 as const, chunker: fixedSize({ chunkSize: 10_000 }), ...options }
  let root: CID | undefined
  for await (const { cid } of importer([{ content }], blocks as unknown as Parameters<typeof importer>[1], all)) root = cid
  return root!
}

/** What a gateway was asked. */
export interface Asked {
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly range: ByteRange | undefined
  readonly scope: Scope
  readonly isRaw: boolean
}

export type Behaviour = (asked: Asked, response: ServerResponse, index: number) => void | Promise<void>

/** A real HTTP server that behaves as it is told, well or badly, and remembers what it was asked. */
export class TestGateway {
  readonly asked: Asked[] = []
  readonly #server: Server
  readonly #behaviour: Behaviour
  url = ''
  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }
  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }
  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url)
    const [, from, to] = /^(\d+):(\d+|\*)$/.exec(url.searchParams.get('entity-bytes') ?? '') ?? []
    const range = from === undefined ? undefined : to === '*' ? { start: Number(from) } : { start: Number(from), end: Number(to) + 1 }
    const scope = (url.searchParams.get('dag-scope') ?? 'all') as Scope
    const asked = { url, headers: request.headers, range, scope, isRaw: url.searchParams.get('format') === 'raw' }
    this.asked.push(asked)
    try {
      await this.#behaviour(asked, response, this.asked.length - 1)
    } catch {
      response.destroy()
    }
  }
}

/** What an honest gateway would send. */
export async function carFor(root: CID, blocks: Blocks, { range, scope }: Pick<Asked, 'range' | 'scope'>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of writeCar(root, blocks, range === undefined ? { scope } : { range })) parts.push(part.slice())
  return new Uint8Array(Buffer.concat(parts))
}

export async function flat(blocks: AsyncIterable<VerifiedBlock>, range?: ByteRange): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of flatBytes(blocks, range)) parts.push(bytes.slice())
  return new Uint8Array(Buffer.concat(parts))
}

/** Writes and waits until it has left, or the connection has gone. */
export function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => response.write(bytes, () => resolve()))
}
