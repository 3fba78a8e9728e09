/**
 * Closed epochs as files that the network serves. An archive writes an epoch's file when all its certificates are there, puts it into its
 * blockstore, and as a member names its root, so that at stake ≥ Q the root stands in the state.
 *
 * Certificates of one block can differ in their signers, so files of several members can differ, and only one can be named. Members take
 * turns to name the first, and whoever finds one named that is not its own fetches it, checks it like a stranger, and votes for it. A
 * root that a quorum named is fetched by every archive; its own version goes then.
 */
import { epochFiles, fileVotes, type Application } from '@selvedge/application'
import type { Blockstore, StoredBlob } from '@selvedge/blockstore'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { isSameBytes, LedgerError, type Digest } from '@selvedge/ledger-types'
import { openEpochFile, type RandomBytes } from './archive-files.ts'
import type { AttachToLedger, LedgerAttachment } from './attachment.ts'
import { checkEpochFile } from './epoch-file-check.ts'
import { epochSpanOf } from './epoch-span.ts'
import { committeeAt } from '../ledger/committee-at.ts'

/** A node that has said that it has a file. */
export interface ContentHolder {
  readonly host: string
  readonly port: number
  readonly nodeKey: Uint8Array
}

export interface EpochArchiveComponents {
  readonly store: Pick<Blockstore, 'put' | 'has' | 'open' | 'delete'>
  /** Content of `root` from any of `holders`, verified by the root as it comes. */
  readonly fetch: (root: Digest, holders: readonly ContentHolder[], signal: AbortSignal) => AsyncIterable<Uint8Array>
}

export interface EpochFileEvent {
  readonly epoch: number
  readonly root: Digest
  /** `kept`: it is the one that the state names, and it is here. */
  readonly what: 'written' | 'fetched' | 'kept'
}

export interface EpochArchiveOptions {
  /** Of this node. */
  readonly nodeKey: Uint8Array
  readonly onFile?: (event: EpochFileEvent) => void
  /** A file could not be fetched or was not the epoch's: nothing is lost, another is tried. */
  readonly onRefused?: (epoch: number, root: Digest, reason: string) => void
  /** This node's own disk failed. */
  readonly onError: (error: unknown) => void
}

/** Blocks until a vote that is not in the state yet is said again. */
const AGAIN_BLOCKS = 12
/** Blocks that each member gives those before it to name the first file. */
const TURN_BLOCKS = 6
/** Who is asked for one file, at most. */
const HOLDERS_MAX = 16
/** Epochs back from the running one that a start looks at. */
const LOOK_BACK_EPOCHS = 4

export function createEpochArchive(components: EpochArchiveComponents, options: EpochArchiveOptions): AttachToLedger {
  return (application) => new EpochArchive(application, components, options)
}

interface OwnFile {
  readonly root: Digest
  readonly size: number
  /** Height at which it was complete. */
  readonly height: number
}

class EpochArchive implements LedgerAttachment {
  readonly #application: Application
  readonly #components: EpochArchiveComponents
  readonly #options: EpochArchiveOptions
  readonly #ending = new AbortController()
  readonly #own = new Map<number, OwnFile>()
  /** Roots that were fetched and are an epoch's file, and such that were not; hex. */
  readonly #good = new Set<string>()
  readonly #bad = new Set<string>()
  readonly #words = new Map<number, Digest>()
  readonly #saidAt = new Map<number, number>()
  /** Lowest epoch whose named file is not known to be here. */
  #open: number
  #isBusy = false
  #running: Promise<void> = Promise.resolve()

  constructor(application: Application, components: EpochArchiveComponents, options: EpochArchiveOptions) {
    this.#application = application
    this.#components = components
    this.#options = options
    this.#open = Math.max(0, application.lastApplied().epoch - LOOK_BACK_EPOCHS)
  }

