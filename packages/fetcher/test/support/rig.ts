import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Blockstore, createBlockstore } from '@selvedge/blockstore'
import { flatBytes, verifyCar, writeCar } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach } from 'vitest'
import type { ByteRange, FetchEvent, Opened } from '../../src/index.ts'
import { Dag } from './dag.ts'

/** A real store in a folder of its own, and an empty DAG, for each test. */
export function useRig(): { readonly store: Blockstore; readonly dag: Dag } {
  let path = ''
  const rig = { store: undefined as unknown as Blockstore, dag: new Dag() }
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'selvedge-fetcher-'))
    rig.store = createBlockstore({}, { path })
    rig.dag = new Dag()
    await rig.store.start()
  })
  afterEach(async () => {
    await rig.store.stop()
    await rm(path, { recursive: true })
  })
  return rig
}

/** The bytes of a file or of a range of it, each block checked again as a client would. */
export async function readAll(opened: Opened, cid: CID, range?: ByteRange, signal?: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const options = { ...(range === undefined ? {} : { range }), ...(signal === undefined ? {} : { signal }) }
  const blocks = verifyCar(writeCar(cid, opened.blocks, options), cid, options)
  for await (const { bytes } of flatBytes(blocks, range)) parts.push(bytes.slice())
  return Buffer.concat(parts)
}

/** Waits for events of a fetcher. */
export class Events {
  readonly all: FetchEvent[] = []
  readonly #waiting: { type: FetchEvent['type']; count: number; resolve: () => void }[] = []

  readonly onEvent: (event: FetchEvent) => void = (event) => {
    this.all.push(event)
    for (const { type, count, resolve } of this.#waiting) if (this.count(type) >= count) resolve()
  }

  count(type: FetchEvent['type']): number {
    return this.all.filter((event) => event.type === type).length
  }

  /** Resolves when there were so many. */
  seen(type: FetchEvent['type'], count = 1): Promise<void> {
    if (this.count(type) >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ type, count, resolve }))
  }
}

/** Something to wait at. */
export class Gate {
  open: () => void = () => undefined
  reached: () => void = () => undefined
  readonly opened: Promise<void> = new Promise((resolve) => (this.open = resolve))
  readonly wasReached: Promise<void> = new Promise((resolve) => (this.reached = resolve))

  /** Also ends when `signal` aborts, as an origin's socket would. */
  async pass(signal: AbortSignal | undefined): Promise<void> {
    this.reached()
    await new Promise<void>((resolve, reject) => {
      void this.opened.then(resolve)
      if (signal?.aborted === true) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
}
