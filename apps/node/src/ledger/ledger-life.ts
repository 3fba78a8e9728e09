/**
 * A node's life on one state: the state machine, its seat in the order while it has one, the feed of certified blocks while it has none, what
 * it gives to those who join, and the door for wallets. It ends when the node does, or when a newer state takes the place of this one.
 *
 * Phases: `following` (certified blocks are executed as they come) ↔ `ordering` (this node is a member of the committee, and the epoch is
 * not over). They change at the ends of epochs, by what the ledger itself says; a seat whose order others have forgotten is left.
 */
import { committees, createApplication, type Application, type KeyValueStore, type Outcome } from '@selvedge/application'
import { ConsensusError } from '@selvedge/consensus'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { isSameBytes, type ArchivedBlock, type Digest } from '@selvedge/ledger-types'
import { createRpcServer, type RpcServer } from '@selvedge/rpc'
import { SynchronizerError, type SnapshotServer, type SyncSource } from '@selvedge/synchronizer'
import { listenSync, type SyncListener } from '@selvedge/synchronizer/net'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { VERSION } from '../cli/version.ts'
import { NodeError } from '../errors.ts'
import type { LedgerAttachment } from '../ledger-tools/attachment.ts'
import { EvidenceDuty } from './evidence-duty.ts'
import { evidenceRules } from './evidence-rules.ts'
import type { Follower } from './follower.ts'
import { uncertifiedCheckpoints } from './late-checkpoints.ts'
import type { LedgerNodeSettings } from './ledger-settings.ts'
import { createNodeHealth, type NodeHealth } from './node-health.ts'
import { createOrdering, walOf, type Ordering } from './ordering.ts'
import { createRelay, type Relay } from './relay.ts'
import { ledgerBlockOf } from './replay.ts'
import { ReturnedDuty } from './returned-duty.ts'
import { createRpcView, type LedgerRpcView } from './rpc-view.ts'
import { promisedInSkipped } from './skipped-epochs.ts'
import { SnapshotKeeper } from './snapshot-keeper.ts'
import { createSyncSource, type LedgerSyncSource } from './sync-source.ts'
import { TransactionIntake } from './transaction-intake.ts'
import { createLedgerVerdicts, type LedgerVerdicts } from './verdicts.ts'

/** How often a member without a new block asks whether its epoch is over. */
const STUCK_MS = 10_000

export interface LifeComponents {
  readonly store: KeyValueStore
  readonly snapshots: SnapshotServer
  readonly follower: Follower
  /** Whom this node follows. */
  readonly sources: readonly SyncSource[]
  readonly publicKey: Uint8Array
  /** The node is ending: nothing is waited for any more, and `stop` comes. */
  readonly signal: AbortSignal
}

export interface LifeHooks {
  /** Nobody keeps the block any more that would be next. Nothing is followed until `follow` is called again. */
  readonly onTooOld: (error: SynchronizerError) => void
  readonly onFailure: (error: unknown) => void
}

export class LedgerLife {
  readonly application: Application
  readonly #components: LifeComponents
  readonly #settings: LedgerNodeSettings
  readonly #hooks: LifeHooks
  readonly #verdicts: LedgerVerdicts
  readonly #view: LedgerRpcView
  readonly #source: LedgerSyncSource
  readonly #rpc: RpcServer
  readonly #health: NodeHealth
  readonly #relay: Relay
  readonly #evidence: EvidenceDuty
  readonly #returned: ReturnedDuty
  readonly #keeper: SnapshotKeeper
  #attached: readonly LedgerAttachment[] = []
  readonly #ending = new AbortController()
  readonly #onAbort = (): void => this.#ending.abort()
  #listener: SyncListener | undefined
  /** Of the newest epoch in which this node had a seat; it serves on for those who are behind. */
  #ordering: Ordering | undefined
  #hasSeat = false
  #isFollowing = false
  /** What goes on in the background; `stop` waits for it. */
  readonly #running = new Set<Promise<void>>()

