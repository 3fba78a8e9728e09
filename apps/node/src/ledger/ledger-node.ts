/**
 * A node's ledger: the state machine on LMDB, its seat in the order while it has one, the feed of certified blocks while it has none, what it
 * gives to those who join, and the door for wallets; as one thing that starts and stops.
 *
 * Phases: `joining` (a stranger takes over the newest certified state) → `following` (certified blocks are executed as they come) ↔ `ordering`
 * (this node is a member of the committee). They change at the ends of epochs only, by what the ledger itself says.
 */
import { committees, createApplication, createStateImport, type Application, type Outcome } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import type { ValidatorStatus } from '@selvedge/consensus'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { isSameBytes, type ArchivedBlock, type Digest } from '@selvedge/ledger-types'
import { createRpcServer, type RpcServer } from '@selvedge/rpc'
import { createSnapshotServer, type Joined, type SnapshotServer } from '@selvedge/synchronizer'
import { openSnapshotFolder } from '@selvedge/synchronizer/folder'
import { listenSync, type SyncListener } from '@selvedge/synchronizer/net'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import type { AttachToLedger, LedgerAttachment } from '../ledger-tools/attachment.ts'
import { evidenceRules } from './evidence-rules.ts'
import { createFollower, type Follower } from './follower.ts'
import { createOrdering, type Ordering, type OrderingSettings } from './ordering.ts'
import { ledgerBlockOf } from './replay.ts'
import { createRpcView, type LedgerRpcView } from './rpc-view.ts'
import { createSyncSource, type LedgerSyncSource } from './sync-source.ts'
import { createLedgerVerdicts, type LedgerVerdicts } from './verdicts.ts'

export interface LedgerNodeSettings extends Omit<OrderingSettings, 'onBlock' | 'onCertificate' | 'onFinal' | 'words'> {
  readonly rpcPort: number
  readonly syncPort: number
  /** Keeps all blocks, so that others can follow from any of them. @default false */
  readonly isArchive?: boolean
  /** Who is asked for the state and for blocks while this node has no seat. */
  readonly sources?: readonly { readonly host: string; readonly port: number }[]
  /** Newest version of the rules that this node can execute. @default the newest that the state machine has */
  readonly newestVersion?: number
  /** What else hears of blocks and speaks as this node: made when the state is there. */
  readonly attachments?: readonly AttachToLedger[]
  readonly onBlock?: (outcome: Outcome, timestampMs: number) => void
  readonly onCertificate?: (height: number, certificate: Uint8Array) => void
  readonly onJoined?: (joined: Joined) => void
  /** Something did not work for one stranger; the node goes on. */
  readonly onWarning?: (error: unknown) => void
  /** The node has ended by itself. */
  readonly onFailure?: (error: Error) => void
}

interface Parts {
  readonly application: Application
  readonly verdicts: LedgerVerdicts
  readonly view: LedgerRpcView
  readonly source: LedgerSyncSource
  readonly snapshots: SnapshotServer
  readonly rpc: RpcServer
  readonly listener: SyncListener
  readonly attached: readonly LedgerAttachment[]
}

export class LedgerNode {
  readonly #settings: LedgerNodeSettings
  readonly #publicKey: Uint8Array
  readonly #follower: Follower
  readonly #ending = new AbortController()
  #store: LmdbStore | undefined
  #parts: Parts | undefined
  /** Of the newest epoch in which this node had a seat; it serves on for those who are behind. */
  #ordering: Ordering | undefined
  #hasSeat = false
  #starting: Promise<void> = Promise.resolve()
  /** What goes on in the background; `stop` waits for it. */
  #running: Promise<void> = Promise.resolve()

  constructor(settings: LedgerNodeSettings) {
    this.#settings = settings
    this.#publicKey = createKeyPair(settings.seeds.node).publicKey
    this.#follower = createFollower(settings.genesis, this.#publicKey, settings.sources ?? [], join(settings.folder, 'joining'))
  }

