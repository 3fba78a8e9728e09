/**
 * A root into a sink: what is missing, from one node after the other. The sink is the verifier, and remembers what it has. Where the node is paid, what is in flight
 * when the caller has had enough is paid for too, so it is verified and stored like all before it: that takes the node's answer, and is not waited for long.
 */
import { ChunkRanges, type Sink } from '@selvedge/verified-streaming'
import { Callbacks } from './callbacks.ts'
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import type { Received } from './lane-bytes.ts'
import { isUnverified, NO_PAYMENT } from './lane-payment.ts'
import type { NodeLink } from './node-link.ts'
import { ask } from './transfer.ts'

export interface ReceiveOptions {
  readonly signal?: AbortSignal | undefined
  /** After each part that was verified and stored. What it throws ends the receiving, and is thrown. */
  readonly onProgress?: ((progress: { readonly type: 'stored'; readonly offset: number; readonly bytes: number }) => void) | undefined
}

export interface ReceiveResult {
  /** Bytes that came over lanes, proofs included. */
  readonly receivedBytes: number
  /** The node that sent last. */
  readonly node: string
}

/** What is used of a sink; those of `@selvedge/verified-streaming` fit. */
export type ReceivingSink = Pick<Sink, 'receive' | 'missing' | 'isComplete'>

/** What fits into a request; the rest is asked for with the next. */
const BOUNDARIES_MAX = 200
/** How long what is in flight is waited for, once the caller has had enough. */
const LEAVING_MS_MAX = 2_000

/** @throws {ClientError} of the last node that was tried. */
export async function receiveRoot(
  links: readonly NodeLink[],
  root: Uint8Array,
  sink: ReceivingSink,
  options: ReceiveOptions,
): Promise<ReceiveResult> {
  const received: Received = { bytes: 0 }
  const callbacks = new Callbacks()
  let place = 0
  while (!sink.isComplete) {
    const link = links[place]!
    try {
      await receiveFrom(link, root, sink, { ...options, received, callbacks })
    } catch (error) {
      if (callbacks.thrown !== undefined) throw callbacks.thrown.error
      if (options.signal?.aborted || ++place >= links.length) throw error
    }
  }
  return { receivedBytes: received.bytes, node: links[place]!.name }
}

async function receiveFrom(
  link: NodeLink,
  root: Uint8Array,
  sink: ReceivingSink,
  { signal, onProgress, received, callbacks }: ReceiveOptions & { readonly received: Received; readonly callbacks: Callbacks },
): Promise<void> {
  const { boundaries } = sink.missing()
  const ranges = ChunkRanges.fromBoundaries(boundaries.slice(0, BOUNDARIES_MAX))
  const asked = await ask(link, { kind: 'root', root }, { ranges, received, signal, isUnpaced: true, isMemoryReused: true })
  const { source, answer, payment, node, close } = asked
  const settle = asked.follow()
  const ending = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let failure: { readonly error: unknown } | undefined
  const leave = (error: unknown): void => {
    failure ??= { error }
    close()
    if (payment === NO_PAYMENT) ending.abort(error)
    else timer ??= setTimeout(() => ending.abort(error), LEAVING_MS_MAX)
  }
  const abort = (): void => leave(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort() // it came before anybody listened
  try {
    const { newBytes } = await sink.receive(source, {
      source: node,
      ranges,
      signal: ending.signal,
      onProgress: ({ verifiedOffset, ...progress }) => {
        payment.verified(verifiedOffset)
        if (failure !== undefined) return
        try {
          callbacks.call(onProgress, progress)
        } catch (error) {
          leave(error)
        }
      },
    })
    if (failure !== undefined) throw failure.error
    if (newBytes === 0 && answer.size !== 0 && !sink.isComplete)
      throw new ClientError('CLIENT_BAD_ANSWER', `${node} sent nothing that was missing`, { node })
  } catch (error) {
    if (isUnverified(error)) payment.refuse()
    const named = asClientError(payment.causeOf(error), link, signal) // also of who was left: a lie is a lie
    throw failure === undefined ? named : failure.error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    close()
    settle()
  }
}
