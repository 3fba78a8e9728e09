// How long a session that is there already takes to the first verified byte, beside an echo over plain TLS of the same node, with the same key and cipher;
// and while another lane is full.
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { Client } from '@selvedge/client'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { TLS_1_3 } from '../../../packages/handshake/bench/certificate.ts'
import { startProcess } from '../../../packages/handshake/bench/other-process.ts'
import { startPaidPair } from './paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'

const KIB = 1024
const GIB = 2 ** 30
const PART_BYTES = 16 * KIB
const WARM_UP = 300
const COUNT = 1_000
const BULK_WARM_UP_BYTES = 256 * 2 ** 20

/** The given share of the times of many, one after the other. */
async function quantileMs(share: number, timeOne: (index: number) => Promise<number>): Promise<number> {
  for (let index = 0; index < WARM_UP; index++) await timeOne(index)
  const times: number[] = []
  for (let index = 0; index < COUNT; index++) times.push(await timeOne(WARM_UP + index))
  return times.sort((a, b) => a - b)[Math.floor(share * COUNT)]!
}

/** Another 16 KiB from the middle each time. Read to its end, as a lane is that nobody leaves. */
async function firstByteMs(client: Client, root: Uint8Array, index: number): Promise<number> {
  const start = GIB / 2 + index * PART_BYTES
  const started = performance.now()
  const download = await client.get(root, { range: { start, end: start + PART_BYTES } })
  const parts = download[Symbol.asyncIterator]()
  const first = await parts.next()
  const ms = performance.now() - started
  let bytes = first.done === true ? 0 : first.value.bytes.length
  for (let next = await parts.next(); next.done !== true; next = await parts.next()) bytes += next.value.bytes.length
  if (bytes !== PART_BYTES) throw new Error(`received ${bytes} of ${PART_BYTES} bytes`)
  return ms
}

async function warmSession(): Promise<Prepared> {
  const { client, roots, close } = await startPaidPair(GIB)
  return { figure: () => quantileMs(0.5, (index) => firstByteMs(client, roots[0]!, index)), close }
}

async function echo(): Promise<Prepared> {
  const { facts, stop } = await startProcess<PaidNodeFacts>(join(import.meta.dirname, 'paid-node.ts'), String(PART_BYTES))
  const socket = connect({ host: '127.0.0.1', port: facts.echoPort, ...TLS_1_3, rejectUnauthorized: false })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  const said = new Uint8Array(PART_BYTES).fill(1)
  const timeOne = (): Promise<number> =>
    new Promise((resolve) => {
      let received = 0
      const started = performance.now()
      const onData = (bytes: Uint8Array): void => {
        received += bytes.length
        if (received < PART_BYTES) return
        socket.off('data', onData)
        resolve(performance.now() - started)
      }
      socket.on('data', onData)
      socket.write(said)
    })
  const close = async (): Promise<void> => {
    socket.destroy()
    await stop()
  }
  return { figure: () => quantileMs(0.5, timeOne), close }
}

async function besideBulk(): Promise<Prepared> {
  const { client, roots, close } = await startPaidPair(GIB)
  const root = roots[0]!
  let isOver = false
  let bulkBytes = 0
  const readBulk = async (): Promise<void> => {
    while (!isOver) {
      for await (const { bytes } of await client.get(root)) {
        bulkBytes += bytes.length
        if (isOver) break
      }
    }
  }
  const figure = async (): Promise<number> => {
    const bulk = readBulk()
    while (bulkBytes < BULK_WARM_UP_BYTES) await firstByteMs(client, root, 0)
    const before = bulkBytes
    const ms = await quantileMs(0.99, (index) => firstByteMs(client, root, index))
    isOver = true
    await bulk
    if (bulkBytes === before) throw new Error('no bulk came meanwhile')
    return ms
  }
  return { figure, close }
}

export const benches: readonly Bench[] = [
  {
    name: 'first verified byte on a warm session, 16 KiB from the middle of 1 GiB, median',
    unit: 'ms',
    subjects: { ours: warmSession, 'node:tls, echo of 16 KiB': echo },
    goals: { 'node:tls, echo of 16 KiB': 0.333 },
    note: `The median of ${COUNT} after ${WARM_UP}, one after the other; a paid request of a range by root, from a store on disk, until its bytes are verified. The goal is at most 3 times the echo.`,
  },
  {
    name: 'the same while another lane carries bulk, 99 of 100 are faster',
    unit: 'ms',
    samples: 3,
    subjects: { ours: besideBulk },
    note: 'The other lane reads the same gigabyte as fast as it can. The goal is under 10 ms.',
  },
]
