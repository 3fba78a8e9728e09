/**
 * When this node makes its next block, and of what (§2.16).
 *
 * At round r + 1 once blocks of stake Q stand at r, the first leader's among them or its time is up, and not faster than the minimum
 * delay. Behind by up to four rounds, the missed ones are filled in sequence at once, so that a late leader does not skip its own slot;
 * behind by more, it jumps (2.5). Ancestors: the own previous block, then of every other author the latest accepted one that no own block
 * has named yet.
 *
 * Invariants: a round is proposed at most once, above every earlier own one and above the floor; the block is durable before it is sent.
 */
import type { CommitRule, Vertex } from '../dag/contract.ts'
import { blockDigest, blockSigningBytes, decodeSignedBlock } from '../wire/block.ts'
import { ByteReader, ByteWriter, toHex } from '../wire/bytes.ts'
import { bodyOf } from '../wire/frames.ts'
import { SIGNATURE_BYTES } from '../wire/limits.ts'
import type { Ancestor, Block, SignedBlock } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { Payload } from './own-transactions.ts'
import { FILL_ROUNDS_MAX } from './settings.ts'

const LAST_KEY = 'last'
/** The leader's block is waited for this long, within the bounds of the options. */
const LEADER_TIMEOUT_MS = 250
const UNSIGNED = new Uint8Array(SIGNATURE_BYTES)

export interface BlockProposerParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'uncertified'>
  /** Nothing may be signed at or below it; `undefined` while it is not known. */
  readonly floor: () => number | undefined
  /** A quorum is known to be far ahead: a block made now would be worth nothing. */
  readonly isCatchingUp: () => boolean
  /** Whether there is something to order, own or of others. */
  readonly isBusy: () => boolean
  readonly takePayload: () => Payload
  /** The block is made: it goes into the DAG. */
  readonly onProposed: (signed: SignedBlock, bytes: Uint8Array) => Vertex | undefined
}

export class BlockProposer {
  readonly #parts: BlockProposerParts
  readonly leaderTimeoutMs: number
  /** By author: the highest round that an own block named. */
  readonly #named: number[]
  /** Highest round with a quorum, and since when. */
  #round = 0
  #roundAtMs = Number.NEGATIVE_INFINITY
  #previous: Ancestor
  #lastRound = 0
  #lastAtMs = Number.NEGATIVE_INFINITY
  #nextAtMs = Number.POSITIVE_INFINITY

  constructor(parts: BlockProposerParts) {
    const { context } = parts
    const { leaderTimeoutMsMin, leaderTimeoutMsMax } = context.settings
    this.#parts = parts
    this.leaderTimeoutMs = Math.min(leaderTimeoutMsMax, Math.max(leaderTimeoutMsMin, LEADER_TIMEOUT_MS))
    this.#named = context.committee.members.map(() => 0)
    this.#previous = { round: 0, author: context.self, digest: context.genesis[context.self]!.digest }
    const bytes = context.store.get('proposed', LAST_KEY)
    if (bytes === undefined) return
    const reader = new ByteReader(bytes)
    this.#lastRound = reader.u64()
    this.#previous = { round: this.#lastRound, author: context.self, digest: reader.digest().slice() }
  }

  /** Highest round at which blocks of stake Q are accepted. */
  get round(): number {
    return this.#round
  }

  get roundAtMs(): number {
    return this.#roundAtMs
  }

  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** Of the last own block; its record is in the store. */
  get lastKey(): string | undefined {
    return this.#previous.round === 0 ? undefined : toHex(this.#previous.digest)
  }