  get phase(): 'joining' | 'following' | 'ordering' {
    if (this.#parts === undefined) return 'joining'
    return this.#hasSeat ? 'ordering' : 'following'
  }

  get application(): Application | undefined {
    return this.#parts?.application
  }

  /** Of the seat in the order, for logs; nothing without one. */
  get status(): ValidatorStatus | undefined {
    return this.#ordering?.validator.status()
  }

  /** Resolves when the state is there and the node takes part, in the order or behind it. */
  start(): Promise<void> {
    this.#starting = this.#begin()
    return this.#starting
  }

  async #begin(): Promise<void> {
    const { folder, onJoined } = this.#settings
    const store = createLmdbStore(join(folder, 'state'))
    this.#store = store
    const joined = await this.#follower.joinIfNew(store, () => createStateImport({ store }), this.#ending.signal)
    if (joined !== undefined) onJoined?.(joined)
    const snapshots = createSnapshotServer({ files: await openSnapshotFolder(join(folder, 'snapshots')) })
    await snapshots.start()
    const parts = await this.#open(store, snapshots)
    this.#parts = parts
    await parts.rpc.start()
    const { height, start: first } = parts.application.lastApplied()
    if (height === first.height) this.#keepSnapshot(parts, height) // genesis, a state that was taken over, or a death right at an epoch's end
    await this.#takePlace(parts)
    for (const each of parts.attached) each.onBlock(undefined)
  }

