/**
 * A client that pays, in a worker: TLS, hashing and signing are there, and whoever started it gets verified bytes, whose memory is given over to
 * him. What he has not answered for is bounded.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { createClient } from '@selvedge/client'
import { CHAIN_ID } from '../../../packages/handshake/bench/paid-books.ts'
import { accountOf } from '../../../packages/handshake/bench/paid-client.ts'

export interface WorkerTask {
  readonly port: number
  readonly nodeKey: readonly number[]
  readonly root: readonly number[]
}

/** What it is told: fetch all, take back a part that was read, sign and end. */
export type WorkerCall = 'fetch' | 'taken' | 'close'
/** What it says: verified bytes, the end of them, bytes that were signed for once it is closed. */
export type WorkerAnswer = { readonly bytes: Uint8Array } | { readonly isOver: true } | { readonly signed: number }

const PART_BYTES = 256 * 1024
const UNTAKEN_PARTS_MAX = 16

const parent = parentPort!
const { port, nodeKey, root } = workerData as WorkerTask
const client = createClient({
  nodes: [{ host: '127.0.0.1', port, nodeKey: Uint8Array.from(nodeKey) }],
  chainId: CHAIN_ID,
  account: accountOf(0),
})
let untaken = 0
let wake = (): void => {}

function say(answer: WorkerAnswer, transfer: ArrayBuffer[] = []): void {
  parent.postMessage(answer, transfer)
}

async function give(part: Uint8Array<ArrayBuffer>): Promise<void> {
  untaken++
  say({ bytes: part }, [part.buffer])
  while (untaken > UNTAKEN_PARTS_MAX) await new Promise<void>((resolve) => (wake = resolve))
}

async function fetchAll(): Promise<void> {
  let part = new Uint8Array(PART_BYTES)
  let filled = 0
  for await (const { bytes } of await client.get(Uint8Array.from(root))) {
    for (let at = 0; at < bytes.length; ) {
      const taken = bytes.subarray(at, at + PART_BYTES - filled)
      part.set(taken, filled)
      at += taken.length
      filled += taken.length
      if (filled < PART_BYTES) continue
      await give(part)
      part = new Uint8Array(PART_BYTES)
      filled = 0
    }
  }
  if (filled > 0) await give(part.slice(0, filled))
  say({ isOver: true })
}

parent.on('message', (call: WorkerCall) => {
  if (call === 'fetch') return void fetchAll()
  if (call === 'close') return void client.close().then(() => say({ signed: Number(client.cost().bytes) }))
  untaken--
  wake()
})
