/**
 * Content by CID, kept as the blocks of its DAG, each of which is verified by its own CID whenever it is read. What is there is walked from the
 * root; where a block is missing, or is not the one of its name any more, a node is asked from that byte on.
 *
 * Of something that was never seen everything is asked at once. Where the root is there, a gap is: first the one block, then twice as far each
 * time, so that a single damaged block costs a block, and half a film costs a few requests.
 *
 * Who fetches holds the lock of the piece of the file that he is in, and of that one only: who comes to a gap in it waits until he is in the next,
 * and reads what he has stored. Nobody waits for longer than `patienceMs`, and whose reader pauses for so long gives the lock back; then it is
 * fetched here too. Readers of other pieces wait for nobody.
 */
import { type Entry, entriesOf, flatBytes, verifyBlocks, type BlockPort, type VerifiedBlock } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import type { Download, VerifiedPart } from './download.ts'
import { ClientError } from './errors.ts'
import { lifeOf } from './life.ts'
import { type KeptDownload, keptDownloadOf, type KeptGetOptions } from './opfs-download.ts'
import type { Release } from './opfs-locks.ts'
import { KEPT, type OpfsComponents, PIECE_BYTES } from './opfs-root.ts'
import { readOnce } from './read-once.ts'
import { formatTarget, type Target } from './target.ts'

/** What the walk throws at a block that is not there. */
const MISSING = new Error('the block is not kept')

const nameOf = (cid: CID | string): string => `cid-${cid.toString()}`

/** Who has a stream already waits no longer for the next lock: what he would wait for is on its way to him. */
const NEXT_MS = 50

type EntriesOptions = Pick<KeptGetOptions, 'onBlock'>

/** A piece that is fetched here. */
interface Claimed {
  readonly index: number
  /** Without it, its lock is another's. */
  readonly release: Release | undefined
}

/** What is read back: for a sharded directory a node is asked again, and a link is no longer than the answer. */
const isKept = ({ kind }: VerifiedBlock): boolean => kind === 'file' || kind === 'directory'

const indexOf = (position: number): number => Math.floor(position / PIECE_BYTES)

class KeptDag {
  readonly #components: OpfsComponents
  readonly #cid: CID
  readonly #options: KeptGetOptions
  /** Blocks that came and are not stored yet. */
  readonly #fresh: (readonly [name: string, bytes: Uint8Array])[] = []
  /** Bytes of the file block that came last: what a gap may be made of. */
  #leafBytes = 1
  #own: Claimed | undefined
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

  /** Whether to look again: what is at `position` was another's until now, or may have been. If not, it is to be fetched here. */
  async hasWaited(position: number, signal: AbortSignal): Promise<boolean> {
    const index = indexOf(position)
    if (this.#own?.index === index) return false
    this.letGo()
    this.#own = await this.#claimed(index, this.#components.patienceMs, signal)
    return true
  }

  async #claimed(index: number, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    return { index, release: await this.#components.locks.take(`${nameOf(this.#cid)}-${index}`, waitMs, signal) }
  }

  letGo(): void {
    this.#own?.release?.()
    this.#own = undefined
  }