  /** Resolves when each is durable in a batch, or refused. @returns places of those refused. */
  async submit(transactions: readonly Uint8Array[]): Promise<readonly number[]> {
    if (this.#ordering === undefined || !this.#hasSeat) throw new NodeError('NODE_BUSY', 'this node has no seat in the order now')
    const { refused } = await this.#ordering.validator.submit(transactions)
    return refused.map(({ index }) => index)
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#starting.catch(() => undefined) // its caller hears of it; nothing may open what is closed below
    await this.#parts?.rpc.stop()
    await this.#running
    await Promise.all((this.#parts?.attached ?? []).map((each) => each.stop()))
    await this.#ordering?.validator.stop()
    await this.#running // the last blocks may have begun a snapshot, which reads the store
    await this.#parts?.verdicts.stop()
    await this.#parts?.listener.stop()
    await this.#store?.close()
  }

  async #open(store: LmdbStore, snapshots: SnapshotServer): Promise<Parts> {
    const { genesis, isArchive = false, newestVersion, rpcPort, syncPort, listen, attachments = [] } = this.#settings
    const version = newestVersion === undefined ? {} : { newestVersion }
    const application = createApplication({ store, evidenceRules }, { genesis, isArchive, ...version })
    const verdicts = createLedgerVerdicts(application, (error) => this.#settings.onWarning?.(error))
    const view = createRpcView(application, genesis.timeMs)
    const source = createSyncSource(application, snapshots)
    const listener = await listenSync(source, { host: listen.host, port: syncPort, onError: (error) => this.#settings.onWarning?.(error) })
    const rpc = createRpcServer(
      {
        ledger: view,
        submitter: { submit: (bytes) => this.#submitOne(bytes) },
        node: { peerCount: () => this.#ordering?.validator.status().peers.length ?? 0, readiness: () => this.#readiness() },
      },
      { port: rpcPort },
    )
    const attached = attachments.map((attach) => attach(application, { submit: (bytes) => this.#submitOne(bytes) }))
    return { application, verdicts, view, source, snapshots, listener, rpc, attached }
  }

  /** In the order when the running epoch has a seat for this node, behind it when not. */
  async #takePlace(parts: Parts): Promise<void> {
    this.#hasSeat = this.#isSeated(parts)
    if (this.#hasSeat) await this.#order(parts)
    else this.#inBackground(() => this.#follow(parts))
  }

  async #order(parts: Parts): Promise<void> {
    await this.#ordering?.validator.stop()
    const { application, verdicts } = parts
    const ordering = createOrdering(application, verdicts, {
      ...this.#settings,
      words: () => parts.attached.flatMap((each) => each.sayAfterBlock()),
      onFinal: (height) => this.#keepSnapshot(parts, height),
      onBlock: (outcome, timestampMs) => {
        this.#tell(parts, outcome, timestampMs)
        if (outcome.final === undefined || this.#isSeated(parts)) return
        this.#hasSeat = false
        this.#inBackground(() => this.#follow(parts))
      },
      onCertificate: (height, certificate) => this.#addCertificate(parts, height, certificate),
    })
    this.#ordering = ordering
    await ordering.validator.start()
    void ordering.validator.closed.then((error) => {
      if (error !== undefined) this.#fail(error)
    })
  }

  /** Until this node is given a seat. */
  async #follow(parts: Parts): Promise<void> {
    const { application, verdicts } = parts
    const execute = async (block: ArchivedBlock, height: number): Promise<Digest> => {
      const next = ledgerBlockOf(application, block)
      const items = await verdicts.withVerdicts(next.items, { signal: this.#ending.signal })
      const outcome = application.execute({ ...next, items })
      if (outcome.final !== undefined) this.#keepSnapshot(parts, height)
      this.#tell(parts, outcome, next.timestampMs)
      this.#addCertificate(parts, height, block.certificate)
      return outcome.stateRoot
    }
    for await (const { checkpoint } of this.#follower.follow(application, execute, this.#ending.signal)) {
      if (checkpoint.isFinal && this.#isSeated(parts)) return await this.#takePlace(parts)
    }
  }

  #isSeated({ application }: Parts): boolean {
    const { epoch } = application.lastApplied()
    return application.state.get(committees, epoch)?.some(({ nodeKey }) => isSameBytes(nodeKey, this.#publicKey)) === true
  }

  #tell({ view, attached }: Parts, outcome: Outcome, timestampMs: number): void {
    view.tell()
    for (const each of attached) each.onBlock(outcome)
    this.#settings.onBlock?.(outcome, timestampMs)
  }

  #addCertificate({ application, source, attached }: Parts, height: number, certificate: Uint8Array): void {
    application.addCertificate(height, certificate)
    source.tell()
    for (const each of attached) each.onCertificate(height)
    this.#settings.onCertificate?.(height, certificate)
  }

  /** Hashes the state of a final block while blocks go on; the checkpoint that names it is signed when the root is known. */
  #keepSnapshot({ application, snapshots }: Parts, height: number): void {
    const snapshot = application.openSnapshot()
    this.#inBackground(async () => {
      try {
        const { root } = await snapshots.add(height, snapshot.pieces(), { signal: this.#ending.signal })
        for (const { epoch, height: at, bytes } of application.provideSnapshotRoot(height, root))
          this.#ordering?.sign(epoch, { height: at, bytes })
      } finally {
        snapshot.close()
      }
    })
  }

  #inBackground(work: () => Promise<void>): void {
    const job = work().catch((error: unknown) => this.#fail(error))
    this.#running = Promise.all([this.#running, job]).then(() => {})
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return
    this.#settings.onFailure?.(error instanceof Error ? error : new Error(String(error)))
  }

  #readiness(): { readonly ready: true } | { readonly ready: false; readonly reason: string } {
    if (!this.#hasSeat) return { ready: true }
    const phase = this.#ordering?.validator.status().phase ?? 'new'
    return phase === 'running' ? { ready: true } : { ready: false, reason: `the validator is ${phase}` }
  }

  async #submitOne(bytes: Uint8Array): Promise<void> {
    const refused = await this.submit([bytes])
    if (refused.length > 0) throw new NodeError('NODE_BUSY', 'the order has no room for a transaction now')
  }
}
