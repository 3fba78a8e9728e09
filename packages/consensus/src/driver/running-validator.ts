/** The parts of a validator, put together, and its life: new, running, then stopped or failed for good. */
import { randomInt } from 'node:crypto'
import { isBlsSignature } from '@selvedge/crypto/bls'
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import type { ClosedBy, EpochSetup } from '../core/contract.ts'
import { createEpochs } from '../core/epochs.ts'
import type { ClosedEpoch, Epochs, EpochsEvent } from '../core/epochs-contract.ts'
import { ConsensusError } from '../errors.ts'
import type { EpochPlan, Executed, OrderedBlock } from '../ports.ts'
import type { Validator, ValidatorComponents, ValidatorOptions, ValidatorStatus } from '../validator-contract.ts'
import { toHex } from '../wire/bytes.ts'
import { Admission } from './admission.ts'
import { systemClock } from './clock.ts'
import { Engine } from './engine.ts'
import { Executions } from './executions.ts'
import { FlowControl } from './flow-control.ts'
import { Performer } from './performer.ts'
import { type ChainIdentity, decodePlan, encodePlan, planAfter, setupOf } from './plan.ts'
import { type Share, type Submission, Submissions } from './submissions.ts'

/** What exists from the start on. */
interface Parts {
  readonly engine: Engine
  readonly executions: Executions
  readonly performer: Performer
  readonly epochs: Epochs
}

const SUBMIT_BYTES_MAX = 16 * 2 ** 20

export class RunningValidator implements Validator {
  readonly closed: Promise<ConsensusError | undefined>
  readonly #components: ValidatorComponents
  readonly #options: ValidatorOptions
  readonly #submissions = new Submissions()
  readonly #admission: Admission
  readonly #flow: FlowControl
  readonly #setups = new Map<number, EpochSetup>()
  readonly #counts = new Map<string, number>()
  readonly #peers = new Set<string>()
  #close: (failure: ConsensusError | undefined) => void = () => {}
  #phase: ValidatorStatus['phase'] = 'new'
  #current: EpochSetup | undefined
  #isMember = false
  #parts: Parts | undefined
  #ending: Promise<void> | undefined

