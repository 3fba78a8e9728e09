/**
 * The certified core of one epoch (Narwhal under Bullshark): headers, votes and certificates, with batches beside them.
 *
 * A step takes one event, lets each part do what it now can, and arms one timer for the earliest thing that waits for time. Nothing here
 * throws on what a peer sent, waits, or reads a clock. Each rule stands in its part; here is only who hears of what.
 *
 * Source: docs/protocol/consensus-certified.md.
 */
import { toHex } from '../wire/bytes.ts'
import { bodyOf } from '../wire/frames.ts'
import { headerDigest } from '../wire/header.ts'
import { SYSTEM_TRANSACTION_BYTES_MAX } from '../wire/limits.ts'
import type { Certificate, Digest, SignedHeader } from '../wire/types.ts'
import { decodeCertificate } from '../wire/certificate.ts'
import { CertifiedFrames } from './certified-frames.ts'
import { readCertifiedHistory } from './certified-history.ts'
import { type CertifiedParts, createCertifiedParts } from './certified-parts.ts'
import { candidateOf, type VertexContent } from './certified-vertex.ts'
import { CoreContext } from './context.ts'
import type { ClosedBy, Core, CoreComponents, CoreEffect, CoreEvent, CoreGauges, CoreOptions, EpochSetup, Time } from './contract.ts'
import { takeSystemTransactions } from './proposer.ts'
import { VOTE_WINDOW } from './settings.ts'

/** System transactions of the application that wait for a header. */
const SYSTEM_QUEUE_MAX = 256

export function createCertifiedCore(components: CoreComponents, setup: EpochSetup, options?: CoreOptions): Core {
  return new CertifiedCore(components, setup, options)
}

class CertifiedCore implements Core {
  readonly mode = 'certified'
  readonly #context: CoreContext
  readonly #parts: CertifiedParts
  readonly #frames: CertifiedFrames
  readonly #system: Uint8Array[] = []
  /** The first round that this run proposed in. */
  #firstRound = Number.POSITIVE_INFINITY
  #isClosed = false
  #hasRecovered = false
  #hasHalted = false
  #armedAtMs = Number.POSITIVE_INFINITY

