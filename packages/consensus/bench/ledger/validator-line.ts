/** The line from a generator to its validator: a local socket, frames of transactions one way, records of what was committed the other. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Line, LineEvents } from './generator.ts'
import { createCutter, decodeRecord, RECORD, RECORD_BYTES } from './transactions.ts'

/** Above this the line itself refuses: an open loop must not keep an unbounded queue of its own. */
const QUEUED_BYTES_MAX = 64 * 2 ** 20

export async function createValidatorLine(path: string, events: LineEvents): Promise<Line> {
  const socket = createConnection(path)
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy()) // a validator that is killed takes no more: what follows counts as refused
  socket.on(
    'data',
    createCutter(RECORD_BYTES, (bytes) => {
      const { kind, value, atNs } = decodeRecord(bytes)
      if (kind === RECORD.committed) events.committed(value, atNs)
      else if (kind === RECORD.sample) events.sampled(value, atNs)
      else events.refused(value)
    }),
  )
  return {
    send(transactions, _first, count) {
      if (socket.destroyed || socket.writableLength > QUEUED_BYTES_MAX) return events.refused(count)
      const length = new Uint8Array(4)
      new DataView(length.buffer).setUint32(0, transactions.length, true)
      socket.cork()
      socket.write(length)
      socket.write(transactions)
      socket.uncork()
    },
    close: () => void socket.destroy(),
  }
}
