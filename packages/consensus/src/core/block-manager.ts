/**
 * From bytes to the DAG: what a block passes before it counts, and where it waits meanwhile (§2.16).
 *
 * A block is checked by itself, then by its signature, waits for its time (a clock that runs ahead), for its transactions' signatures
 * and for its ancestors, and is accepted when all ancestors above gcRound are. Two blocks of one slot are both kept: evidence is made of
 * them, and the order knows how to treat them.
 *
 * Whether a block counts depends on nothing that two members could see differently for ever. The clock decides only when it is looked
 * at, whichever way it came (committee-clock.ts). A timestamp below an ancestor's is refused while that ancestor is above gcRound; the
 * block may be fetched again later.
 *
 * Invariants: a block is in one place only (held, verifying, parked, the DAG). What is noted for the store is in causal order.
 */
import type { CommitRule, Vertex } from '../dag/contract.ts'
import { blockRestHash, blockSigningBytes, decodeSignedBlock } from '../wire/block.ts'
import { compareBytes, toHex } from '../wire/bytes.ts'
import { checkBlock, type SlotRules } from '../wire/check.ts'
import { slotDigest } from '../wire/digest.ts'
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import type { Statement } from '../wire/statement.ts'
import type { Ancestor, Authority, Digest, SignedBlock } from '../wire/types.ts'
import { type BlockContent, contentOf, vertexOfBlock } from './block-vertex.ts'
import { CommitteeClock } from './committee-clock.ts'
import type { CoreContext } from './context.ts'
import type { EvidencePool } from './evidence-pool.ts'
import type { Fetcher } from './fetching.ts'
import { Parking } from './parking.ts'
import { BEHIND_ROUNDS_MAX, CLOCK_DRIFT_MS, UNEXECUTED_BYTES_MAX } from './settings.ts'

/**
 * Unasked blocks of one slot that are taken: the first, and a second that proves its author guilty. Refusing the rest is safe, since what
 * is in no DAG takes part in no decision; and it stops nobody, since an honest member builds on the first that it took, and what anybody
 * accepted builds on is asked for by name and has its place then, however many are here. So unasked copies cost two places a slot, and a
 * further one costs its author a block of another slot that names it.
 */
const COPIES_MAX = 2
/** Blocks of one author that wait for their time. */
const HELD_MAX = 16
const NO_BYTES = new Uint8Array()
/** Blocks of one author whose transactions are being checked, of those that nobody asked for. */
const VERIFYING_MAX = 64
/** Bytes of one author's blocks that wait for ancestors. */
const PARKED_BYTES_MAX = 16 * 2 ** 20

/** A block on its way to the DAG. `bytes` is its encoding and is kept. */
interface Incoming {
  readonly signed: SignedBlock
  readonly bytes: Uint8Array
  readonly key: string
  readonly digest: Digest
  readonly restHash: Digest
  readonly from: Authority
}

/** Of a block that was seen with a good signature: enough for evidence against a second one. */
interface SeenBlock {
  readonly key: string
  readonly restHash: Digest
  readonly signature: Uint8Array
}

export interface BlockManagerParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'uncertified'>
  readonly evidence: EvidencePool
  readonly fetcher: Fetcher
  /** Bytes of an author's blocks that are accepted and not yet executed. */
  readonly unexecutedBytesOf: (author: Authority) => number
  /** A block is accepted, in causal order; it is noted for the store behind whatever this notes. */
  readonly onAccepted: (vertex: Vertex, content: BlockContent) => void
}

export class BlockManager {
  readonly #parts: BlockManagerParts
  readonly #rules: SlotRules
  readonly #parking: Parking<Incoming>
  readonly #clock: CommitteeClock
  readonly #verifying = new Map<string, Incoming>()
  #held: Incoming[] = []
  /** Ancestors above gcRound that are named and not accepted, by key. */
  readonly #missing = new Map<string, Ancestor>()
  /** By round, then author. */
  readonly #seen = new Map<number, Map<Authority, SeenBlock[]>>()
  /** By author: the highest round of a block that it signed. */
  readonly seenRounds: number[]
  /** Keys that have arrived and whose waiters are still to be looked at: a list, since chains of them are long. */
  #arrived: string[] = []

  constructor(parts: BlockManagerParts) {
    const { context } = parts
    this.#parts = parts
    const genesis = context.genesis.map(({ digest }) => digest)
    this.#rules = { epoch: context.setup.epoch, roundMax: Number.POSITIVE_INFINITY, genesis }
    this.#parking = new Parking(4 * context.settings.gcDepth)
    this.#clock = new CommitteeClock(context)
    this.seenRounds = context.committee.members.map(() => 0)
  }