  /** Opens no port and writes no block; what is made here ends with `stop`. */
  constructor(components: LifeComponents, settings: LedgerNodeSettings, hooks: LifeHooks) {
    const { store, snapshots, sources, signal } = components
    const { genesis, isArchive = false, newestVersion, rpcPort, rpcHost } = settings
    this.#components = components
    this.#settings = settings
    this.#hooks = hooks
    if (signal.aborted) this.#ending.abort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
    const version = newestVersion === undefined ? {} : { newestVersion }
    const application = createApplication({ store, evidenceRules }, { genesis, isArchive, keepsSnapshots: true, ...version })
    this.application = application
    this.#verdicts = createLedgerVerdicts(application, (error) => settings.onWarning?.(error))
    const judge = (transaction: Uint8Array): ReturnType<LedgerVerdicts['judge']> => this.#verdicts.judge(transaction)
    this.#view = createRpcView(application, genesis.timeMs, judge)
    this.#relay = createRelay(sources)
    const submit = (bytes: Uint8Array, hops?: number): Promise<void> => this.#submitOne(bytes, hops)
    this.#evidence = new EvidenceDuty({ application, keys: createKeyPair(settings.seeds.node), submit })
    const onSettled = (bytes: Uint8Array, refusal: string | undefined): void => settings.onReturned?.(bytes, refusal)
    this.#returned = new ReturnedDuty({ application, judge, submit, onSettled })
    const intake = new TransactionIntake({ application, judge, submit, nowMs: () => performance.now() })
    this.#source = createSyncSource(application, snapshots, (bytes, hops) => intake.take(bytes, hops))
    this.#keeper = new SnapshotKeeper(application, snapshots, {
      signal: this.#ending.signal,
      onCheckpoint: ({ epoch, height, bytes }) => this.#ordering?.sign(epoch, { height, bytes }),
    })
    this.#health = createNodeHealth(
      {
        application,
        publicKey: components.publicKey,
        seatFault: () => this.#seatFault(),
        hasSeat: () => this.#hasSeat,
        clock: settings.clock ?? { nowMs: () => performance.now(), unixMs: () => Date.now() },
      },
      settings,
    )
    this.#rpc = createRpcServer(
      {
        ledger: this.#view,
        submitter: { submit },
        node: {
          peerCount: () => this.#ordering?.validator.status().peers.length ?? 0,
          readiness: () => this.#health.readiness(),
          standing: () => this.#health.standing(),
        },
      },
      { port: rpcPort, clientVersion: `selvedge/${VERSION}`, ...(rpcHost === undefined ? {} : { host: rpcHost }) },
    )
  }

  get hasSeat(): boolean {
    return this.#hasSeat
  }

  get ordering(): Ordering | undefined {
    return this.#ordering
  }

  /** Resolves when the node takes part, in the order or behind it. After a failure everything is closed. */
  async start(): Promise<void> {
    try {
      const { listen, syncPort, onWarning, attachments = [] } = this.#settings
      this.#attached = attachments.map((attach) => attach(this.application, { submit: (bytes) => this.#submitOne(bytes) }))
      this.#listener = await listenSync(this.#source, { host: listen.host, port: syncPort, onError: (error) => onWarning?.(error) })
      await this.#rpc.start()
      this.#inBackground(() => this.#keeper.keepAll()) // genesis, a state that was taken over, or what a death left
      await this.#takePlace()
      this.#inBackground(() => this.#watch())
      for (const each of this.#attached) each.onBlock(undefined)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Resolves when each is durable in a batch, or refused. @returns places of those refused. */
  async submit(transactions: readonly Uint8Array[]): Promise<readonly number[]> {
    if (this.#ordering === undefined || !this.#hasSeat) throw new NodeError('NODE_BUSY', 'this node has no seat in the order now')
    const { refused } = await this.#ordering.validator.submit(transactions)
    return refused.map(({ index }) => index)
  }

  /** Certified blocks in the background, until this node is given a seat. */
  follow(): void {
    if (this.#isFollowing) return
    this.#isFollowing = true
    this.#inBackground(async () => {
      const isWanted = await this.#feed().finally(() => (this.#isFollowing = false))
      if (isWanted) await this.#order()
    })
  }

  /** May be called twice, and at any moment after the constructor. */
  async stop(): Promise<void> {
    this.#components.signal.removeEventListener('abort', this.#onAbort)
    this.#ending.abort()
    await this.#rpc.stop()
    await this.#settled()
    await Promise.all(this.#attached.map((each) => each.stop()))
    await this.#ordering?.validator.stop()
    await this.#evidence.stop()
    await this.#returned.stop()
    await this.#settled() // the last blocks may have begun a snapshot, which reads the store
    await this.#verdicts.stop()
    await this.#listener?.stop()
  }

  /** In the order when the running epoch has a seat for this node, behind it when not, or when that epoch is over. */
  async #takePlace(): Promise<void> {
    if (await this.#isWanted()) return await this.#order()
    await this.#serveOthers()
    this.follow()
  }

  /**
   * Without a seat, but with records of one that it had: the others may lack something of that epoch, and what this node had promised in it is
   * handed out again. The order without a seat serves and signs nothing; where it cannot start, the node follows all the same.
   */
  async #serveOthers(): Promise<void> {
    if (this.#ordering !== undefined || this.#isSeated() || !existsSync(walOf(this.#settings.folder))) return
    try {
      await this.#order()
    } catch (error) {
      if (!(error instanceof ConsensusError)) throw error
      this.#ordering = undefined
      this.#settings.onWarning?.(error)
    }
  }

  /** What is certified of an epoch that is over comes faster, and as surely, from the feed; and its members may have forgotten the order. */
  async #isWanted(): Promise<boolean> {
    return this.#isSeated() && !(await this.#components.follower.isOver(this.application, this.#ending.signal))
  }

  async #order(): Promise<void> {
    await this.#ordering?.validator.stop()
    this.#ending.signal.throwIfAborted()
    const { application } = this
    if (this.#isSeated()) this.#returned.add(await this.#promisedInSkipped())
    const ordering = createOrdering(application, this.#verdicts, {
      ...this.#settings,
      words: () => this.#attached.flatMap((each) => each.sayAfterBlock()),
      onFinal: () => this.#inBackground(() => this.#keeper.keepAll()),
      onBlock: (outcome, timestampMs) => {
        this.#tell(outcome, timestampMs)
        if (outcome.final === undefined || this.#isSeated()) return
        this.#hasSeat = false
        this.follow()
      },
      onCertificate: (height, certificate) => {
        try {
          this.#addCertificate(height, certificate)
        } catch (error) {
          this.#fail(error) // a full disk ends the node with a reason; the order would take it for a bug of its own
        }
      },
      onEvidence: (evidence) => this.#evidence.add(evidence),
      onRetry: (transactions) => this.#returned.add(transactions),
    })
    this.#ordering = ordering
    this.#hasSeat = this.#isSeated()
    await ordering.validator.start()
    for (const { epoch, height, bytes } of uncertifiedCheckpoints(application)) ordering.sign(epoch, { height, bytes })
    void ordering.validator.closed.then((error) => {
      if (error !== undefined) this.#fail(error)
    })
  }

  async #promisedInSkipped(): Promise<readonly Uint8Array[]> {
    const { genesis, seeds, folder } = this.#settings
    return await promisedInSkipped({ application: this.application, genesis, nodeKey: createKeyPair(seeds.node), path: walOf(folder) })
  }

  /** @returns whether a seat waits for this node now. */
  async #feed(): Promise<boolean> {
    const { application } = this
    const execute = async (block: ArchivedBlock, height: number): Promise<Digest> => {
      const next = ledgerBlockOf(application, block)
      const items = await this.#verdicts.withVerdicts(next.items, { signal: this.#ending.signal })
      const outcome = application.execute({ ...next, items })
      if (outcome.final !== undefined) this.#inBackground(() => this.#keeper.keepAll())
      this.#tell(outcome, next.timestampMs)
      this.#addCertificate(height, block.certificate)
      return outcome.stateRoot
    }
    try {
      for await (const { checkpoint } of this.#components.follower.follow(application, execute, this.#ending.signal)) {
        if (!checkpoint.isFinal) continue
        if (await this.#isWanted()) return true
        await this.#serveOthers()
      }
    } catch (error) {
      if (!(error instanceof SynchronizerError) || error.code !== 'SYNCHRONIZER_TOO_OLD') throw error
      this.#hooks.onTooOld(error)
    }
    return false
  }

  /** A member that was away for so long that others have forgotten the order of its epoch hears nothing more of it. */
  async #watch(): Promise<void> {
    const { signal } = this.#ending
    const { stuckMs = STUCK_MS } = this.#settings
    for (let seen = -1; ; ) {
      await sleep(stuckMs, undefined, { signal })
      const { height } = this.application.lastApplied()
      const isStuck = this.#hasSeat && height === seen
      seen = height
      if (!isStuck || !(await this.#components.follower.isOver(this.application, signal)) || !this.#hasSeat) continue
      this.#hasSeat = false
      await this.#ordering?.validator.stop()
      this.#ordering = undefined
      await this.#takePlace() // behind it, unless it was executing an epoch's last block after all
    }
  }

  #isSeated(): boolean {
    const { application } = this
    const { epoch } = application.lastApplied()
    return application.state.get(committees, epoch)?.some(({ nodeKey }) => isSameBytes(nodeKey, this.#components.publicKey)) === true
  }

  #tell(outcome: Outcome, timestampMs: number): void {
    this.#view.tell()
    this.#evidence.onBlock()
    this.#returned.onBlock()
    for (const each of this.#attached) each.onBlock(outcome)
    this.#settings.onBlock?.(outcome, timestampMs)
  }

  #addCertificate(height: number, certificate: Uint8Array): void {
    this.application.addCertificate(height, certificate)
    this.#health.onCertificate(height)
    this.#source.tell()
    for (const each of this.#attached) each.onCertificate(height)
    this.#settings.onCertificate?.(height, certificate)
  }

  #inBackground(work: () => Promise<void>): void {
    const job = work()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#running.delete(job))
    this.#running.add(job)
  }

  /** Until nothing runs, what was begun meanwhile included. */
  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #fail(error: unknown): void {
    if (!this.#ending.signal.aborted) this.#hooks.onFailure(error)
  }

  #seatFault(): string | undefined {
    if (!this.#hasSeat) return undefined
    const phase = this.#ordering?.validator.status().phase ?? 'new'
    return phase === 'running' ? undefined : `the validator is ${phase}`
  }

  /** @param hops - how often others may still pass it on. */
  async #submitOne(bytes: Uint8Array, hops?: number): Promise<void> {
    if (!this.#hasSeat) {
      if (hops === 0) throw new NodeError('NODE_BUSY', 'this node has no seat in the order now')
      return await this.#relay.submit(bytes, { signal: this.#ending.signal, ...(hops === undefined ? {} : { hops: hops - 1 }) })
    }
    const refused = await this.submit([bytes])
    if (refused.length > 0) throw new NodeError('NODE_BUSY', 'the order has no room for a transaction now')
  }
}
