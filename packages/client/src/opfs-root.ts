/**
 * Content by root, kept in pieces. A piece is the encoding of its chunks as a node sent it, proof and all: so it is verified by itself whenever
 * it is read, against the root and nothing else, and needs no list beside it that could be wrong.
 *
 * The first piece also holds the last chunk, which proves the size; it comes before any other.
 */
import { ChunkRanges, type ContentSize, decode, type ReceiveOptions, type Received } from '@selvedge/verified-streaming'
import type { Client } from './client.ts'
import type { VerifiedPart } from './download.ts'
import { ClientError } from './errors.ts'
import { lifeOf } from './life.ts'
import { type KeptDownload, keptDownloadOf, type KeptGetOptions } from './opfs-download.ts'
import type { OpfsFiles } from './opfs-files.ts'
import type { OpfsLocks } from './opfs-locks.ts'
import { formatTarget, type Target } from './target.ts'

export interface OpfsComponents {
  readonly client: Pick<Client, 'get' | 'receive'>
  readonly files: OpfsFiles
  readonly locks: OpfsLocks
  /** How long a piece that another reader fetches is waited for, before it is fetched here too. */
  readonly patienceMs: number
}

/** What is asked of a node at once, and at least; sixteen chunk groups. Part of the format: a piece of another size is damaged. */
export const PIECE_BYTES: number = 256 * 1024
const PIECE_CHUNKS = PIECE_BYTES / 1024
/** The node of what needed none. */
export const KEPT = 'opfs'

interface Piece {
  readonly content: Uint8Array
  readonly size: ContentSize
}

/** Takes one piece from whichever node `client.receive` asks. */
class PieceSink {
  readonly #root: Uint8Array
  readonly #index: number
  readonly #size: number | undefined
  /** As it came. */
  readonly encoding: Uint8Array[] = []
  piece: Piece | undefined

  constructor(root: Uint8Array, index: number, size: number | undefined) {
    this.#root = root
    this.#index = index
    this.#size = size
  }

  get isComplete(): boolean {
    return this.piece !== undefined
  }

