/** The line from a generator to an etcd node: puts over several connections; commit is the response to the put. */
import type { Line, LineEvents } from './generator.ts'
import { connectPuts, type PutConnection } from './grpc-puts.ts'
import { SAMPLE_EVERY, TRANSACTION_BYTES } from './transactions.ts'

const CONNECTIONS = 4
/** Above this the line refuses: the node is seconds behind. */
const WAITING_MAX = 20_000

export async function createEtcdLine(path: string, events: LineEvents): Promise<Line> {
  const queue: { readonly number: number; readonly transaction: Uint8Array }[] = []
  let waiting = 0
  const drain = (): void => {
    while (queue.length > 0) {
      const connection = openFrom(connections, queue[0]?.number ?? 0)
      const next = connection === undefined ? undefined : queue.shift()
      if (connection === undefined || next === undefined) break
      connection.put(next.transaction, (isCommitted) => ended(next.number, isCommitted))
    }
    for (const connection of connections) connection.flush()
  }
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectPuts(path, () => drain())))
  const ended = (number: number, isCommitted: boolean): void => {
    waiting -= 1
    if (!isCommitted) return events.refused(1)
    const atNs = process.hrtime.bigint()
    events.committed(1, atNs)
    if (number % SAMPLE_EVERY === 0) events.sampled(number, atNs)
  }
  return {
    send(transactions, first, count) {
      const taken = Math.min(count, WAITING_MAX - waiting)
      if (taken < count) events.refused(count - taken)
      waiting += taken
      for (let i = 0; i < taken; i++) {
        queue.push({ number: first + i, transaction: transactions.subarray(i * TRANSACTION_BYTES, (i + 1) * TRANSACTION_BYTES) })
      }
      drain()
    },
    close() {
      for (const connection of connections) connection.close()
    },
  }
}

/** Connections take turns; one whose window is full is passed over. */
function openFrom(connections: readonly PutConnection[], turn: number): PutConnection | undefined {
  for (let i = 0; i < connections.length; i++) {
    const each = connections[(turn + i) % connections.length]
    if (each?.isOpen === true) return each
  }
  return undefined
}
