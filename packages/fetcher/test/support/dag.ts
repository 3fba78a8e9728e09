import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import { type VerifiedBlock, verifyCar, writeCar } from '@selvedge/verified-car'
import type { OriginPort } from '../../src/index.ts'

/** Blocks of DAGs made by the field's own importer. */
export class Dag {
  readonly blocks: Map<string, Uint8Array> = new Map<string, Uint8Array>()

  readonly port: { get(cid: CID): Promise<Uint8Array> } = {
    get: async (cid: CID): Promise<Uint8Array> => {
      const block = this.blocks.get(Buffer.from(cid.multihash.bytes).toString('hex'))
      if (block === undefined) throw new Error(`no block ${cid}`)
      return block
    },
  }

  async add(entries: { path: string; content: Uint8Array }[], options: object = {}): Promise<CID> {
    const store = {
      put: async (cid: CID, bytes: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => {
        this.blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), Uint8Array.from(bytes as Uint8Array))
        return cid
      },
      get: (cid: CID) => this.port.get(cid),
    }
    let last: CID | undefined
    const all = {
      chunker: fixedSize({ chunkSize: 4096 }),
      rawLeaves: true,
      cidVersion: 1,
      wrapWithDirectory: entries.length > 1,
      ...options,
    }
    for await (const entry of importer(entries, store as never, all as never)) last = entry.cid as unknown as CID
    if (last === undefined) throw new Error('nothing was imported')
    return CID.decode(last.bytes)
  }

  file(content: Uint8Array, options: object = {}): Promise<CID> {
    return this.add([{ path: 'file', content }], options)
  }
}

export interface OriginLog {
  readonly origin: OriginPort
  /** Every fetch that began. */
  readonly asked: { cid: string; range: string }[]
  /** Fetches whose stream has not ended yet. */
  active: number
  /** By key: most fetches at once that nobody had told to end. One that was told takes a few turns to, and is not waited for. */
  activeMaxByKey: Map<string, number>
}

/** What a test does to the stream before block `index` goes out; it may wait, or throw. */
export type Fault = (index: number, block: VerifiedBlock, signal: AbortSignal | undefined) => Promise<void> | void

/** A real origin in this process: writes a CAR from the blocks and verifies it as it streams. */
export function createTestOrigin(dag: Dag, fault: Fault = () => undefined): OriginLog {
  const askedByKey = new Map<string, Set<AbortSignal | undefined>>()
  const log: OriginLog = {
    asked: [],
    active: 0,
    activeMaxByKey: new Map(),
    origin: {
      async *fetch(cidLike, { range, scope = 'entity', signal } = {}) {
        const cid = CID.decode(cidLike.bytes)
        const text = range === undefined ? '*' : `${range.start}-${range.end ?? ''}`
        const key = `${cid}:${text}`
        log.asked.push({ cid: cid.toString(), range: text })
        const asked = askedByKey.get(key) ?? new Set<AbortSignal | undefined>()
        askedByKey.set(key, asked.add(signal))
        log.active++
        const wanted = [...asked].filter((each) => each?.aborted !== true).length
        log.activeMaxByKey.set(key, Math.max(wanted, log.activeMaxByKey.get(key) ?? 0))
        const options = { scope, ...(range === undefined ? {} : { range }), ...(signal === undefined ? {} : { signal }) }
        try {
          let index = 0
          for await (const block of verifyCar(writeCar(cid, dag.port, options), cid, options)) {
            await fault(index++, block, signal)
            yield block
          }
        } finally {
          log.active--
          asked.delete(signal)
        }
      },
    },
  }
  return log
}

/** Bytes that differ everywhere, so that blocks do. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length)
  let state = seed >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    out[i] = state & 255
  }
  return out
}