  missing(): ChunkRanges {
    return this.isComplete ? ChunkRanges.none : rangesOf(this.#index)
  }

  async receive(encoded: AsyncIterable<Uint8Array>, { source = '', signal, onProgress }: ReceiveOptions = {}): Promise<Received> {
    const { encoding } = this
    encoding.length = 0
    async function* kept(): AsyncGenerator<Uint8Array> {
      for await (const bytes of encoded) {
        encoding.push(bytes.slice())
        yield bytes
      }
    }
    const onPart = (part: VerifiedPart, verifiedOffset: number): void => {
      onProgress?.({ type: 'stored', source, offset: part.offset, bytes: part.bytes.length, verifiedOffset })
    }
    this.piece = await decodePiece(kept(), this.#root, this.#index, { size: this.#size, signal, onPart })
    return { bytes: this.piece.content.length, newBytes: this.piece.content.length }
  }
}

interface DecodePieceOptions {
  /** Proven; undefined for the first piece, which proves it. */
  readonly size: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onPart?: (part: VerifiedPart, verifiedOffset: number) => void
}

/** @throws {VerifyError} also where it is not the whole piece. */
async function decodePiece(
  encoded: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  root: Uint8Array,
  index: number,
  { size: known, signal, onPart }: DecodePieceOptions,
): Promise<Piece> {
  const decoding = decode(encoded, root, { ranges: rangesOf(index), ...(signal === undefined ? {} : { signal }) })
  const content = new Uint8Array(PIECE_BYTES)
  let end = 0
  for await (const part of decoding) {
    const at = part.offset - index * PIECE_BYTES
    onPart?.(part, decoding.verifiedOffset)
    if (at >= PIECE_BYTES) continue // the last chunk, with the first piece
    const bytes = part.bytes.subarray(0, PIECE_BYTES - at)
    content.set(bytes, at)
    end = at + bytes.length
  }
  const size = known ?? (decoding.size.state === 'verified' ? decoding.size.bytes : undefined)
  if (size === undefined || end !== lengthOf(index, size))
    throw new ClientError('CLIENT_BAD_ANSWER', `piece ${index} of the content came with ${end} bytes`)
  return { content: content.subarray(0, end), size: { state: 'verified', bytes: size } }
}

const lengthOf = (index: number, size: number): number => Math.max(0, Math.min(PIECE_BYTES, size - index * PIECE_BYTES))

function rangesOf(index: number): ChunkRanges {
  const start = index * PIECE_CHUNKS
  const end = start + PIECE_CHUNKS
  return ChunkRanges.fromBoundaries(index === 0 ? [start, end, Infinity] : [start, end])
}

/** The pieces of one blob, from the files or else from a node. */
class Pieces {
  readonly #components: OpfsComponents
  readonly #root: Uint8Array
  readonly #name: string
  /** Proven by the first piece. */
  size: number | undefined
  receivedBytes = 0
  node: string = KEPT

  constructor(components: OpfsComponents, root: Uint8Array, name: string) {
    this.#components = components
    this.#root = root
    this.#name = name
  }

  async load(index: number, signal: AbortSignal): Promise<Uint8Array> {
    const { content, size } = (await this.#kept(index)) ?? (await this.#come(index, signal))
    if (size.state === 'verified') this.size = size.bytes
    return content
  }

  async #kept(index: number): Promise<Piece | undefined> {
    const { files } = this.#components
    const name = this.#nameOf(index)
    const encoded = await files.read(name)
    if (encoded === undefined) return undefined
    try {
      return await decodePiece([encoded], this.#root, index, { size: this.size })
    } catch (error) {
      if (!isDamage(error)) throw error
      await files.remove(name)
      return undefined
    }
  }

  /** From whoever asked first, if it comes in time; else from a node. */
  async #come(index: number, signal: AbortSignal): Promise<Piece> {
    const { locks, patienceMs } = this.#components
    const release = await locks.take(this.#nameOf(index), patienceMs, signal)
    try {
      return (await this.#kept(index)) ?? (await this.#fetched(index, signal))
    } finally {
      release?.()
    }
  }

  async #fetched(index: number, signal: AbortSignal): Promise<Piece> {
    const { client, files } = this.#components
    const sink = new PieceSink(this.#root, index, this.size)
    const { receivedBytes, node } = await client.receive(this.#root, sink, { signal })
    this.receivedBytes += receivedBytes
    this.node = node
    await files.write(this.#nameOf(index), sink.encoding)
    return sink.piece!
  }

  #nameOf(index: number): string {
    return `blake3-${this.#name}-${index}`
  }
}

function isDamage(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' && /^(VERIFY_|CLIENT_BAD_ANSWER$)/.test(code)
}

/** As `client.get` by root, but for its size, which is proven at once, and for what is asked: whole pieces. */
export async function openKeptRoot(
  components: OpfsComponents,
  target: Extract<Target, { kind: 'root' }>,
  { range = { start: 0 }, signal, onProgress }: KeptGetOptions,
): Promise<KeptDownload> {
  const { life, release } = lifeOf(signal)
  const pieces = new Pieces(components, target.root, formatTarget(target))
  let first: Uint8Array | undefined
  try {
    first = await pieces.load(0, life.signal)
  } catch (error) {
    release()
    throw error
  }
  const size = pieces.size!
  const end = Math.min(range.end ?? size, size)

  async function* parts(): AsyncGenerator<VerifiedPart> {
    let ahead: Promise<Uint8Array> | undefined
    try {
      for (let at = range.start; at < end; ) {
        life.signal.throwIfAborted()
        const index = Math.floor(at / PIECE_BYTES)
        const content = index === 0 ? first! : await (ahead ?? pieces.load(index, life.signal))
        const next = index + 1
        ahead = next * PIECE_BYTES < end ? pieces.load(next, life.signal) : undefined
        ahead?.catch(() => undefined) // it is told when its turn comes, or to nobody
        const stop = Math.min((index + 1) * PIECE_BYTES, end)
        const offset = at
        at = stop
        onProgress?.({ type: 'verified', bytes: stop - range.start, size })
        yield { offset, bytes: content.subarray(offset - index * PIECE_BYTES, stop - index * PIECE_BYTES) }
      }
    } finally {
      release()
      life.abort(new ClientError('CLIENT_CLOSED', 'the download is closed')) // of the piece that nobody will read
    }
  }

  return keptDownloadOf({ target, size, mode: 'blake3', source: pieces, life, close: release, parts })
}
