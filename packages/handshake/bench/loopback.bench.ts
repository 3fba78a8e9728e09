// One lane over TLS beside plain node:tls, two processes on loopback; and how long a session takes to its first byte.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { connectSession } from '@selvedge/handshake'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { encodeOrder } from './order.ts'

const KIB = 1024
const TOTAL_BYTES = 256 * 2 ** 20

interface Sender {
  readonly port: number
  readonly plainPort: number
  readonly nodeKey: Uint8Array
  close(): void
}

async function startSender(): Promise<Sender> {
  const child = fork(`${import.meta.dirname}/sender.ts`)
  const [{ nodeKey, ...ports }] = (await once(child, 'message')) as [{ port: number; plainPort: number; nodeKey: number[] }]
  return { ...ports, nodeKey: Uint8Array.from(nodeKey), close: () => child.disconnect() }
}

async function drain(source: AsyncIterable<Uint8Array>, totalBytes: number): Promise<void> {
  let received = 0
  for await (const bytes of source) received += bytes.length
  if (received !== totalBytes) throw new Error(`received ${received} of ${totalBytes} bytes`)
}

const laneSubject = (writeBytes: number) => async (): Promise<Prepared> => {
  const { port, nodeKey, close } = await startSender()
  const session = await connectSession({ host: '127.0.0.1', port, nodeKey, chainId: 1337 })
  const once = async (): Promise<void> => {
    const lane = await session.openLane({ serviceId: 0, metadata: encodeOrder({ totalBytes: TOTAL_BYTES, writeBytes }) })
    await Promise.all([lane.end(), drain(lane.source, TOTAL_BYTES)])
  }
  return { once, bytes: TOTAL_BYTES, close: () => session.close().then(close) }
}

const plainSubject = (writeBytes: number) => async (): Promise<Prepared> => {
  const { plainPort, close } = await startSender()
  const receive = async (): Promise<void> => {
    const socket = connect({ port: plainPort, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.write(encodeOrder({ totalBytes: TOTAL_BYTES, writeBytes }))
    let received = 0
    socket.on('data', (bytes: Uint8Array) => {
      received += bytes.length
    })
    await once(socket, 'end')
    if (received !== TOTAL_BYTES) throw new Error(`received ${received} of ${TOTAL_BYTES} bytes`)
  }
  return { once: receive, bytes: TOTAL_BYTES, close }
}

const throughput = [16, 64, 256].map((kib): Bench => {
  return {
    name: `256 MiB on one lane, writes of ${kib} KiB`,
    unit: 'MiB/s',
    subjects: { ours: laneSubject(kib * KIB), 'node:tls': plainSubject(kib * KIB) },
  }
})

const firstByte: Bench = {
  name: 'connection, session and first byte',
  unit: 'ms',
  subjects: {
    ours: async () => {
      const { port, nodeKey, close } = await startSender()
      const reach = async (): Promise<void> => {
        const session = await connectSession({
          host: '127.0.0.1',
          port,
          nodeKey,
          chainId: 1337,
          firstLane: { serviceId: 0, metadata: encodeOrder({ totalBytes: KIB, writeBytes: KIB }) },
        })
        await drain((await session.firstLane!).source, KIB)
        await session.close()
      }
      return { once: reach, times: 20, close }
    },
    'node:tls': async () => {
      const { plainPort, close } = await startSender()
      const reach = async (): Promise<void> => {
        const socket = connect({ port: plainPort, host: '127.0.0.1', rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        socket.write(encodeOrder({ totalBytes: KIB, writeBytes: KIB }))
        await once(socket, 'data')
        socket.destroy()
      }
      return { once: reach, times: 20, close }
    },
  },
  note: 'ours resumes TLS after the first connection; `node:tls` does not, and proves no client.',
}

export const benches: readonly Bench[] = [...throughput, firstByte]
