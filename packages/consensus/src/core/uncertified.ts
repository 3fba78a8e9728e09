/**
 * The core of the uncertified mode (Mysticeti-C, §2.16) for one epoch: events in, effects out, nothing thrown whatever a peer sends.
 *
 * A turn takes one event to the part that it concerns, then lets everything move that can: blocks whose time has come, commits,
 * proposals, emissions, requests. What a peer said is decoded here, once.
 *
 * Durable before said (2.11): an accepted block rides on the next sync; the own block, the record of a sub-DAG, the floor, a checkpoint's
 * digest and evidence each have theirs before what rests on them leaves.
 */
import type { Vertex } from '../dag/contract.ts'
import { ConsensusError } from '../errors.ts'
import { decodeSignedBlock } from '../wire/block.ts'
import { bodyOf, decodeFrame, type Frame, frameOf } from '../wire/frames.ts'
import type { Authority } from '../wire/types.ts'
import { BlockCatchUp } from './block-catch-up.ts'
import { BlockManager } from './block-manager.ts'
import { BlockOrder } from './block-order.ts'
import { BlockProposer } from './block-proposer.ts'
import type { BlockContent } from './block-vertex.ts'
import { Checkpoints } from './checkpoints.ts'
import { CoreContext } from './context.ts'
import type { ClosedBy, Core, CoreComponents, CoreEffect, CoreEvent, CoreGauges, CoreOptions, EpochSetup, Time } from './contract.ts'
import { EvidencePool } from './evidence-pool.ts'
import { Fetcher, RoundTrip } from './fetching.ts'
import { Floor, type ProvenRound } from './floor.ts'
import { TokenBucket } from './token-bucket.ts'
import { BEHIND_ROUNDS_MAX, RETRY_MS_MAX } from './settings.ts'
import { BATCH_BYTES_MAX, BLOCK_REQUEST_COUNT_MAX } from '../wire/limits.ts'

/** Requests of one peer that are answered. */
const REQUESTS_PER_SECOND = 200
const REQUESTS_AT_ONCE = 400
/** Of an answer to an amnesiac, which shows a block; a request for blocks costs one. */
const FLOOR_TOKENS = 20

/** @throws {ConsensusError} for a committee or a store that cannot be. */
export function createUncertifiedCore(components: CoreComponents, setup: EpochSetup, options?: CoreOptions): Core {
  return new UncertifiedCore(components, setup, options)
}

class UncertifiedCore implements Core {
  readonly mode = 'uncertified'
  readonly #context: CoreContext
  readonly #evidence: EvidencePool
  readonly #checkpoints: Checkpoints
  readonly #floor: Floor
  readonly #order: BlockOrder
  readonly #fetcher: Fetcher
  readonly #blocks: BlockManager
  readonly #proposer: BlockProposer
  readonly #catchUp: BlockCatchUp
  readonly #acceptedRounds: number[]
  readonly #requests: TokenBucket[]
  readonly #random: () => number
  readonly #roundTrip = new RoundTrip()
  #stallMs = RETRY_MS_MAX
  #movedAtMs = 0
  #movedRound = 0
  #timerAtMs = Number.POSITIVE_INFINITY
  #isStarted = false
  #isOver = false
  #isHalted = false

