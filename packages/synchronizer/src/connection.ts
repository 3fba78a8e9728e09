/** Both ends of the protocol over any connection. */
import type { Digest } from '@selvedge/ledger-types'
import type { ChunkRanges } from '@selvedge/verified-streaming'
import { REQUEST_MS_MAX, SERVER_MS_MAX } from './constants.ts'
import { abortable, within } from './deadline.ts'
import { SynchronizerError } from './errors.ts'
import {
  decodeRequest,
  encodeEnd,
  encodeFrame,
  encodeItem,
  encodeNotFound,
  encodeRequest,
  encodeTooOld,
  FrameReader,
  readAnswer,
  LONGEST_REQUEST_BYTES,
  type SyncRequest,
} from './frames.ts'
import type { Asking, Connection, SyncSource } from './ports.ts'

export interface ServeOptions extends Asking {
  /** What is waited for the request, and for each frame to be taken. @default 30 s */
  readonly msMax?: number | undefined
}

/**
 * Serves one request of one connection from `source`, and closes it. Never throws for what the other side does: it just ends.
 * @throws whatever `source` throws, after the connection was closed; the reason of `signal`.
 */
export async function serveConnection(connection: Connection, source: SyncSource, options: ServeOptions = {}): Promise<void> {
  const { signal, msMax = SERVER_MS_MAX } = options
  const send = async (frame: Uint8Array): Promise<void> => {
    await within(msMax, signal, 'taking a frame', () => connection.write(frame))
  }
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const frames = new FrameReader(connection.incoming)
    const bytes = await within(msMax, signal, 'a request', () => frames.next(LONGEST_REQUEST_BYTES))
    if (bytes === undefined) return
    const request = decodeRequest(bytes)
    void closedByOther(frames).then(() => controller.abort(new SynchronizerError('SYNCHRONIZER_CLOSED', 'the asker has left')))
    for await (const item of abortable(answerOf(source, request, controller.signal), controller.signal))
      for (const frame of encodeItem(item)) await send(frame)
    await send(encodeEnd())
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof SynchronizerError)) throw error
    const last = lastWordOf(error)
    if (last !== undefined) await send(last).catch(() => undefined)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    controller.abort()
    connection.close()
  }
}

/** What the other side is told of an error, if anything. */
function lastWordOf({ code, details }: SynchronizerError): Uint8Array | undefined {
  if (code === 'SYNCHRONIZER_NOT_FOUND') return encodeNotFound()
  return code === 'SYNCHRONIZER_TOO_OLD' ? encodeTooOld(Number(details.oldest)) : undefined
}

/** The asker says nothing after its request: whatever comes, or the end, means that it wants no more. */
async function closedByOther(frames: FrameReader): Promise<void> {
  await frames.next(0).catch(() => undefined)
}

async function* answerOf(source: SyncSource, request: SyncRequest, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  switch (request.type) {
    case 'slice':
      return yield* source.snapshotSlice(request.root, request.ranges, { signal })
    case 'blocks':
      return yield* source.blocks(request.from, { signal })
    case 'transaction': {
      const isTaken = await source.takeTransaction?.(request.transaction, request.hops, { signal })
      if (isTaken === undefined) throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', 'no transactions are taken here')
      return yield Uint8Array.of(isTaken ? 1 : 0)
    }
    default: {
      const item = await source[request.type](request.epoch, { signal })
      if (item === undefined) throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', `no ${request.type} of epoch ${request.epoch}`)
      yield item
    }
  }
}

export interface RemoteSourceOptions {
  /** For errors and progress. */
  readonly name: string
  /** What is waited for a connection. @default 15 s */
  readonly connectMsMax?: number | undefined
}

/** A source at the other end of connections that `connect` opens, one a request. */
export function createRemoteSource(connect: (asking: Asking) => Promise<Connection>, options: RemoteSourceOptions): SyncSource {
  const { name, connectMsMax = REQUEST_MS_MAX } = options
  async function* ask(request: SyncRequest, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const connection = await within(connectMsMax, signal, `connecting to ${name}`, (inner) => connect({ signal: inner }))
    const onAbort = (): void => connection.close()
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      signal?.throwIfAborted()
      await within(connectMsMax, signal, `a request to ${name}`, () => connection.write(encodeFrame(encodeRequest(request))))
      yield* abortable(readAnswer(new FrameReader(connection.incoming)), signal)
    } finally {
      signal?.removeEventListener('abort', onAbort)
      connection.close()
    }
  }
  const one = async (request: SyncRequest, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> => {
    try {
      for await (const item of ask(request, signal)) return item
    } catch (error) {
      if (!(error instanceof SynchronizerError) || error.code !== 'SYNCHRONIZER_NOT_FOUND') throw error
    }
    return undefined
  }
  return {
    name,
    epochProof: (epoch, { signal }) => one({ type: 'epochProof', epoch }, signal),
    snapshotCertificate: (epoch, { signal }) => one({ type: 'snapshotCertificate', epoch }, signal),
    snapshotSlice: (root: Digest, ranges: ChunkRanges, { signal }) => ask({ type: 'slice', root, ranges }, signal),
    blocks: (from, { signal }) => ask({ type: 'blocks', from }, signal),
    async takeTransaction(transaction, hops, { signal }) {
      const answer = await one({ type: 'transaction', hops, transaction }, signal)
      if (answer !== undefined && (answer.length !== 1 || answer[0]! > 1))
        throw new SynchronizerError('SYNCHRONIZER_MALFORMED', `${name} said ${answer.length} bytes of a transaction`)
      return answer?.[0] === 1
    },
  }
}
