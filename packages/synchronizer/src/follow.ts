/**
 * Blocks from a known one to the head, and on with each new one: every block is checked against its certificate, and its certificate against
 * the committee, before it is executed; afterwards the state root must be the one that was signed. The finality feed of a node that is no
 * member of the committee.
 */
import {
  type ArchivedBlock,
  type Checkpoint,
  type Digest,
  encodeEpochFileHeader,
  isArchivedBlockWhole,
  isSameBytes,
  readEpochFile,
} from '@selvedge/ledger-types'
import type { LightClient } from '@selvedge/ledger-types/light-client'
import { TURN_MS_MAX } from './constants.ts'
import { within } from './deadline.ts'
import { SynchronizerError } from './errors.ts'
import type { BlockExecutor, SyncSource } from './ports.ts'
import { isLie, type SourceBook } from './source-book.ts'

export interface FollowedBlock {
  /** Certified, and true of the state here. */
  readonly checkpoint: Checkpoint
  readonly block: ArchivedBlock
  readonly source: string
}

/** Where to go on from. */
export interface Position {
  /** Of the last block that was executed. */
  readonly height: number
  /** Its digest; several if only strangers have said it: the next block decides. */
  readonly digests: readonly Digest[]
}

export interface FollowParts {
  /** Of the epoch of the next block. It moves on with the blocks. */
  readonly client: LightClient
  readonly book: SourceBook
  readonly executor: BlockExecutor
}

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined
  /** What is waited for the next block before another source is asked. */
  readonly blockMsMax: number
  /** How long one source is followed while there are others. @default 60 s */
  readonly turnMsMax?: number | undefined
}

/**
 * Executes block after block and gives each. Ends only by `signal`, an error, or when the caller stops.
 * @throws {SynchronizerError} `SYNCHRONIZER_TOO_OLD` when nobody had the next block and somebody said that it is gone: a newer state is to be
 *   taken over, which proves itself. `SYNCHRONIZER_NO_SOURCE` when all have lied, `SYNCHRONIZER_WRONG_STATE`.
 * @throws the reason of `signal`; whatever the executor throws.
 */
export async function* followBlocks(
  parts: FollowParts,
  from: Position,
  options: FollowOptions,
): AsyncGenerator<FollowedBlock, void, undefined> {
  const { client, book, executor } = parts
  const { signal, turnMsMax = TURN_MS_MAX } = options
  let position = from
  let failures = 0
  let tooOld: unknown
  for (let turn = 0; ; turn++) {
    signal?.throwIfAborted()
    const sources = book.usable()
    if (failures >= sources.length) {
      if (tooOld !== undefined) throw tooOld
      await pause(signal)
      book.forgive()
      failures = 0
    }
    const source = sources[turn % sources.length]!
    const stream = new BlockStream(source, position.height + 1, options)
    const endMs = sources.length > 1 ? performance.now() + turnMsMax : Number.POSITIVE_INFINITY
    try {
      while (performance.now() < endMs) {
        const { block, checkpoint } = check(await stream.next(), position, client)
        stream.accept()
        await execute(executor, block, checkpoint)
        if (checkpoint.isFinal) await advance(parts, checkpoint, signal)
        position = { height: checkpoint.height, digests: [checkpoint.blockDigest] }
        failures = 0
        tooOld = undefined
        yield { block, checkpoint, source: source.name }
        stream.expect()
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (!stream.isWaiting) throw error
      if (isLie(error)) book.blame(source, error)
      if (error instanceof SynchronizerError && error.code === 'SYNCHRONIZER_TOO_OLD') tooOld ??= error
      failures++ // a source that is late, or has left: another may have the block, and if nobody has, it is waited for
    } finally {
      stream.close()
    }
  }
}

/** One source's blocks, each with its own deadline. */
class BlockStream {
  readonly #controller = new AbortController()
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #options: FollowOptions
  readonly #name: string
  /** What goes wrong now is the source's doing: its block is not there yet or not checked. */
  isWaiting = true

  constructor(source: SyncSource, from: number, options: FollowOptions) {
    this.#options = options
    this.#name = source.name
    this.#iterator = source.blocks(from, { signal: this.#controller.signal })[Symbol.asyncIterator]()
  }

  /** @throws {SynchronizerError} `SYNCHRONIZER_CLOSED` when the source ended: there is always a next block. */
  async next(): Promise<Uint8Array> {
    const { blockMsMax, signal } = this.#options
    const next = await within(blockMsMax, signal, `a block from ${this.#name}`, () => this.#iterator.next())
    if (next.done === true) throw new SynchronizerError('SYNCHRONIZER_CLOSED', `${this.#name} has no more blocks`)
    return next.value
  }

  accept(): void {
    this.isWaiting = false
  }

  expect(): void {
    this.isWaiting = true
  }

  close(): void {
    this.#controller.abort(new SynchronizerError('SYNCHRONIZER_CLOSED', 'no more blocks are wanted'))
    this.#iterator.return?.().catch(() => undefined)
  }
}

function check(
  bytes: Uint8Array,
  position: Position,
  client: LightClient,
): { readonly block: ArchivedBlock; readonly checkpoint: Checkpoint } {
  const block = decodeBlock(bytes, client.chainId)
  const checkpoint = client.verifyCertificate(block.certificate)
  const height = position.height + 1
  if (checkpoint.height !== height)
    throw new SynchronizerError('SYNCHRONIZER_MALFORMED', `block ${checkpoint.height} where ${height} was next`)
  if (!position.digests.some((digest) => isArchivedBlockWhole(block, digest))) {
    throw new SynchronizerError('SYNCHRONIZER_MALFORMED', `block ${height} is not the one that was certified`)
  }
  return { block, checkpoint }
}

/** An archived block by itself is an epoch file of one. */
function decodeBlock(bytes: Uint8Array, chainId: number): ArchivedBlock {
  const header = encodeEpochFileHeader({ chainId, epoch: 0, count: 1 })
  const file = new Uint8Array(header.length + bytes.length)
  file.set(header)
  file.set(bytes, header.length)
  return [...readEpochFile(file).blocks][0]!
}

async function execute(executor: BlockExecutor, block: ArchivedBlock, { height, stateRoot }: Checkpoint): Promise<void> {
  const reached = await executor.execute(block, height)
  if (isSameBytes(reached, stateRoot)) return
  throw new SynchronizerError('SYNCHRONIZER_WRONG_STATE', `block ${height} leads to another state here than its committee signed`, {
    height,
  })
}

/** The committee of the next epoch, from whoever has it: it is named by the final block that was just executed. */
async function advance({ client, book }: FollowParts, { epoch }: Checkpoint, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const done = await book.askAll(
      signal,
      'an epoch proof',
      (source, inner) => source.epochProof(epoch, { signal: inner }),
      (bytes) => client.advance(bytes),
    )
    if (done !== undefined) return
    await pause(signal)
    book.forgive()
  }
}

/** Nobody has it yet: a second later somebody may. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, 1_000)
  const onAbort = (): void => resolve()
  signal?.addEventListener('abort', onAbort, { once: true })
  await promise
  clearTimeout(timer)
  signal?.removeEventListener('abort', onAbort)
  signal?.throwIfAborted()
}
