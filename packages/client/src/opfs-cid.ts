/**
 * Content by CID, kept as the blocks of its DAG, each of which is verified by its own CID whenever it is read. What is there is walked from the
 * root; where a block is missing, or is not the one of its name any more, a node is asked from that byte on.
 *
 * Of something that was never seen everything is asked at once. Where the root is there, a gap is: first the one block, then twice as far each
 * time, so that a single damaged block costs a block, and half a film costs a few requests.
 */
import { flatBytes, verifyBlocks, type BlockPort, type VerifiedBlock } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import type { Download, VerifiedPart } from './download.ts'
import { ClientError } from './errors.ts'
import { lifeOf } from './life.ts'
import { KEPT, type KeptDownload, type KeptGetOptions, type OpfsComponents } from './opfs-root.ts'
import { readOnce } from './read-once.ts'
import { formatTarget, type Target } from './target.ts'

/** What the walk throws at a block that is not there. */
const MISSING = new Error('the block is not kept')

const nameOf = (cid: CID | string): string => `cid-${cid.toString()}`

class KeptDag {
  readonly #components: OpfsComponents
  readonly #cid: CID
  readonly #options: KeptGetOptions
  readonly #writes: Promise<void>[] = []
  /** Bytes of the file block that came last: what a gap may be made of. */
  #leafBytes = 1
  receivedBytes = 0
  node: string = KEPT

  constructor(components: OpfsComponents, cid: CID, options: KeptGetOptions) {
    this.#components = components
    this.#cid = cid
    this.#options = options
  }

  get leafBytes(): number {
    return this.#leafBytes
  }

  /** The root's own block; else whether it was kept, and is not what it was. */
  async root(): Promise<VerifiedBlock | 'missing' | 'damaged'> {
    try {
      for await (const block of verifyBlocks(this.#cid, this.#blocks, { scope: 'block' })) return block
    } catch (error) {
      await this.#dropped(error)
      if (error !== MISSING) return 'damaged'
    }
    return 'missing'
  }

  /** What is kept from `start` on, until something is missing. */
  async *kept(start: number, end: number | undefined): AsyncGenerator<VerifiedPart> {
    const range = end === undefined ? { start } : { start, end }
    try {
      yield* flatBytes(verifyBlocks(this.#cid, this.#blocks, { range }), range)
    } catch (error) {
      await this.#dropped(error)
    }
  }

  async ask(start: number, end: number | undefined, signal: AbortSignal): Promise<Download> {
    const { client, files } = this.#components
    const onBlock = (block: VerifiedBlock): void => {
      this.#options.onBlock?.(block)
      this.#leafBytes = Math.max(1, block.dataEnd - block.dataStart)
      this.#writes.push(files.write(nameOf(block.cid), [block.block.slice()]))
    }
    const range = end === undefined ? { start } : { start, end }
    const download = await client.get(this.#cid, { range, signal, onBlock })
    this.node = download.node
    return download
  }

  /** The parts of a download, and what they are made of into the files, at the reader's pace. */
  async *fetched(download: Download): AsyncGenerator<VerifiedPart> {
    try {
      for await (const part of download) {
        await this.settled()
        yield part
      }
    } finally {
      await this.settled()
      this.receivedBytes += download.receivedBytes
      this.node = download.node
      download.close()
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#writes.splice(0))
  }

  readonly #blocks: BlockPort = {
    get: async (cid) => {
      const bytes = await this.#components.files.read(nameOf(cid))
      if (bytes === undefined) throw MISSING
      return bytes
    },
  }

  /** A block that is not what its name says is forgotten. @throws whatever else it is */
  async #dropped(error: unknown): Promise<void> {
    if (error === MISSING) return
    const { code, details } = error as { readonly code?: unknown; readonly details?: { readonly cid?: string } }
    if ((code !== 'CAR_BAD_HASH' && code !== 'CAR_BAD_NODE') || details?.cid === undefined) throw error
    await this.#components.files.remove(nameOf(details.cid))
  }
}

/** As `client.get` by CID. What is no file is not kept, but for the blocks that came. */
export async function openKeptCid(
  components: OpfsComponents,
  target: Extract<Target, { kind: 'cid' }>,
  options: KeptGetOptions,
): Promise<KeptDownload> {
  const { range = { start: 0 }, signal, onProgress } = options
  const { life, release } = lifeOf(signal)
  const dag = new KeptDag(components, target.cid, options)
  let begun: Download | undefined
  let root: VerifiedBlock | 'missing' | 'damaged'
  try {
    root = await dag.root()
    const isKept = typeof root === 'object' && root.kind === 'file'
    if (!isKept) begun = await dag.ask(range.start, root === 'damaged' ? range.start + 1 : range.end, life.signal)
    await dag.settled()
  } catch (error) {
    release()
    throw error
  }
  if (begun !== undefined && begun.kind !== 'file') return begun
  const size = begun?.size ?? (root as VerifiedBlock).fileSize ?? 0
  const end = Math.min(range.end ?? size, size)

  async function* parts(): AsyncGenerator<VerifiedPart> {
    try {
      for await (const part of turnsOf({ dag, begun, isWhole: root === 'missing', start: range.start, end, signal: life.signal })) {
        life.signal.throwIfAborted()
        onProgress?.({ type: 'verified', bytes: part.offset + part.bytes.length - range.start, size })
        yield part
      }
    } finally {
      release()
    }
  }

  return {
    address: formatTarget(target),
    kind: 'file',
    size,
    sizeClaim: size,
    mode: begun?.mode ?? 'proof',
    verification: 'cid',
    get node() {
      return dag.node
    },
    get receivedBytes() {
      return dag.receivedBytes
    },
    entries() {
      throw new ClientError('CLIENT_NOT_A_DIRECTORY', `${target.cid} is a file, not a directory`)
    },
    close() {
      begun?.close()
      life.abort(new ClientError('CLIENT_CLOSED', 'the download is closed'))
      release()
    },
    [Symbol.asyncIterator]: readOnce('a download', parts),
  }
}

interface Turns {
  readonly dag: KeptDag
  /** What was asked of a node already, for the root's sake. */
  readonly begun: Download | undefined
  /** Whether that is everything. */
  readonly isWhole: boolean
  readonly start: number
  readonly end: number
  readonly signal: AbortSignal
}

/** From the files and from nodes in turn, each from where the other ended. */
async function* turnsOf({ dag, begun, isWhole, start, end, signal }: Turns): AsyncGenerator<VerifiedPart> {
  let position = start
  let reach = 1
  if (begun !== undefined) {
    for await (const part of dag.fetched(begun)) {
      position = part.offset + part.bytes.length
      yield part
    }
    if (isWhole) return
  }
  while (position < end) {
    const before = position
    for await (const part of dag.kept(position, end)) {
      position = part.offset + part.bytes.length
      yield part
    }
    if (position >= end) return
    if (position - before > dag.leafBytes) reach = 1 // more than the rest of the block that was asked for: another gap
    for await (const part of dag.fetched(await dag.ask(position, Math.min(end, position + reach), signal))) {
      position = part.offset + part.bytes.length
      yield part
    }
    reach = 2 * Math.max(reach, dag.leafBytes)
  }
}