  constructor(components: ValidatorComponents, options: ValidatorOptions) {
    this.#components = components
    this.#options = options
    this.#flow = new FlowControl(components.network)
    const { verifier } = components
    const post = (event: EpochsEvent, shares?: readonly Share[]): void => this.#post(event, shares)
    const admission = { submissions: this.#submissions, verifier, post, onFailure: this.#onFailure }
    this.#admission = new Admission(admission, options.submitBytesMax ?? SUBMIT_BYTES_MAX)
    this.closed = new Promise((resolve) => {
      this.#close = resolve
    })
  }

  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new ConsensusError('CONSENSUS_STOPPED', `a validator starts once, this one is ${this.#phase}`)
    this.#phase = 'running'
    const { network, store, executor, verifier } = this.#components
    try {
      await store.start()
      await verifier?.start?.()
      const { index, plan = this.#options.genesis, closedBy } = await executor.lastApplied()
      this.#assertRunning()
      this.#parts = this.#compose(plan, index, closedBy)
      await network.start({
        onFrame: (from, frame) => {
          this.#flow.take(from, frame.length)
          this.#post({ type: 'frame', from, frame })
        },
        onPeer: (peer, isConnected) => this.#notePeer(peer, isConnected),
      })
      this.#assertRunning()
      this.#post({ type: 'start' }) // before anything is heard of a peer
      network.setPeers(this.#members())
      this.#tellEvidence()
    } catch (error) {
      await this.#end('failed', error instanceof ConsensusError ? error : undefined)
      await Promise.allSettled([network.stop(), store.stop()]) // what a stop() in between could not know of
      throw error
    }
  }

  stop(): Promise<void> {
    return this.#end('stopped', undefined)
  }

  async submit(transactions: readonly Uint8Array[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<Submission> {
    signal?.throwIfAborted()
    this.#assertRunning()
    const settled = this.#admission.submit(transactions, this.#isMember)
    return signal === undefined ? settled : orAborted(settled, signal)
  }

  submitSystemTransaction(bytes: Uint8Array): void {
    this.#post({ type: 'systemTransaction', bytes: bytes.slice() })
  }

  addCheckpoint(epoch: number, { height, bytes }: { readonly height: number; readonly bytes: Uint8Array }): void {
    this.#post({ type: 'epoch', epoch, event: { type: 'checkpoint', height, bytes: bytes.slice() } })
  }

  status(): ValidatorStatus {
    const { epoch, mode } = this.#current ?? this.#options.genesis
    return {
      phase: this.#phase,
      epoch,
      mode,
      isMember: this.#isMember,
      round: this.#parts?.epochs.gauges?.round ?? 0,
      gauges: this.#parts?.epochs.gauges,
      applied: this.#parts?.executions.index ?? 0,
      queued: this.#parts?.executions.queued ?? 0,
      peers: [...this.#peers].toSorted(),
      waitingBytes: this.#submissions.bytes,
      droppedFrames: this.#flow.dropped,
      counts: Object.fromEntries(this.#counts),
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #assertRunning(): void {
    if (this.#phase !== 'running') throw new ConsensusError('CONSENSUS_STOPPED', `the validator is ${this.#phase}`)
  }

  #post(event: EpochsEvent, shares?: readonly Share[]): void {
    this.#parts?.engine.post(event, shares)
  }

  /** Of an earlier run, which may have died before anybody did anything about it. */
  #tellEvidence(): void {
    const { store } = this.#components
    for (const epoch of store.epochs()) {
      for (const { bytes } of store.epoch(epoch).entries('evidence')) this.#options.onEvidence?.(epoch, bytes.slice())
    }
  }

  readonly #onFailure = (failure: ConsensusError): void => {
    this.#end('failed', failure).catch(() => {}) // `closed` tells
  }

  /** Of the epochs that are alive. Later epochs name theirs as they begin. */
  #members(): string[] {
    const own = toHex(this.#components.nodeKey.publicKey)
    const keys = [...this.#setups.values()].flatMap(({ committee }) => committee.map(({ key }) => toHex(key)))
    return [...new Set(keys)].filter((key) => key !== own)
  }

  #notePeer(peer: string, isConnected: boolean): void {
    if (isConnected) {
      this.#peers.add(peer)
      this.#post({ type: 'connected', peer })
      return
    }
    this.#peers.delete(peer)
    this.#flow.forget(peer)
  }

  #compose(plan: EpochPlan, lastApplied: number, closedBy: ClosedBy | undefined): Parts {
    const { network, store, executor, nodeKey, verifier, checkpointSigner, clock = systemClock } = this.#components
    const { chainId, genesisHash, core = {}, onCertificate, onEvidence, onRetry } = this.#options
    const identity: ChainIdentity = { chainId, genesisHash, publicKey: nodeKey.publicKey }
    const records = store.epoch(plan.epoch)
    const isFirstBoot = [...records.entries('floor')].length === 0 // written before anything is signed
    const current = setupOf(plan, identity, { lastApplied, isFirstBoot })
    records.append([{ kind: 'plan', key: 'plan', bytes: encodePlan(plan) }])
    const closed = this.#closedSetups(plan.epoch, identity)
    const epochs = createEpochs(
      {
        crypto: { sign: (message) => nodeKey.sign(message), isSigned: isEd25519Signature, isCheckpointSigned: isBlsSignature },
        random: () => randomInt(2 ** 32),
        storeOf: (epoch) => store.epoch(epoch),
      },
      { current, closed, closedBy, ...(plan.parameters === undefined ? {} : { parameters: plan.parameters }) },
      { ...core, verifiesTransactions: verifier !== undefined },
    )
    for (const setup of [...closed, current]) this.#setups.set(setup.epoch, setup)
    this.#enter(current)
    const [submissions, flow, setups, counts, onFailure] = [this.#submissions, this.#flow, this.#setups, this.#counts, this.#onFailure]
    const executions = new Executions(
      {
        executor,
        storeOf: (epoch) => store.epoch(epoch),
        onExecuted: (block, executed) => this.#executed(block, executed),
        onFailure,
      },
      { epoch: plan.epoch, index: lastApplied },
    )
    const performer = new Performer({
      network,
      store,
      clock,
      flow,
      submissions,
      executions,
      verifier,
      signer: checkpointSigner,
      setups,
      counts,
      post: (event) => this.#post(event),
      events: {
        onBegin: (setup) => this.#enter(setup),
        onLeave: () => {
          this.#isMember = false
        },
        onCertificate: onCertificate ?? (() => {}),
        onEvidence: onEvidence ?? (() => {}),
        onFailure,
      },
    })
    const perform = performer.perform.bind(performer)
    const engine = new Engine({
      epochs,
      store,
      clock,
      flow,
      submissions,
      isMember: current.self >= 0,
      perform,
      onRetry: onRetry ?? (() => {}),
      onFailure,
    })
    return { engine, executions, performer, epochs }
  }

  /** Epochs whose records are still here: they are served until nobody needs them. */
  #closedSetups(current: number, identity: ChainIdentity): ClosedEpoch[] {
    const { store } = this.#components
    return store.epochs().flatMap((epoch) => {
      const bytes = epoch < current ? store.epoch(epoch).get('plan', 'plan') : undefined
      if (bytes === undefined) return []
      const plan = decodePlan(bytes)
      const setup = setupOf(plan, identity, { lastApplied: 0, isFirstBoot: false })
      return [plan.parameters === undefined ? setup : { ...setup, parameters: plan.parameters }]
    })
  }

  #enter(setup: EpochSetup): void {
    this.#current = setup
    this.#isMember = setup.self >= 0
  }

  #executed(block: OrderedBlock, executed: Executed): void {
    const { epoch, index } = block
    const { final, closedBy, checkpoint, systemTransactions = [], nextMembers } = executed
    for (const bytes of systemTransactions) this.submitSystemTransaction(bytes)
    if (nextMembers !== undefined) this.#expect(epoch + 1, nextMembers.map(toHex))
    if (checkpoint !== undefined) this.addCheckpoint(epoch, checkpoint)
    if (final !== undefined) {
      const plan = planAfter(block, final)
      this.#components.store.epoch(final.epoch).append([{ kind: 'plan', key: 'plan', bytes: encodePlan(plan) }])
    }
    this.#post({ type: 'executed', epoch, index, ...(final === undefined ? {} : { next: final, closedBy }) })
    this.#options.onBlock?.(block, executed)
  }

  /** They may connect before their epoch begins, and what they say early is held. */
  #expect(epoch: number, members: readonly string[]): void {
    this.#components.network.setPeers([...new Set([...this.#members(), ...members])])
    this.#post({ type: 'nextCommittee', epoch, members })
  }

  #end(phase: 'stopped' | 'failed', failure: ConsensusError | undefined): Promise<void> {
    this.#ending ??= this.#shutDown(phase, failure)
    return this.#ending
  }

  async #shutDown(phase: 'stopped' | 'failed', failure: ConsensusError | undefined): Promise<void> {
    const { network, store, verifier, checkpointSigner } = this.#components
    this.#phase = phase
    this.#parts?.engine.stop()
    this.#parts?.performer.stop()
    const reason = failure?.message ?? 'stop() was called'
    this.#submissions.close(new ConsensusError('CONSENSUS_STOPPED', `the validator has ended: ${reason}`, {}, { cause: failure }))
    await Promise.allSettled([network.stop(), verifier?.stop?.(), checkpointSigner?.stop?.(), this.#parts?.executions.stop()])
    await store.stop()
    this.#close(failure)
  }
}

/** `settled`, or the signal's reason. */
function orAborted<T>(settled: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    settled.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