  constructor(components: CoreComponents, setup: EpochSetup, options?: CoreOptions) {
    const context = new CoreContext(components, setup, options)
    this.#context = context
    this.#random = components.random
    this.#acceptedRounds = context.committee.members.map(() => 0)
    this.#requests = context.committee.members.map(() => new TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE))
    this.#evidence = new EvidencePool(context)
    this.#checkpoints = new Checkpoints(context, this.#evidence)
    this.#floor = new Floor(context)
    this.#order = this.#createOrder(options)
    this.#fetcher = new Fetcher(context, this.#roundTrip, {
      requestOf: (_, digests) => ({ type: 'blockRequest', epoch: setup.epoch, query: { by: 'digest', digests } }),
      requestCountMax: BLOCK_REQUEST_COUNT_MAX,
      authorBytesMax: BATCH_BYTES_MAX,
    })
    this.#blocks = this.#createManager()
    this.#catchUp = new BlockCatchUp({
      context,
      round: () => this.#proposer.round,
      seenRounds: this.#blocks.seenRounds,
      acceptedRounds: this.#acceptedRounds,
      gcRound: () => this.#order.rule.gcRound,
      isDigesting: () => this.#blocks.isDigesting,
    })
    this.#proposer = this.#createProposer()
    for (const { bytes } of context.store.entries('block', this.#order.rule.gcRound)) this.#blocks.restore(bytes)
  }

  get isLive(): boolean {
    return this.#floor.isLive
  }

  get gauges(): CoreGauges {
    const { gcRound, lastCommittedRound, dag, doneCount } = this.#order.rule
    const { round } = this.#proposer
    return { round, gcRound, lastCommittedRound, waiting: this.#blocks.waitingCount, vertices: dag.size, done: doneCount }
  }

  step(event: CoreEvent, time: Time, effects: CoreEffect[]): void {
    if (this.#isHalted) return
    this.#context.enter(time, effects)
    if (event.type === 'tick') this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#take(event)
    if (this.#isStarted) this.#advance()
    if (event.type === 'tick') this.#context.persist() // what is accepted can be served soon, even by who proposes nothing
  }

  #take(event: CoreEvent): void {
    switch (event.type) {
      case 'start':
        return this.#start()
      case 'frame':
        return this.#frame(event.from, event.frame)
      case 'frames':
        for (const { from, frame } of event.frames) this.#frame(from, frame)
        return
      case 'connected':
        return this.#connected(event.peer)
      case 'tick':
        return
      case 'transactions':
        if (!this.#isOver) return this.#order.own.submit(event.transactions)
        return this.#context.push({ type: 'retry', transactions: event.transactions, told: 0 })
      case 'systemTransaction':
        return this.#order.own.submitSystem(event.bytes)
      case 'verified':
        return this.#blocks.verified(event.id, event.isValid)
      case 'executed':
        return event.isFinal ? this.#close(event.index, event.closedBy) : this.#order.executedUpTo(event.index)
      case 'checkpoint':
        return this.#checkpoints.sign(event.height, event.bytes)
      case 'checkpointSigned':
        return this.#checkpoints.signed(event.height, event.signature)
      case 'checkpointChecked':
        return this.#checkpoints.checked(event.height, event.bad, event.aggregate)
      case 'certificateChecked':
        return this.#checkpoints.certificateChecked(event.height, event.isValid)
    }
  }

  #start(): void {
    this.#isStarted = true
    this.#movedAtMs = this.#context.nowMs
    this.#stallMs = this.#stallMsMin
    this.#floor.start(this.#random())
    if (!this.#isOver) this.#repeatLast()
  }

  /** The last sub-DAG of the epoch is executed: nothing is made or ordered any more, and what was not ordered goes back. */
  #close(index: number, closedBy: ClosedBy | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#context.persist()
    const { told, untold } = this.#order.close(index, closedBy)
    if (told.length + untold.length > 0) this.#context.push({ type: 'retry', transactions: [...told, ...untold], told: told.length })
  }

  #frame(from: Authority, bytes: Uint8Array): void {
    if (from === this.#context.self || this.#context.committee.members[from] === undefined) return
    try {
      this.#read(from, bytes, decodeFrame(bytes, this.#context.committee.size))
    } catch (error) {
      if (!(error instanceof ConsensusError)) throw error
      this.#context.count('malformed')
    }
  }

  /** What may come in the uncertified mode; an epoch that is over answers, and hears of checkpoints and evidence. */
  #read(from: Authority, bytes: Uint8Array, frame: Frame): void {
    if ('epoch' in frame && frame.epoch !== this.#context.setup.epoch) return this.#context.count('foreignEpoch')
    switch (frame.type) {
      case 'blockRequest':
        if (!this.#mayCost(from, 1)) return
        return this.#context.push({ type: 'answer', to: from, request: bytes })
      case 'floorQuery':
        if (!this.#mayCost(from, FLOOR_TOKENS)) return
        return this.#floor.answer(from, frame.nonce, this.#proof(), this.#blocks.statementsOf(from))
      case 'checkpointSignature':
        return this.#checkpoints.receive(from, frame.signature)
      case 'blockCertificate':
        return this.#checkpoints.receiveCertificate(from, frame.certificate)
      case 'evidence':
        this.#evidence.add(frame.evidence, from)
        return
      default:
        return this.#isOver ? undefined : this.#readLive(from, bytes, frame)
    }
  }

  #mayCost(from: Authority, tokens: number): boolean {
    if (this.#requests[from]!.take(this.#context.nowMs, tokens)) return true
    this.#context.count('requestRefused')
    return false
  }

  #readLive(from: Authority, bytes: Uint8Array, frame: Frame): void {
    switch (frame.type) {
      case 'block':
        if (frame.block.block.author !== from) return this.#context.count('foreignAuthor')
        return this.#blocks.receive(frame.block, bodyOf(bytes), this.#proposer.round)
      case 'blocks':
        return this.#receiveBlocks(from, frame.blocks)
      case 'floorAnswer':
        return this.#floor.receive(from, frame.nonce, this.#provenRoundOf(from, frame.proof), frame.statements)
      case 'closeReport':
        return this.#catchUp.ask(from) // it has the last sub-DAG: so it has what this node lacks
      default:
        return this.#context.count('unexpectedFrame')
    }
  }

  /** A block out of many is copied: a view would keep all of them. */
  #receiveBlocks(from: Authority, blocks: readonly Uint8Array[]): void {
    if (!this.#fetcher.expects(from) && !this.#catchUp.expects(from)) return this.#context.count('unasked')
    let isNew = false
    for (const bytes of blocks) {
      const kept = blocks.length === 1 ? bytes : bytes.slice()
      isNew = this.#blocks.receiveAsked(kept, from) || isNew
    }
    this.#catchUp.answered(from, isNew)
  }

  /** The highest block that is accepted and stored: at least the last own one is. */
  #proof(): Uint8Array {
    const { rule } = this.#order
    for (let round = rule.dag.highestRound; round > rule.gcRound; round--) {
      for (const { key } of rule.dag.round(round)) {
        const bytes = this.#context.store.get('block', key)
        if (bytes !== undefined) return bytes
      }
    }
    return new Uint8Array()
  }

  /**
   * A block that is accepted here proves a quorum in the round before its own: that is the round it certifies. One of round 1 rests on
   * genesis and proves nothing; counted as more, it would let the first member that speaks silence all that still ask.
   */
  #provenRoundOf(from: Authority, proof: Uint8Array): ProvenRound {
    const signed = proof.length === 0 ? undefined : decodeSignedBlock(proof.slice())
    const key = signed === undefined ? undefined : this.#blocks.notice(signed)
    if (signed === undefined || key === undefined) return () => 0
    const { round, author } = signed.block
    const { rule } = this.#order
    const digest = Uint8Array.from(key.match(/../g)!, (byte) => Number.parseInt(byte, 16))
    return () => {
      if (round <= rule.gcRound || rule.dag.get(key) !== undefined) return round - 1
      if (round <= this.#proposer.round + BEHIND_ROUNDS_MAX)
        this.#fetcher.want({ key, digest, round, author, first: from, bytes: 0, group: 0 })
      return undefined
    }
  }

  #advance(): void {
    this.#checkpoints.advance()
    this.#floor.advance()
    if (!this.#isOver) this.#advanceOrder()
    const nextAtMs = this.#isOver
      ? Math.min(this.#checkpoints.nextAtMs, this.#floor.nextAtMs)
      : Math.min(
          this.#checkpoints.nextAtMs,
          this.#floor.nextAtMs,
          this.#blocks.nextAtMs,
          this.#proposer.nextAtMs,
          this.#fetcher.nextAtMs,
          this.#catchUp.nextAtMs,
          this.#movedAtMs + this.#stallMs,
        )
    if (nextAtMs === this.#timerAtMs || nextAtMs === Number.POSITIVE_INFINITY) return
    this.#timerAtMs = nextAtMs
    this.#context.push({ type: 'timer', atMs: nextAtMs })
  }

  #advanceOrder(): void {
    for (const transaction of this.#evidence.takeSystemTransactions()) this.#order.own.submitSystem(transaction)
    this.#blocks.advance()
    for (let hasProposed = true, turn = 0; hasProposed && turn < 2; turn++) {
      this.#order.advance()
      if (this.#order.haltReason !== undefined) break // a rule that stands still takes no own block either
      this.#proposer.follow()
      hasProposed = this.#proposer.advance()
    }
    this.#order.advance()
    if (this.#order.haltReason !== undefined) return this.#halt(this.#order.haltReason)
    this.#order.emitter.advance()
    this.#watch()
    this.#catchUp.advance()
    this.#fetcher.advance()
  }

  #halt(reason: string): void {
    this.#isHalted = true
    this.#context.persist()
    this.#context.push({ type: 'halt', reason })
  }

  /** A round takes this long when all is well, or its leader is silent; then an answer would have come. */
  get #stallMsMin(): number {
    return Math.max(this.#context.settings.idleDelayMsMax, this.#proposer.leaderTimeoutMs) + this.#roundTrip.retryMs
  }

  /** Nothing moves: say the last own block again, ask for what is missing, and ask somebody for what follows. */
  #watch(): void {
    const { nowMs } = this.#context
    if (this.#proposer.round > this.#movedRound) {
      this.#movedRound = this.#proposer.round
      this.#movedAtMs = nowMs
      this.#stallMs = this.#stallMsMin
      return
    }
    if (nowMs < this.#movedAtMs + this.#stallMs) return
    this.#movedAtMs = nowMs
    this.#stallMs = Math.min(RETRY_MS_MAX, 2 * this.#stallMs)
    this.#repeatLast()
    this.#blocks.refetch()
    this.#catchUp.ask()
    this.#context.count('stalled')
  }

  /** It may have missed the last own block and have what is missing here; after a long cut the next look would be seconds away. */
  #connected(peer: Authority): void {
    if (!this.#isStarted || this.#isOver) return
    this.#repeatLast(peer)
    this.#catchUp.reconnected(peer)
  }

  #repeatLast(to: Authority | 'others' = 'others'): void {
    const key = this.#proposer.lastKey
    const bytes = key === undefined ? undefined : this.#context.store.get('block', key)
    if (bytes !== undefined) this.#context.sendEncoded(to, frameOf('block', bytes))
  }

  #onAccepted(vertex: Vertex, content: BlockContent): void {
    const { round, author } = vertex
    this.#acceptedRounds[author] = Math.max(this.#acceptedRounds[author]!, round)
    if (this.#isStarted && this.#lacksCollected(vertex)) this.#order.keepState()
    this.#order.accepted(vertex, content)
    if (author !== this.#context.self) return
    this.#proposer.sawOwn(vertex)
    if (!this.#isStarted) this.#order.restoredOwn(vertex)
  }

  /** Whether it names what was collected before it ever came here. */
  #lacksCollected({ parents }: Vertex): boolean {
    const { gcRound } = this.#order.rule
    return parents.some(({ round, key }) => round > 0 && round <= gcRound && !this.#context.store.has('block', key))
  }

  #createOrder(options?: CoreOptions): BlockOrder {
    return new BlockOrder({
      context: this.#context,
      evidence: this.#evidence,
      parameters: options?.parameters,
      onGc: (gcRound) => this.#blocks.dropUpTo(gcRound),
      onOwnOrdered: (round) => this.#floor.observeOrdered(round),
    })
  }

  #createManager(): BlockManager {
    return new BlockManager({
      context: this.#context,
      rule: this.#order.rule,
      evidence: this.#evidence,
      fetcher: this.#fetcher,
      unexecutedBytesOf: (author) => this.#order.unexecutedBytesOf(author),
      onAccepted: (vertex, content) => this.#onAccepted(vertex, content),
    })
  }

  #createProposer(): BlockProposer {
    const { own, emitter, rule } = this.#order
    return new BlockProposer({
      context: this.#context,
      rule,
      floor: () => this.#floor.slot,
      isCatchingUp: () => this.#catchUp.isFarBehind,
      isBusy: () => this.#order.isLoaded || (own.isWaiting && emitter.isKeepingUp),
      takePayload: () => own.take(emitter.isKeepingUp),
      onProposed: (signed, bytes) => {
        const vertex = this.#blocks.accept(signed, bytes)
        if (vertex !== undefined) own.proposed(signed.block, vertex.digest)
        return vertex
      },
    })
  }
}
