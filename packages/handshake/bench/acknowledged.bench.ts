// What it costs to acknowledge what is delivered: bytes on the wire for each MiB, and throughput where light takes its time.
import { join } from 'node:path'
import { type Carrier, connectSession, type Session } from '@selvedge/handshake'
import { connectTls } from '@selvedge/handshake/tls'
import type { Payer } from '@selvedge/delivery-acknowledgement/client'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { FrameBytes } from './frame-bytes.ts'
import type { LinkFacts } from './link.ts'
import { encodeOrder } from './order.ts'
import { startProcess } from './other-process.ts'
import { CHAIN_ID } from './paid-books.ts'
import { accountOf, type NodeTarget, openPaidSession } from './paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** A unit: what a client that verifies could sign for. */
const UNIT_BYTES = 64 * KIB
const CREDIT_BYTES = 16 * MIB
const TOTAL_BYTES = 256 * MIB
const WARM_UP_BYTES = 64 * MIB
const DATA = 0x05
const [ACK, EPOCH, PING, PRICE, WINDOW, METER] = [0x08, 0x09, 0x0a, 0x0d, 0x0f, 0x10] as const

/** Reads so many bytes on a lane of their own; `payer` signs for each unit when it has come. */
async function read(session: Session, totalBytes: number, payer?: Payer): Promise<void> {
  const metadata = encodeOrder({ totalBytes, writeBytes: UNIT_BYTES })
  const lane = await session.openLane({ serviceId: 0, metadata, initialCredit: CREDIT_BYTES })
  await lane.end()
  let received = 0
  for await (const bytes of lane.source) {
    received += bytes.length
    payer?.verified(lane.laneId, BigInt(received - (received % UNIT_BYTES)))
  }
  if (received !== totalBytes) throw new Error(`received ${received} of ${totalBytes} bytes`)
}

const targetOf = ({ port, nodeKey }: PaidNodeFacts): NodeTarget => ({ port, nodeKey: Uint8Array.from(nodeKey) })
const nodeFile = join(import.meta.dirname, 'paid-node.ts')

const overTheLink = (isPaid: boolean) => async (): Promise<Prepared> => {
  const node = await startProcess<PaidNodeFacts>(nodeFile)
  const link = await startProcess<LinkFacts>(join(import.meta.dirname, 'link.ts'), String(node.facts.port))
  const target = { ...targetOf(node.facts), port: link.facts.port }
  const { session, payer } = isPaid ? await openPaidSession(target, accountOf(0)) : await openGuestSession(target)
  const close = async (): Promise<void> => {
    await session.close()
    await link.stop()
    await node.stop()
  }
  return { once: () => read(session, TOTAL_BYTES, payer), times: 2, bytes: TOTAL_BYTES, close }
}

async function openGuestSession({ port, nodeKey }: NodeTarget): Promise<{ readonly session: Session; readonly payer: undefined }> {
  return { session: await connectSession({ host: '127.0.0.1', port, nodeKey, chainId: CHAIN_ID }), payer: undefined }
}

/** The carrier, and what passes it. */
function counted(carrier: Carrier, sent: FrameBytes, held: FrameBytes): Carrier {
  return {
    channelBinding: carrier.channelBinding,
    start: ({ onBytes, onClosed }) =>
      carrier.start({
        onBytes(bytes) {
          held.add(bytes)
          onBytes(bytes)
        },
        onClosed,
      }),
    send(parts, onFlushed) {
      for (const part of parts) sent.add(part)
      carrier.send(parts, onFlushed)
    },
    pause: () => carrier.pause(),
    resume: () => carrier.resume(),
    end: () => carrier.end(),
    destroy: () => carrier.destroy(),
  }
}

/** @param bytePrice - keeps the window small: it grows to what costs 1,000 µUSD. */
const bytesForEachMib = (bytePrice: bigint) => async (): Promise<Prepared> => {
  const node = await startProcess<PaidNodeFacts>(nodeFile, String(bytePrice))
  const target = targetOf(node.facts)
  const [sent, held] = [new FrameBytes(), new FrameBytes()]
  const carrier = await connectTls({ ...target, host: '127.0.0.1', timeoutMs: 5_000, signal: undefined })
  const { session, payer } = await openPaidSession(target, accountOf(0), { carrier: counted(carrier, sent, held) })
  const ofPayment = (): number => sent.of(ACK, PING) + held.of(EPOCH, PING, PRICE, WINDOW, METER)
  const figure = async (): Promise<number> => {
    await read(session, WARM_UP_BYTES, payer) // the window grows
    const [before, dataBefore] = [ofPayment(), held.of(DATA)]
    await read(session, TOTAL_BYTES, payer)
    return (ofPayment() - before) / ((held.of(DATA) - dataBefore) / MIB)
  }
  const close = async (): Promise<void> => {
    await session.close()
    await node.stop()
  }
  return { figure, close }
}

/**
 * 10^-12 USD a byte at which 1,000 µUSD are a little less than 256 KiB, so that the window stays what it is at first, and than 4 MiB; and a
 * cent for a gigabyte, at which it becomes 16 MiB.
 */
const [OF_256_KIB, OF_4_MIB, OF_16_MIB] = [3_819n, 239n, 10n] as const
const WITHIN = 'ACK and the answers to it, both ways, without what TLS adds.'

const overheads: readonly Bench[] = [
  {
    window: '256 KiB',
    bytePrice: OF_256_KIB,
    goal: 'The goal, at most 4,089 B (0.39 %), is missed by any figure above that: 16 acknowledgements of 255 B are 4,080 of them, and what is said when the window is full comes on top.',
  },
  { window: '4 MiB', bytePrice: OF_4_MIB, goal: 'The goal, at most 314 B (0.03 %), is missed by any figure above that.' },
  { window: '16 MiB', bytePrice: OF_16_MIB, goal: 'The goal, at most 314 B (0.03 %), is missed by any figure above that.' },
].map(({ window, bytePrice, goal }): Bench => {
  return {
    name: `bytes to acknowledge 1 MiB, window ${window}`,
    unit: 'B',
    samples: 3,
    subjects: { ours: bytesForEachMib(bytePrice) },
    note: `${WITHIN} ${goal}`,
  }
})

export const benches: readonly Bench[] = [
  {
    name: '256 MiB at 1 Gbit/s and 50 ms there and back, acknowledged',
    unit: 'MiB/s',
    samples: 3,
    subjects: { ours: overTheLink(true), 'not acknowledged': overTheLink(false) },
    goals: { 'not acknowledged': 0.99 },
    note: 'A process between both ends carries TCP at that rate, and late. A lane with 16 MiB of credit, which a gigabit needs at that distance. The window has grown in a transfer before. A guest reads the same and signs nothing.',
  },
  ...overheads,
]