  /** Blocks that wait for something: bounded, whatever peers send. */
  get waitingCount(): number {
    return this.#parking.size + this.#verifying.size + this.#held.length
  }

  /** Blocks are on their way through the verifier. */
  get isDigesting(): boolean {
    return this.#verifying.size > 0
  }

  /** When a held block's time comes, by the monotonic clock. */
  get nextAtMs(): number {
    const { nowMs, unixMs } = this.#parts.context
    const createdAtMs = this.#held.reduce((least, { signed }) => Math.min(least, signed.block.createdAtMs), Number.POSITIVE_INFINITY)
    return nowMs + Math.max(0, createdAtMs - unixMs)
  }

  /** By its author, unasked; `round` is the one this node is at. What is further ahead only tells that this node is behind. */
  receive(signed: SignedBlock, bytes: Uint8Array, round: number): void {
    const { context, unexecutedBytesOf } = this.#parts
    const { block } = signed
    const incoming = this.#check(signed, bytes, block.author)
    if (incoming === undefined) return
    this.seenRounds[block.author] = Math.max(this.seenRounds[block.author]!, block.round)
    if (block.round > round + BEHIND_ROUNDS_MAX + context.settings.gcDepth) return context.count('blockAhead')
    if (unexecutedBytesOf(block.author) > UNEXECUTED_BYTES_MAX) return context.count('blockOverQuota')
    if (!this.#hasRoom(incoming)) return context.count('blockCopyRefused')
    this.#see(incoming)
    if (this.#clock.isDue(block.createdAtMs)) this.#examine(incoming)
    else this.#hold(incoming)
  }

  /**
   * In answer to a request of this node. `bytes` are kept.
   * @returns whether it is new and good so far.
   * @throws {ConsensusError} for bytes that are no block.
   */
  receiveAsked(bytes: Uint8Array, from: Authority): boolean {
    const { fetcher } = this.#parts
    const incoming = this.#check(decodeSignedBlock(bytes), bytes, from)
    if (incoming === undefined || !(fetcher.has(incoming.key) || this.#hasRoom(incoming))) return false
    this.#see(incoming)
    const isDue = this.#clock.isDue(incoming.signed.block.createdAtMs)
    if (!isDue && !this.#hold(incoming)) return false
    fetcher.arrived(incoming.key)
    if (isDue) this.#examine(incoming)
    return true
  }

  /** A block that somebody shows, without taking it. @returns its key when it is good by itself. */
  notice(signed: SignedBlock): string | undefined {
    const { context } = this.#parts
    const { block } = signed
    if (checkBlock(block, context.committee, this.#rules) !== undefined) return undefined
    const shown = this.#named(signed, NO_BYTES, block.author)
    if (!this.#isSigned(shown)) return undefined
    this.seenRounds[block.author] = Math.max(this.seenRounds[block.author]!, block.round)
    return shown.key
  }

  /** What is held of `author`'s latest slot: what it signed, without what it was about. */
  statementsOf(author: Authority): Statement[] {
    const round = [...this.#seen].reduce((latest, [at, slots]) => (slots.has(author) ? Math.max(latest, at) : latest), 0)
    const slot = this.#seen.get(round)?.get(author) ?? []
    return slot.map(({ restHash, signature }) => ({ kind: 'block', round, author, hash: restHash, signature }))
  }

  /** Blocks whose time has come. */
  advance(): void {
    const ready = this.#held.filter(({ signed }) => this.#clock.isDue(signed.block.createdAtMs))
    if (ready.length === 0) return
    this.#held = this.#held.filter((incoming) => !ready.includes(incoming))
    for (const incoming of ready) this.#examine(incoming)
  }

  /** Asks again for what was given up, evicted or refused and is still waited for. Called when nothing moves. */
  refetch(): void {
    for (const key of this.#missing.keys()) if (this.#parking.isAwaited(key)) this.#want(key, this.#parts.context.self)
  }

  /** The verdict on a block's transactions. */
  verified(key: string, isValid: boolean): void {
    const incoming = this.#verifying.get(key)
    if (incoming === undefined) return
    this.#verifying.delete(key)
    if (isValid) this.#settleAll(incoming)
    else this.#parts.context.count('blockWithBadTransaction')
  }

  /** This node's own, as it is made: it counts at once. */
  accept(signed: SignedBlock, bytes: Uint8Array): Vertex | undefined {
    const incoming = this.#named(signed, bytes, this.#parts.context.self)
    this.#see(incoming)
    const vertex = this.#insert(incoming)
    this.#drain()
    return vertex
  }

  /** From the store, in (round, author) order: it was accepted before a restart. */
  restore(bytes: Uint8Array): void {
    const incoming = this.#named(decodeSignedBlock(bytes), bytes, this.#parts.context.self)
    this.#slotOf(incoming).push(seenOf(incoming))
    const vertex = vertexOfBlock(incoming.signed.block, incoming.digest, incoming.key)
    if (this.#parts.rule.insert(vertex) === 'added') this.#parts.onAccepted(vertex, contentOf(incoming.signed.block, incoming.bytes.length))
  }

  /** gcRound has moved: what waits for older ancestors waits no longer, and what is older itself is forgotten. */
  dropUpTo(gcRound: number): void {
    this.#parking.takeUpTo(gcRound)
    for (const round of this.#seen.keys()) if (round <= gcRound) this.#seen.delete(round)
    for (const [key, { signed }] of this.#verifying) if (signed.block.round <= gcRound) this.#verifying.delete(key)
    this.#held = this.#held.filter(({ signed }) => signed.block.round > gcRound)
    this.#parts.fetcher.dropUpTo(gcRound)
    const gone = [...this.#missing].filter(([, { round }]) => round <= gcRound)
    for (const [key] of gone) this.#missing.delete(key)
    this.#arrived.push(...gone.map(([key]) => key))
    this.#drain()
  }

  /** The cheap checks first, then the signature; `undefined` when the block is bad, old, or here already. */
  #check(signed: SignedBlock, bytes: Uint8Array, from: Authority): Incoming | undefined {
    const { context, rule, fetcher } = this.#parts
    const { block } = signed
    const fault = checkBlock(block, context.committee, this.#rules)
    if (fault !== undefined) {
      context.count(`blockFault:${fault}`)
      return undefined
    }
    const incoming = this.#named(signed, bytes, from)
    const { key } = incoming
    if (block.round <= rule.gcRound || rule.dag.get(key) !== undefined) {
      fetcher.arrived(key)
      return undefined
    }
    if (this.#parking.has(key) || this.#verifying.has(key)) return undefined
    if (!this.#isSigned(incoming)) {
      context.count('blockUnsigned')
      return undefined
    }
    this.#clock.note(block.author, block.createdAtMs)
    return incoming
  }

  #isSigned({ signed: { block, signature }, digest }: Incoming): boolean {
    const { crypto, committee } = this.#parts.context
    return crypto.isSigned(signature, blockSigningBytes(digest), committee.members[block.author]!.key)
  }

  #named(signed: SignedBlock, bytes: Uint8Array, from: Authority): Incoming {
    const restHash = blockRestHash(signed.block)
    const digest = slotDigest(LEDGER_TAGS.block, this.#parts.context.setup.chainId, signed.block, restHash)
    return { signed, bytes, digest, restHash, key: toHex(digest), from }
  }

  /** Unasked blocks find a bounded number of places: in their slot, and among those whose transactions are checked. */
  #hasRoom({ signed: { block }, key }: Incoming): boolean {
    const slot = this.#seen.get(block.round)?.get(block.author) ?? []
    if (slot.length >= COPIES_MAX && !slot.some((seen) => seen.key === key)) return false
    let verifying = 0
    for (const { signed } of this.#verifying.values()) if (signed.block.author === block.author) verifying++
    return verifying < VERIFYING_MAX
  }

  /** Notes the slot of a well signed block; a second one there is evidence. */
  #see(incoming: Incoming): void {
    const { block } = incoming.signed
    const { evidence } = this.#parts
    const slot = this.#slotOf(incoming)
    if (slot.some(({ key }) => key === incoming.key)) return
    slot.push(seenOf(incoming))
    if (slot.length < 2 || evidence.isProven(block.author)) return
    const [a, b] = slot.map(({ restHash, signature }) => ({ hash: restHash, signature })).toSorted((x, y) => compareBytes(x.hash, y.hash))
    evidence.add({ kind: 'block', epoch: block.epoch, round: block.round, author: block.author, signer: block.author, pair: [a!, b!] })
  }

  #slotOf({ signed: { block } }: Incoming): SeenBlock[] {
    let round = this.#seen.get(block.round)
    if (round === undefined) this.#seen.set(block.round, (round = new Map()))
    let slot = round.get(block.author)
    if (slot === undefined) round.set(block.author, (slot = []))
    return slot
  }

  /** @returns whether it is here until its time comes; what is too far ahead, or one too many, is dropped. */
  #hold(incoming: Incoming): boolean {
    const { context } = this.#parts
    const { block } = incoming.signed
    if (this.#isHeld(incoming.key)) return true
    const isFull = this.#held.filter(({ signed }) => signed.block.author === block.author).length >= HELD_MAX
    const mayWait = !isFull && block.createdAtMs <= context.unixMs + CLOCK_DRIFT_MS
    if (mayWait) this.#held.push(incoming)
    else context.count('blockFromTheFuture')
    return mayWait
  }

  #isHeld(key: string): boolean {
    return this.#held.some((held) => held.key === key)
  }

  /** Asks for what is missing and for the verdict on the transactions, both at once. */
  #examine(incoming: Incoming): void {
    const { context } = this.#parts
    const { signed, key } = incoming
    if (this.#isHeld(key)) return // its time has come just now: `advance` takes it
    if (!context.settings.verifiesTransactions || signed.block.transactions.length === 0) return this.#settleAll(incoming)
    this.#verifying.set(key, incoming)
    context.push({ type: 'verify', id: key, transactions: signed.block.transactions })
    this.#fetch(this.#missingOf(incoming), incoming)
  }

  #settleAll(incoming: Incoming): void {
    this.#settle(incoming)
    this.#drain()
  }

  /** Looks at whatever waited for what has arrived, until nothing more arrives by it. */
  #drain(): void {
    for (let key = this.#arrived.pop(); key !== undefined; key = this.#arrived.pop()) {
      for (const { item } of this.#parking.arrived(key)) this.#settle(item)
    }
  }

  /** Accepts, or parks until the ancestors are here. */
  #settle(incoming: Incoming): void {
    const missing = this.#missingOf(incoming)
    if (missing.length === 0) {
      this.#insert(incoming)
      return
    }
    if (!this.#park(incoming, missing)) return
    this.#fetch(missing, incoming)
  }

  #missingOf({ signed }: Incoming): { key: string; ancestor: Ancestor }[] {
    const { rule } = this.#parts
    const missing: { key: string; ancestor: Ancestor }[] = []
    for (const ancestor of signed.block.ancestors) {
      if (ancestor.round <= rule.gcRound) continue
      const key = toHex(ancestor.digest)
      if (rule.dag.get(key) === undefined) missing.push({ key, ancestor })
    }
    return missing
  }

  #fetch(missing: readonly { readonly key: string; readonly ancestor: Ancestor }[], { from }: Incoming): void {
    for (const { key, ancestor } of missing) {
      this.#missing.set(key, { ...ancestor, digest: ancestor.digest.slice() })
      this.#want(key, from)
    }
  }

  #want(key: string, first: Authority): void {
    const ancestor = this.#missing.get(key)
    if (ancestor === undefined || this.#parking.has(key) || this.#verifying.has(key) || this.#isHeld(key)) return
    const { round, author, digest } = ancestor
    this.#parts.fetcher.want({ key, digest, round, author, first, bytes: 0, group: 0 })
  }

  /** A full author's highest gives way to a lower one, since the lower is what the others wait for. */
  #park(incoming: Incoming, missing: readonly { readonly key: string }[]): boolean {
    const { signed, key, bytes } = incoming
    const { author, round } = signed.block
    const parked = this.#parking.all().filter(({ group }) => group === author)
    let size = parked.reduce((sum, { item }) => sum + item.bytes.length, bytes.length)
    const byRound = parked.toSorted((a, b) => a.round - b.round)
    while (this.#parking.isFull(author) || size > PARKED_BYTES_MAX) {
      const highest = byRound.pop()
      if (highest === undefined || highest.round <= round) {
        this.#parts.context.count('blockNotParked')
        return false
      }
      this.#parking.drop(highest.id)
      size -= highest.item.bytes.length
    }
    return this.#parking.park(
      { id: key, group: author, round, item: incoming },
      missing.map((each) => each.key),
    )
  }

  /** @returns the vertex when the block is in the DAG now. */
  #insert(incoming: Incoming): Vertex | undefined {
    const { context, rule, onAccepted } = this.#parts
    const { key, bytes } = incoming
    const vertex = vertexOfBlock(incoming.signed.block, incoming.digest, incoming.key)
    const since = context.setup.previous.timestampMs // nothing is older than the epoch; a collected ancestor counts for no more
    if (vertex.parents.some((parent) => (rule.dag.get(parent.key)?.createdAtMs ?? since) > vertex.createdAtMs)) {
      context.count('blockBeforeAncestor')
      return undefined
    }
    if (rule.insert(vertex) !== 'added') return undefined
    onAccepted(vertex, contentOf(incoming.signed.block, incoming.bytes.length))
    context.note({ kind: 'block', key, round: vertex.round, author: vertex.author, bytes })
    this.#missing.delete(key)
    this.#arrived.push(key)
    return vertex
  }
}

function seenOf({ signed, key, restHash }: Incoming): SeenBlock {
  return { key, restHash, signature: signed.signature.slice() }
}