  constructor(components: CoreComponents, setup: EpochSetup, options?: CoreOptions) {
    this.#context = new CoreContext(components, setup, options)
    this.#parts = createCertifiedParts(this.#context, {
      maySign: (round) => {
        const { slot } = this.#parts.floor
        return slot === undefined ? undefined : round > slot
      },
      hasWork: () => this.#hasWork(),
      takeContent: () => this.#takeContent(),
      orphaned: (contents) => this.#proposeAgain(contents),
      proposed: (signed, digest) => this.#proposed(signed, digest),
    })
    this.#frames = new CertifiedFrames(this.#parts, (certificate) => this.#certified(certificate))
  }

  get isLive(): boolean {
    return this.#parts.ordering.hasOrderedOwn
  }

  get gauges(): CoreGauges {
    const { rule, intake, voter } = this.#parts
    const { gcRound, lastCommittedRound, dag, doneCount } = rule
    const waiting = voter.parkedCount + intake.parkedCount
    return { round: intake.quorumRound, gcRound, lastCommittedRound, waiting, vertices: dag.size, done: doneCount }
  }

  step(event: CoreEvent, time: Time, effects: CoreEffect[]): void {
    this.#context.enter(time, effects)
    if (this.#isClosed || this.#hasHalted) this.#stepClosed(event)
    else {
      this.#take(event)
      if (!this.#isClosed && this.#hasRecovered) this.#advance() // before the start nothing is known of what was signed
    }
    if (event.type === 'tick') this.#context.persist() // what peers may be told of should not wait for the next header
    this.#arm()
  }

  #take(event: CoreEvent): void {
    const { ownBatches, peerBatches, ordering } = this.#parts
    switch (event.type) {
      case 'start':
        return this.#recover()
      case 'frame':
        return this.#frames.receive(event.from, event.frame)
      case 'frames':
        for (const { from, frame } of event.frames) this.#frames.receive(from, frame)
        return
      case 'connected':
        ownBatches.repeatTo(event.peer)
        return this.#parts.floor.slot === undefined ? undefined : this.#parts.repeater.repeatTo(event.peer)
      case 'tick':
        this.#armedAtMs = Number.POSITIVE_INFINITY
        return
      case 'transactions':
        return ownBatches.submit(event.transactions)
      case 'systemTransaction':
        return this.#takeSystemTransaction(event.bytes)
      case 'verified':
        peerBatches.verified(event.id, event.isValid)
        return
      case 'executed':
        if (event.isFinal) this.#close(event.index, event.closedBy)
        return ordering.executed(event.index)
      default:
        return this.#takeCheckpoint(event)
    }
  }

  #takeSystemTransaction(bytes: Uint8Array): void {
    const mayStand = bytes.length > 0 && bytes.length <= SYSTEM_TRANSACTION_BYTES_MAX && this.#system.length < SYSTEM_QUEUE_MAX
    if (mayStand) this.#system.push(bytes.slice())
    else this.#context.count('systemTransactionRefused')
  }

  #takeCheckpoint(event: CoreEvent): void {
    const { checkpoints } = this.#parts
    if (event.type === 'checkpoint') checkpoints.sign(event.height, event.bytes)
    else if (event.type === 'checkpointSigned') checkpoints.signed(event.height, event.signature)
    else if (event.type === 'checkpointChecked') checkpoints.checked(event.height, event.bad, event.aggregate)
    else if (event.type === 'certificateChecked') checkpoints.certificateChecked(event.height, event.isValid)
  }

  /** After the end: others are served, and the last checkpoints are signed. */
  #stepClosed(event: CoreEvent): void {
    if (event.type === 'tick') this.#armedAtMs = Number.POSITIVE_INFINITY
    if (event.type === 'frame') this.#frames.receiveClosed(event.from, event.frame)
    else if (event.type === 'frames') for (const { from, frame } of event.frames) this.#frames.receiveClosed(from, frame)
    else if (event.type === 'transactions') this.#context.push({ type: 'retry', transactions: event.transactions, told: 0 })
    else if (event.type === 'executed') this.#parts.ordering.executed(event.index)
    else this.#takeCheckpoint(event)
    this.#parts.checkpoints.advance()
  }

  #advance(): void {
    const { floor, ownBatches, voter, proposer, ordering, intake, peerBatches, catchUp, checkpoints, repeater } = this.#parts
    const wasKnown = floor.slot !== undefined
    floor.advance()
    if (!wasKnown && floor.slot !== undefined) voter.floorFound()
    ownBatches.advance()
    voter.advance()
    do this.#settle()
    while (proposer.advance())
    ordering.advance()
    catchUp.advance()
    intake.advance()
    peerBatches.advance()
    checkpoints.advance()
    if (floor.slot !== undefined) repeater.advance()
    const reason = ordering.haltReason ?? this.#haltReasonOfRule
    if (reason === undefined || this.#hasHalted) return
    this.#hasHalted = true
    this.#context.persist()
    this.#context.push({ type: 'halt', reason })
  }

  get #haltReasonOfRule(): string | undefined {
    const { halted } = this.#parts.rule
    return halted === undefined ? undefined : `${halted.reason} in round ${halted.slot.round} of authority ${halted.slot.author}`
  }

  /** Passes on what has arrived until nothing moves any more. */
  #settle(): void {
    const { intake, peerBatches, voter, ordering, rule, slots } = this.#parts
    for (;;) {
      const vertices = intake.takeInserted()
      const batches = peerBatches.takeArrived()
      for (const vertex of vertices) ordering.inserted(vertex)
      for (const { key } of vertices) voter.arrived(key)
      for (const key of batches) voter.arrived(key)
      const hasCommitted = ordering.commit((round) => round >= this.#firstRound)
      if (hasCommitted) {
        slots.dropUpTo(rule.gcRound)
        peerBatches.dropUpTo(rule.gcRound)
        intake.collect()
        voter.collect()
      }
      if (vertices.length === 0 && batches.length === 0 && !hasCommitted) return
    }
  }

  #arm(): void {
    const { floor, ownBatches, voter, proposer, intake, peerBatches, catchUp, checkpoints, repeater } = this.#parts
    const isOver = this.#isClosed || this.#hasHalted
    const parts = isOver ? [checkpoints] : [floor, ownBatches, voter, proposer, intake, peerBatches, catchUp, checkpoints, repeater]
    const atMs = Math.max(this.#context.nowMs + 1, Math.min(...parts.map(({ nextAtMs }) => nextAtMs)))
    if (atMs === this.#armedAtMs || atMs === Number.POSITIVE_INFINITY) return
    this.#armedAtMs = atMs
    this.#context.push({ type: 'timer', atMs })
  }

  #hasWork(): boolean {
    const { ownBatches, ordering, intake } = this.#parts
    return this.#system.length > 0 || intake.hasContent || (ownBatches.hasPayload && ordering.isKeepingUp)
  }

  #takeContent(): VertexContent {
    const { ownBatches, ordering, evidence } = this.#parts
    this.#system.push(...evidence.takeSystemTransactions())
    return {
      payload: ordering.isKeepingUp ? ownBatches.takePayload() : [],
      systemTransactions: takeSystemTransactions(this.#system),
    }
  }

  #proposeAgain(contents: readonly VertexContent[]): void {
    this.#parts.ownBatches.putBack(contents.flatMap(({ payload }) => payload))
    this.#system.unshift(...contents.flatMap(({ systemTransactions }) => systemTransactions))
  }

  #proposed(signed: SignedHeader, digest: Digest): void {
    const { slots, ownHeaders, ownBatches, aggregator } = this.#parts
    const { header } = signed
    this.#firstRound = Math.min(this.#firstRound, header.round)
    slots.note(signed, toHex(digest))
    ownHeaders.add(header.round, header)
    ownBatches.sealWithHeader()
    const certificate = aggregator.open(signed, digest)
    if (certificate !== undefined) this.#certified(certificate)
  }

  #certified(certificate: Certificate): void {
    const { intake, repeater } = this.#parts
    repeater.certified(certificate)
    const frame = this.#context.encode({ type: 'certificate', certificate })
    this.#context.sendEncoded('others', frame)
    intake.admitOwn(candidateOf(certificate, bodyOf(frame), this.#context.setup.chainId))
  }

  #close(index: number, closedBy: ClosedBy | undefined): void {
    if (!this.#hasRecovered) this.#recover() // closed before a restart: what it still owes is found in the store
    this.#isClosed = true
    this.#context.persist() // all that is held, durably: what supports the last leader is in no sub-DAG, and is served from now on (2.12)
    this.#parts.ordering.close(index, closedBy)
  }

  /** Takes up the epoch where an earlier run left it (2.11): the DAG, own headers and batches; and says again what may not have left. */
  #recover(): void {
    this.#hasRecovered = true
    const { once, recorded, rule, intake, ownHeaders, ownBatches, index, aggregator, proposer, slots, floor, repeater } = this.#parts
    const { store, committee, setup, self } = this.#context
    const { orderedOwnRounds, orderedBatches, proposed } = readCertifiedHistory(this.#context, once, recorded)
    for (const { bytes } of store.entries('certificate', rule.gcRound)) {
      const certificate = decodeCertificate(bytes, committee.size)
      intake.restore(candidateOf(certificate, bytes, setup.chainId))
      if (certificate.header.author === self) repeater.certified(certificate)
    }
    const lastRound = proposed.at(-1)?.header.round ?? 0
    const inHeaders = new Set<string>()
    for (const signed of proposed) {
      const { round, payload } = signed.header
      if (!orderedOwnRounds.has(round)) {
        ownHeaders.add(round, signed.header)
        for (const { digest } of payload) inHeaders.add(toHex(digest))
      }
      if (round <= lastRound - VOTE_WINDOW) continue
      const digest = headerDigest(setup.chainId, signed.header)
      slots.note(signed, toHex(digest))
      aggregator.open(signed, digest)
      if (rule.dag.slot(round, self).length > 0) aggregator.certified(round)
    }
    proposer.resume(lastRound)
    ownBatches.recover(
      (key) => index.isExecuted(key),
      (key) => inHeaders.has(key),
    )
    for (const { key, index: orderedAt } of orderedBatches) ownBatches.commit(key, orderedAt)
    floor.start(this.#context.randomNumber())
    if (lastRound > 0) repeater.repeat()
  }
}
