/**
 * gRPC's `etcdserverpb.KV/Put` on one connection, as few instructions as it takes: a client must not be the wall.
 *
 * node:http2 costs 150-370 µs a put here and took half of the machine from the server that it was to measure; this costs a tenth. Every
 * request has the same header block (HPACK literals without indexing, RFC 7541 §6.2.2), the requests of a turn leave in one write, and of
 * the answer only its frames are read (RFC 9113 §4.1): gRPC answers a put that failed with trailers alone, one that is committed with a
 * message before them.
 */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { ID_BYTES, TRANSACTION_BYTES } from './transactions.ts'

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const
const FLAG = { ack: 1, endStream: 1, endHeaders: 4 } as const
const HEAD_BYTES = 9
const WINDOW_BYTES = 65_535
const WINDOW_BYTES_ADDED = 2 ** 30
const VALUE_BYTES = TRANSACTION_BYTES - ID_BYTES
/** Field 1 (key) and field 2 (value), each as bytes. */
const MESSAGE_BYTES = 2 + ID_BYTES + 3 + VALUE_BYTES
const DATA_BYTES = 5 + MESSAGE_BYTES

const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
const HEADERS = Buffer.concat([
  Buffer.from([0x83, 0x86]), // :method POST, :scheme http, both of the static table
  Buffer.from([0x04]), // :path
  literal('/etcdserverpb.KV/Put'),
  Buffer.from([0x01]), // :authority
  literal('localhost'),
  Buffer.from([0x0f, 31 - 15]), // content-type
  literal('application/grpc'),
  Buffer.from([0x00]),
  literal('te'),
  literal('trailers'),
])
const REQUEST_BYTES = HEAD_BYTES + HEADERS.length + HEAD_BYTES + DATA_BYTES

function frameHead(bytes: number, type: number, flags: number, stream: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(bytes, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return head
}

const windowUpdate = (bytes: number): Buffer => {
  const body = Buffer.alloc(4)
  body.writeUInt32BE(bytes)
  return Buffer.concat([frameHead(4, FRAME.windowUpdate, 0, 0), body])
}

/** What every request is but for its stream and its transaction. */
const REQUEST = Buffer.concat([
  frameHead(HEADERS.length, FRAME.headers, FLAG.endHeaders, 0),
  HEADERS,
  frameHead(DATA_BYTES, FRAME.data, FLAG.endStream, 0),
  Buffer.from([0, 0, 0, MESSAGE_BYTES >> 8, MESSAGE_BYTES & 0xff, 0x0a, ID_BYTES]),
  Buffer.alloc(ID_BYTES),
  Buffer.from([0x12, 0x80 | (VALUE_BYTES & 0x7f), VALUE_BYTES >> 7]),
  Buffer.alloc(VALUE_BYTES),
])
const HEADERS_STREAM = 5
const DATA_STREAM = HEAD_BYTES + HEADERS.length + 5
const VALUE = REQUEST_BYTES - VALUE_BYTES
const KEY = VALUE - 3 - ID_BYTES

export interface PutConnection {
  /** Whether the server's window has room for another put. */
  readonly isOpen: boolean
  /** Queued until `flush`. `onEnd` hears once whether it is committed. */
  put(transaction: Uint8Array, onEnd: (isCommitted: boolean) => void): void
  flush(): void
  close(): void
}

/** `onRoom` is called when the server's window has grown. */
export async function connectPuts(path: string, onRoom: () => void = () => {}): Promise<PutConnection> {
  const socket = createConnection(path)
  await once(socket, 'connect')
  const waiting = new Map<number, { readonly onEnd: (isCommitted: boolean) => void; hasMessage: boolean }>()
  let queued: Buffer[] = []
  let nextStream = 1
  let roomBytes = WINDOW_BYTES
  const end = (stream: number, isCommitted: boolean): void => {
    const each = waiting.get(stream)
    waiting.delete(stream)
    each?.onEnd(isCommitted)
  }
  const take = (type: number, flags: number, stream: number, body: Buffer): void => {
    if (type === FRAME.data) {
      const each = waiting.get(stream)
      if (each !== undefined) each.hasMessage = true
    } else if (type === FRAME.headers) {
      if ((flags & FLAG.endStream) !== 0) end(stream, waiting.get(stream)?.hasMessage === true)
    } else if (type === FRAME.reset) end(stream, false)
    else if (type === FRAME.goAway) socket.destroy()
    else if (type === FRAME.settings && (flags & FLAG.ack) === 0) socket.write(frameHead(0, FRAME.settings, FLAG.ack, 0))
    else if (type === FRAME.ping && (flags & FLAG.ack) === 0) socket.write(Buffer.concat([frameHead(8, FRAME.ping, FLAG.ack, 0), body]))
    else if (type === FRAME.windowUpdate && stream === 0) {
      roomBytes += body.readUInt32BE() & 0x7fffffff
      onRoom()
    }
  }
  socket.on('data', createFrameReader(take))
  socket.on('error', () => {}) // 'close' follows
  socket.on('close', () => {
    for (const stream of waiting.keys()) end(stream, false)
  })
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frameHead(0, FRAME.settings, 0, 0), windowUpdate(WINDOW_BYTES_ADDED)]),
  )
  return {
    get isOpen() {
      return !socket.destroyed && roomBytes >= DATA_BYTES
    },
    put(transaction, onEnd) {
      const request = Buffer.from(REQUEST)
      request.writeUInt32BE(nextStream, HEADERS_STREAM)
      request.writeUInt32BE(nextStream, DATA_STREAM)
      request.set(transaction.subarray(0, ID_BYTES), KEY)
      request.set(transaction.subarray(ID_BYTES), VALUE)
      waiting.set(nextStream, { onEnd, hasMessage: false })
      nextStream += 2
      roomBytes -= DATA_BYTES
      queued.push(request)
    },
    flush() {
      if (queued.length > 0) socket.write(Buffer.concat(queued))
      queued = []
    },
    close: () => void socket.destroy(),
  }
}

function createFrameReader(take: (type: number, flags: number, stream: number, body: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0)
  return (chunk) => {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let offset = 0
    while (bytes.length - offset >= HEAD_BYTES) {
      const end = offset + HEAD_BYTES + bytes.readUIntBE(offset, 3)
      if (end > bytes.length) break
      const stream = bytes.readUInt32BE(offset + 5) & 0x7fffffff
      take(bytes[offset + 3] ?? 0, bytes[offset + 4] ?? 0, stream, bytes.subarray(offset + HEAD_BYTES, end))
      offset = end
    }
    held = Buffer.from(bytes.subarray(offset))
  }
}
