// A gigabyte out of a node's store, verified and acknowledged as it comes, beside a file over plain TLS.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { TLS_1_3 } from '../../../packages/handshake/bench/certificate.ts'
import { processorMs, startProcess, type OtherProcess } from '../../../packages/handshake/bench/other-process.ts'
import { readAll, startPaidPair } from './paid-client.ts'
import type { PlainNodeFacts } from './plain-node.ts'
import { startWorkerPair } from './worker-pair.ts'

const GIB = 2 ** 30

/** One transfer, to be run again and again. */
interface Transfer {
  readonly node: OtherProcess<unknown>
  run(): Promise<void>
  close(): Promise<void>
}

async function paid(): Promise<Transfer> {
  const { client, node, roots, close } = await startPaidPair(GIB)
  return { node, run: () => readAll(client, roots[0]!, GIB), close }
}

/** TLS, hashing and signing in a worker; this thread gets the verified bytes. */
async function paidInWorker(): Promise<Transfer> {
  const { node, read, close } = await startWorkerPair(GIB)
  return { node, run: () => read(GIB), close }
}

const plain = (isHashed: boolean) => async (): Promise<Transfer> => {
  const node = await startProcess<PlainNodeFacts>(join(import.meta.dirname, 'plain-node.ts'), String(GIB))
  const run = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port: node.facts.filePort, ...TLS_1_3, rejectUnauthorized: false })
    const hash = createHash('sha256')
    let received = 0
    socket.on('data', (bytes: Uint8Array) => {
      received += bytes.length
      if (isHashed) hash.update(bytes)
    })
    await once(socket, 'end')
    hash.digest()
    if (received !== GIB) throw new Error(`received ${received} of ${GIB} bytes`)
  }
  return { node, run, close: node.stop }
}

const throughputOf = (start: () => Promise<Transfer>) => async (): Promise<Prepared> => {
  const { run, close } = await start()
  return { once: run, times: 2, bytes: GIB, close }
}

/** Of both ends, for one transfer after a first. */
const processorOf = (start: () => Promise<Transfer>) => async (): Promise<Prepared> => {
  const { node, run, close } = await start()
  const spentMs = async (): Promise<number> => processorMs() + (await node.ask<number>('processorMs'))
  const figure = async (): Promise<number> => {
    await run()
    const before = await spentMs()
    await run()
    return (await spentMs()) - before
  }
  return { figure, close }
}

const onThread = { ours: paid, 'node:tls, sha256 of it': plain(true), 'node:tls': plain(false) } as const
const inWorker = { ours: paidInWorker, 'node:tls': plain(false) } as const

const measuredBy = (
  subjects: Readonly<Record<string, () => Promise<Transfer>>>,
  measure: (start: () => Promise<Transfer>) => () => Promise<Prepared>,
): Bench['subjects'] => Object.fromEntries(Object.entries(subjects).map(([name, start]) => [name, measure(start)]))

export const benches: readonly Bench[] = [
  {
    name: '1 GiB from the store, verified and acknowledged',
    unit: 'MiB/s',
    samples: 3,
    subjects: measuredBy(onThread, throughputOf),
    goals: { 'node:tls, sha256 of it': 0.8 },
    note: 'A whole node with its store on disk (in the page cache) and its books, and a client that pays and verifies by BLAKE3 root on the thread that reads. The peers read a file of the same size and send it with the same cipher; the first hashes on the thread that reads.',
  },
  {
    name: '1 GiB from the store, verified and acknowledged in a worker',
    unit: 'MiB/s',
    samples: 3,
    subjects: measuredBy(inWorker, throughputOf),
    goals: { 'node:tls': 0.35 },
    note: 'The same node; the client is in a worker, and the thread that reads gets verified bytes in parts of 256 KiB whose memory is given over to it. The peer reads on its one thread and hashes nothing.',
  },
  {
    name: 'processor time of both ends for it',
    unit: 'ms',
    samples: 3,
    subjects: measuredBy(onThread, processorOf),
    note: 'Milliseconds of one processor for 1 GiB, all threads of both processes.',
  },
]