  onBlock(): void {
    if (this.#isBusy || this.#ending.signal.aborted || this.#open >= this.#application.lastApplied().epoch) return
    this.#isBusy = true
    this.#running = this.#settleOpen()
      .catch((error: unknown) => {
        if (!this.#ending.signal.aborted) this.#options.onError(error)
      })
      .finally(() => (this.#isBusy = false))
  }

  onCertificate(): void {
    this.onBlock()
  }

  sayAfterBlock(): readonly Uint8Array[] {
    const { height } = this.#application.lastApplied()
    const said: Uint8Array[] = []
    for (const [epoch, root] of this.#words) {
      const last = this.#saidAt.get(epoch)
      if (last !== undefined && height - last < AGAIN_BLOCKS) continue
      if (!this.#isVoteOpen(epoch)) continue
      this.#saidAt.set(epoch, height)
      said.push(encodeSystemTransaction({ kind: 'epochFile', epoch, root }))
    }
    return said
  }

  async stop(): Promise<void> {
    this.#ending.abort(new Error('the node stops'))
    await this.#running
  }

  async #settleOpen(): Promise<void> {
    for (let epoch = this.#open; epoch < this.#application.lastApplied().epoch; epoch++) {
      if ((await this.#settle(epoch)) && epoch === this.#open) this.#forget(this.#open++)
    }
  }

  /** @returns whether the file that the state names is here. */
  async #settle(epoch: number): Promise<boolean> {
    const named = this.#application.state.get(epochFiles, epoch)
    if (named !== undefined) return await this.#keep(epoch, named)
    const own = this.#own.get(epoch) ?? (await this.#write(epoch))
    if (own === undefined || this.#words.has(epoch) || !this.#isVoteOpen(epoch)) return false
    const choice = await this.#choose(epoch, own)
    if (choice !== undefined) this.#words.set(epoch, choice)
    return false
  }

  async #write(epoch: number): Promise<OwnFile | undefined> {
    const pieces = this.#application.epochFile(epoch)
    if (pieces === undefined) return undefined
    const { root, size } = await this.#components.store.put(streamOf(pieces), { signal: this.#ending.signal })
    const own = { root, size, height: this.#application.lastApplied().height }
    this.#own.set(epoch, own)
    this.#options.onFile?.({ epoch, root, what: 'written' })
    return own
  }

  /** The first file that was named and is good; one's own when it is one's turn and none was. */
  async #choose(epoch: number, own: OwnFile): Promise<Digest | undefined> {
    const votes = this.#application.state.get(fileVotes, epoch)?.votes ?? []
    for (const { hash } of votes) {
      if (isSameBytes(hash, own.root)) return own.root
      if (await this.#isHere(epoch, hash, this.#holders(), own.size)) return hash
    }
    return this.#isTurn(epoch, own) ? own.root : undefined
  }

  async #keep(epoch: number, root: Digest): Promise<boolean> {
    const { store } = this.#components
    if (!(await store.has(root)) && !(await this.#isHere(epoch, root, this.#holders()))) return false
    const own = this.#own.get(epoch)
    if (own !== undefined && !isSameBytes(own.root, root)) await store.delete(own.root)
    this.#options.onFile?.({ epoch, root, what: 'kept' })
    return true
  }

  /** Whether the file is good, and in the store then. @param size - what it must have: files of an epoch differ in signatures alone. */
  async #isHere(epoch: number, root: Digest, holders: readonly ContentHolder[], size?: number): Promise<boolean> {
    const key = hexOf(root)
    if (this.#good.has(key)) return true
    if (this.#bad.has(key) || holders.length === 0) return false
    const { signal } = this.#ending
    const { store, fetch } = this.#components
    try {
      await store.put(bounded(fetch(root, holders, signal), size), { signal })
      const blob = await store.open(root)
      if (blob === undefined) throw new LedgerError('LEDGER_MALFORMED', 'other bytes came than those of the root')
      await this.#check(epoch, blob)
    } catch (error) {
      if (signal.aborted) throw error
      await store.delete(root)
      if (error instanceof LedgerError) this.#bad.add(key) // what could not be fetched is tried again
      this.#options.onRefused?.(epoch, root, error instanceof Error ? error.message : String(error))
      return false
    }
    this.#good.add(key)
    this.#options.onFile?.({ epoch, root, what: 'fetched' })
    return true
  }

  async #check(epoch: number, blob: StoredBlob): Promise<void> {
    try {
      const { size, data } = blob
      const source: RandomBytes = { size, readAt: async (offset, length) => await data.readAt(offset, length) }
      const chainId = this.#application.view().chainId
      const previous = this.#before(epoch)
      const committee = committeeAt(this.#application, epoch)
      await checkEpochFile(await openEpochFile(source), { chainId, epoch, committee, previous }, this.#ending.signal)
    } finally {
      await blob.close()
    }
  }

  /** Of the block before an epoch's first, as this node executed it. */
  #before(epoch: number): { readonly height: number; readonly digest: Digest } {
    const span = epochSpanOf(this.#application, epoch)
    const record = span === undefined ? undefined : this.#application.history.recordOf(span.first)
    if (span === undefined || record === undefined) throw new LedgerError('LEDGER_MALFORMED', `epoch ${epoch} is not kept here`)
    return { height: span.first - 1, digest: record.previousDigest }
  }

  #holders(): ContentHolder[] {
    const { nodes } = this.#application.view()
    const holders = nodes.flatMap(({ nodeKey, addresses }) => {
      const address = addresses.find(({ ip, sessions }) => ip.length === 4 && sessions > 0)
      if (address === undefined || isSameBytes(nodeKey, this.#options.nodeKey)) return []
      return [{ host: address.ip.join('.'), port: address.sessions, nodeKey }]
    })
    return holders.slice(0, HOLDERS_MAX)
  }

  /** This node's place in the running committee. */
  #author(): number | undefined {
    const { committee, nodes } = this.#application.view()
    const own = nodes.find(({ nodeKey }) => isSameBytes(nodeKey, this.#options.nodeKey))?.index
    return committee.find(({ nodeIndex }) => nodeIndex === own)?.authority
  }

  #isVoteOpen(epoch: number): boolean {
    const author = this.#author()
    const { epoch: running } = this.#application.lastApplied()
    const row = this.#application.state.get(fileVotes, epoch)
    if (author === undefined || this.#application.state.get(epochFiles, epoch) !== undefined) return false
    return row?.voters !== running || !row.votes.some((vote) => vote.author === author)
  }

  #isTurn(epoch: number, own: OwnFile): boolean {
    const author = this.#author()
    const { committee } = this.#application.view()
    if (author === undefined) return false
    const place = (author + committee.length - (epoch % committee.length)) % committee.length
    return this.#application.lastApplied().height - own.height >= place * TURN_BLOCKS
  }

  #forget(epoch: number): void {
    for (const known of [this.#own, this.#words, this.#saidAt]) known.delete(epoch)
    this.#good.clear()
    this.#bad.clear()
  }
}

async function* streamOf(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
}

async function* bounded(source: AsyncIterable<Uint8Array>, sizeMax: number | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  for await (const bytes of source) {
    size += bytes.length
    if (sizeMax !== undefined && size > sizeMax) throw new LedgerError('LEDGER_MALFORMED', `it has more than ${sizeMax} bytes`)
    yield bytes
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