  /** An own block that was accepted from elsewhere: by recovery, or by others' answers after the records were lost. */
  sawOwn({ round, author, digest }: Vertex): void {
    if (round > this.#previous.round) this.#previous = { round, author, digest }
    this.#lastRound = Math.max(this.#lastRound, round)
  }

  /** The DAG has grown: which round has a quorum now? */
  follow(): void {
    const { context, rule } = this.#parts
    const { quorum } = context.committee
    let highest = rule.dag.highestRound
    while (highest > this.#round && rule.dag.stakeAt(highest) < quorum) highest--
    if (highest <= this.#round && this.#roundAtMs !== Number.NEGATIVE_INFINITY) return
    this.#round = Math.max(this.#round, highest)
    this.#roundAtMs = context.nowMs
  }

  /** Proposes what may be proposed now. @returns whether anything was. */
  advance(): boolean {
    const { context, floor, isCatchingUp } = this.#parts
    this.#nextAtMs = Number.POSITIVE_INFINITY
    const floorRound = floor()
    const next = this.#round + 1
    if (floorRound === undefined || this.#lastRound >= next || isCatchingUp()) return false
    const hasFilled = this.#fill(next, floorRound)
    if (next <= floorRound) return hasFilled
    const dueAtMs = this.#dueAtMs()
    if (context.nowMs >= dueAtMs) {
      this.#propose(next)
      this.#nextAtMs = context.nowMs // what this leads to is found out at once, but not in this turn
      return true
    }
    this.#nextAtMs = dueAtMs
    return hasFilled
  }

  /** Rounds that were missed, in sequence, when they are few. */
  #fill(next: number, floorRound: number): boolean {
    if (next - 1 - this.#lastRound > FILL_ROUNDS_MAX) return false
    let hasFilled = false
    for (let round = Math.max(this.#lastRound, floorRound) + 1; round < next; round++) {
      this.#propose(round)
      hasFilled = true
    }
    return hasFilled
  }

  /** When the round after `#round` may be proposed as things stand. */
  #dueAtMs(): number {
    const { context, rule, isBusy } = this.#parts
    const { idleDelayMsMax, roundDelayMsMin } = context.settings
    const delayMs = isBusy() ? roundDelayMsMin : Math.max(roundDelayMsMin, idleDelayMsMax)
    const leader = this.#round === 0 ? undefined : rule.leaderOf(this.#round)
    const isLeaderHere = leader === undefined || rule.dag.slot(this.#round, leader).length > 0
    return Math.max(this.#lastAtMs + delayMs, isLeaderHere ? Number.NEGATIVE_INFINITY : this.#roundAtMs + this.leaderTimeoutMs)
  }

  #propose(round: number): void {
    const { context, takePayload, onProposed } = this.#parts
    const ancestors = this.#ancestorsOf(round)
    const { setup, self, crypto } = context
    const { transactions, systemTransactions, untoldCount } = takePayload()
    const createdAtMs = Math.max(context.unixMs, ...ancestors.map((ancestor) => this.#createdAtMsOf(ancestor)))
    const block: Block = { epoch: setup.epoch, round, author: self, createdAtMs, ancestors, transactions, systemTransactions }
    // Encoded once, then read back as views: hashed without a copy, and the pool's own buffers are free.
    const frame = context.encode({ type: 'block', block: { block, signature: UNSIGNED } })
    const bytes = bodyOf(frame)
    const signed = decodeSignedBlock(bytes)
    const digest = blockDigest(setup.chainId, signed.block)
    bytes.set(crypto.sign(blockSigningBytes(digest)), bytes.length - SIGNATURE_BYTES)
    this.#lastRound = round
    this.#lastAtMs = context.nowMs
    this.#previous = { round, author: self, digest }
    for (const { author, round: named } of ancestors) this.#named[author] = named
    if (onProposed(signed, bytes) === undefined) throw new Error(`own block of round ${round} does not fit the own DAG`)
    context.persist({ kind: 'proposed', key: LAST_KEY, bytes: new ByteWriter(40).u64(round).digest(digest).finish() })
    if (context.others.length > 0) context.push({ type: 'send', to: 'others', frame })
    if (untoldCount > 0) context.push({ type: 'accepted', count: untoldCount })
    context.count('proposed')
  }

  #ancestorsOf(round: number): Ancestor[] {
    const { context } = this.#parts
    const ancestors = [this.#previous]
    for (const author of context.others) {
      const latest = round === 1 ? { round: 0, digest: context.genesis[author]!.digest } : this.#latestOf(author, round - 1)
      if (latest !== undefined) ancestors.push({ round: latest.round, author, digest: latest.digest })
    }
    return ancestors
  }

  /** The latest accepted block of an author up to `round` that no own block has named; of an equivocator's copies the first. */
  #latestOf(author: number, round: number): Vertex | undefined {
    const { dag, gcRound } = this.#parts.rule
    for (let at = round; at > Math.max(this.#named[author]!, gcRound); at--) {
      const vertex = dag.slot(at, author)[0]
      if (vertex !== undefined) return vertex
    }
    return undefined
  }

  #createdAtMsOf({ digest, round }: Ancestor): number {
    const { context, rule } = this.#parts
    return round === 0 ? context.setup.previous.timestampMs : (rule.dag.get(toHex(digest))?.createdAtMs ?? 0)
  }
}
