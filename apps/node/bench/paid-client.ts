/** A client that pays, of a node that holds what it is asked for. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '@selvedge/client'
import { type OtherProcess, startProcess } from '../../../packages/handshake/bench/other-process.ts'
import { CHAIN_ID } from '../../../packages/handshake/bench/paid-books.ts'
import { accountOf } from '../../../packages/handshake/bench/paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'

const WAIT_MS_MAX = 10_000

export interface PaidPair {
  readonly client: Client
  readonly node: OtherProcess<PaidNodeFacts>
  readonly roots: readonly Uint8Array[]
  /** Ends both. @throws where the node has not got an acknowledgement for each byte that came. */
  close(): Promise<void>
}

/** A node with random content of these sizes in its store, and a client. */
export async function startPaidPair(...sizes: readonly number[]): Promise<PaidPair> {
  const node = await startProcess<PaidNodeFacts>(join(import.meta.dirname, 'paid-node.ts'), ...sizes.map(String))
  const { port, nodeKey, roots } = node.facts
  const address = { host: '127.0.0.1', port, nodeKey: Uint8Array.from(nodeKey) }
  const client = createClient({ nodes: [address], chainId: CHAIN_ID, account: accountOf(0) })
  const close = async (): Promise<void> => {
    await client.close()
    await verifyPaid(node, Number(client.cost().bytes))
  }
  return { client, node, roots: roots.map((root) => Uint8Array.from(root)), close }
}

/** Ends the node once it has an acknowledgement for so many bytes. @throws where it does not get it. */
export async function verifyPaid(node: OtherProcess<PaidNodeFacts>, signed: number): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  let acknowledged = await node.ask<number>('acknowledgedBytes')
  while (acknowledged !== signed && performance.now() < deadlineMs) {
    await sleep(50)
    acknowledged = await node.ask<number>('acknowledgedBytes')
  }
  await node.stop()
  if (acknowledged !== signed) throw new Error(`the client signed for ${signed} bytes, and the node has it for ${acknowledged}`)
}

/** Reads it all, verified. @throws where it is not so long. */
export async function readAll(client: Client, root: Uint8Array, totalBytes: number): Promise<void> {
  let received = 0
  for await (const { bytes } of await client.get(root)) received += bytes.length
  if (received !== totalBytes) throw new Error(`received ${received} of ${totalBytes} bytes`)
}