  async ask(start: number, end: number | undefined, signal: AbortSignal): Promise<Download> {
    const { client } = this.#components
    const onBlock = (block: VerifiedBlock): void => {
      this.#options.onBlock?.(block)
      this.#leafBytes = Math.max(1, block.dataEnd - block.dataStart)
      if (isKept(block)) this.#fresh.push([nameOf(block.cid), block.block.slice()])
    }
    const range = end === undefined ? { start } : { start, end }
    const download = await client.get(this.#cid, { range, signal, onBlock })
    this.node = download.node
    return download
  }

  /** The parts of a download, and what they are made of into the files, at the reader's pace. */
  async *fetched(download: Download, signal: AbortSignal): AsyncGenerator<VerifiedPart> {
    try {
      for await (const part of download) {
        const index = indexOf(part.offset + part.bytes.length)
        const before = this.#own
        if (index !== before?.index) this.#own = await this.#claimed(index, NEXT_MS, signal) // first: who reads the end of a piece finds the next one taken
        await this.settled()
        if (before !== this.#own) before?.release?.()
        yield part
      }
    } finally {
      await this.settled()
      this.receivedBytes += download.receivedBytes
      this.node = download.node
      download.close()
    }
  }

  /** What is no file, and its blocks into the files as they come. */
  keeping(download: Download): Download {
    return Object.create(download, { entries: { value: (options?: EntriesOptions) => this.#entriesOf(download, options) } }) as Download
  }

  async *#entriesOf(download: Download, options: EntriesOptions | undefined): AsyncGenerator<Entry> {
    try {
      for await (const entry of download.entries(options)) {
        if (this.#fresh.length > 0) await this.settled()
        yield entry
      }
    } finally {
      await this.settled()
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#fresh.splice(0).map(async ([name, bytes]) => await this.#components.files.write(name, [bytes])))
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

/** As `client.get` by CID. What is no file is asked of a node, but for a directory of one block that is kept; the blocks that come are kept. */
export async function openKeptCid(
  components: OpfsComponents,
  target: Extract<Target, { kind: 'cid' }>,
  options: KeptGetOptions,
): Promise<KeptDownload> {
  const { range = { start: 0 }, signal, onProgress } = options
  const { life, release } = lifeOf(signal)
  const dag = new KeptDag(components, target.cid, options)
  let pausing: ReturnType<typeof setTimeout> | undefined
  const over = (): void => {
    clearTimeout(pausing)
    dag.letGo()
    release()
  }
  let begun: Download | undefined
  let root: VerifiedBlock | 'missing' | 'damaged'
  try {
    root = await dag.root()
    if (typeof root === 'string') {
      await dag.hasWaited(range.start, life.signal)
      const again = await dag.root()
      if (root !== 'damaged' || again !== 'missing') root = again // what is damaged is removed as it is read
    }
    if (typeof root === 'string' || !isKept(root))
      begun = await dag.ask(range.start, root === 'damaged' ? range.start + 1 : range.end, life.signal)
    await dag.settled()
  } catch (error) {
    over()
    throw error
  }
  if (begun !== undefined && begun.kind !== 'file') {
    dag.letGo()
    return dag.keeping(begun)
  }
  if (begun === undefined && (root as VerifiedBlock).kind === 'directory') {
    over()
    return keptDirectoryOf(target, root as VerifiedBlock)
  }
  const size = begun?.size ?? (root as VerifiedBlock).fileSize ?? 0
  const end = Math.min(range.end ?? size, size)

  const pause = (): void => void (pausing = setTimeout(() => dag.letGo(), components.patienceMs)) // who does not read on keeps nobody waiting
  pause()

  async function* parts(): AsyncGenerator<VerifiedPart> {
    clearTimeout(pausing)
    try {
      for await (const part of turnsOf({ dag, begun, start: range.start, end, signal: life.signal })) {
        life.signal.throwIfAborted()
        onProgress?.({ type: 'verified', bytes: part.offset + part.bytes.length - range.start, size })
        pause()
        yield part
        clearTimeout(pausing)
      }
    } finally {
      over()
    }
  }

  const close = (): void => {
    begun?.close()
    over()
  }
  return keptDownloadOf({ target, size, mode: begun?.mode ?? 'proof', source: dag, life, close, parts })
}

/** A directory of one block, which is kept. */
function keptDirectoryOf(target: Target, { cid, kind, block: view }: VerifiedBlock): KeptDownload {
  const address = formatTarget(target)
  const block = view.slice() // its entries are asked for later, or never
  async function* blocks(): AsyncGenerator<Pick<VerifiedBlock, 'cid' | 'kind' | 'block'>> {
    yield { cid, kind, block }
  }
  return {
    address,
    kind: 'directory',
    size: undefined,
    sizeClaim: undefined,
    mode: 'proof',
    verification: 'cid',
    node: KEPT,
    receivedBytes: 0,
    entries: readOnce('a download', () => entriesOf(blocks())),
    close() {},
    [Symbol.asyncIterator]() {
      throw new ClientError('CLIENT_NOT_A_FILE', `${address} is a directory, not a file`)
    },
  }
}

interface Turns {
  readonly dag: KeptDag
  /** What was asked of a node already, for the root's sake. */
  readonly begun: Download | undefined
  readonly start: number
  readonly end: number
  readonly signal: AbortSignal
}

/** From the files and from nodes in turn, each from where the other ended. */
async function* turnsOf({ dag, begun, start, end, signal }: Turns): AsyncGenerator<VerifiedPart> {
  let position = start
  let reach = 1
  if (begun !== undefined) {
    for await (const part of dag.fetched(begun, signal)) {
      position = part.offset + part.bytes.length
      yield part
    }
  }
  while (position < end) {
    const before = position
    for await (const part of dag.kept(position, end)) {
      position = part.offset + part.bytes.length
      yield part
    }
    if (position >= end) return
    if (position - before > dag.leafBytes) reach = 1 // more than the rest of the block that was asked for: another gap
    if (await dag.hasWaited(position, signal)) continue
    for await (const part of dag.fetched(await dag.ask(position, Math.min(end, position + reach), signal), signal)) {
      position = part.offset + part.bytes.length
      yield part
    }
    reach = 2 * Math.max(reach, dag.leafBytes)
  }
}
