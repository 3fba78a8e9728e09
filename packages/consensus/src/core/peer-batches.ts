/**
 * Batches of others: checked, stored, and only then acknowledged, because an acknowledgement says "I hold it and can serve it" (2.3).
 *
 * Cheap checks come first: whose it is, his rate and his quota (2.14), before a hash is taken. Signatures of transactions are checked in
 * worker threads; what is being checked counts towards the quota. A batch that a certificate names was checked by honest voters: it is
 * taken without that and above the quota, since order needs it.
 */
import { ConsensusError } from '../errors.ts'
import { batchDigest, type BatchInfo, decodeBatch, decodeBatchInfo } from '../wire/batch.ts'
import { toHex } from '../wire/bytes.ts'
import { BATCH_REQUEST_COUNT_MAX } from '../wire/limits.ts'
import type { Authority, Digest, PayloadEntry } from '../wire/types.ts'
import type { BatchIndex } from './batch-index.ts'
import { CheckTimes } from './check-times.ts'
import type { CoreContext } from './context.ts'
import { Fetcher, type RoundTrip } from './fetching.ts'
import { BATCH_OVERHEAD_BYTES, BATCHES_AT_ONCE, BATCHES_PER_SECOND, UNEXECUTED_BYTES_MAX } from './settings.ts'
import { TokenBucket } from './token-bucket.ts'

const MIB = 2 ** 20
const VERIFY_PREFIX = 'batch:'
/**
 * Batches of one author that are asked for on behalf of votes. An honest one has at most 40 under way and has sent them; without this,
 * headers full of invented digests would spend this node's tokens at all others.
 */
const VOTE_WANTS_MAX = 64

interface Checking {
  readonly digest: Digest
  readonly info: BatchInfo
  readonly bytes: Uint8Array
  /** Who is told that it is here. */
  readonly acknowledgedTo: Authority | undefined
  readonly sinceMs: number
}

export class PeerBatches {
  readonly #context: CoreContext
  readonly #index: BatchIndex
  readonly #fetcher: Fetcher
  /** Wanted for order, not only for a vote. */
  readonly #certified = new Set<string>()
  readonly #checking = new Map<string, Checking>()
  readonly #checkingBytes = new Map<Authority, number>()
  readonly #rates = new Map<Authority, TokenBucket>()
  readonly #arrived: string[] = []
  /** From a batch to the verdict on its transactions. */
  readonly checks: CheckTimes

  constructor(context: CoreContext, index: BatchIndex, roundTrip: RoundTrip) {
    this.#context = context
    this.#index = index
    this.checks = new CheckTimes(context)
    this.#fetcher = new Fetcher(context, roundTrip, {
      requestOf: (worker, digests) => ({ type: 'batchRequest', epoch: context.setup.epoch, worker, digests }),
      requestCountMax: BATCH_REQUEST_COUNT_MAX,
      authorBytesMax: 8 * MIB,
    })
  }

  get nextAtMs(): number {
    return this.#fetcher.nextAtMs
  }

  /** Keys of batches that came since the last call. */
  takeArrived(): string[] {
    return this.#arrived.splice(0)
  }

  /** A batch that its author sends. */
  receive(from: Authority, bytes: Uint8Array): void {
    const info = decodeBatchInfo(bytes)
    const { setup, settings } = this.#context
    if (info.author !== from || info.epoch !== setup.epoch || info.worker >= settings.workers) return this.#context.count('batchBad')
    if (!this.#rateOf(from).take(this.#context.nowMs)) return this.#context.count('batchOverRate')
    const isOver = this.#usedBy(from) + bytes.length + BATCH_OVERHEAD_BYTES > UNEXECUTED_BYTES_MAX
    const digest = batchDigest(setup.chainId, bytes)
    const key = toHex(digest)
    if (this.#index.has(key)) this.#acknowledge(from, info.worker, digest)
    else if (this.#checking.has(key)) this.#context.count('batchRepeated')
    else if (isOver && !this.#certified.has(key)) this.#context.count('batchOverQuota')
    else this.#check(key, { digest, info, bytes, acknowledgedTo: from, sinceMs: this.#context.nowMs })
  }

  /** An answer to a request: looked at only while one is out, and kept only where it was asked for. */
  receiveAnswer(from: Authority, batches: readonly Uint8Array[]): void {
    if (!this.#fetcher.expects(from)) return this.#context.count('batchesNotAskedFor')
    for (const bytes of batches) {
      const digest = batchDigest(this.#context.setup.chainId, bytes)
      const key = toHex(digest)
      const info = this.#fetcher.has(key) ? infoOf(bytes) : undefined
      if (info === undefined || info.epoch !== this.#context.setup.epoch || info.author >= this.#context.committee.size) {
        this.#context.count('batchesNotAskedFor')
        continue
      }
      if (!this.#checking.has(key)) this.#check(key, { digest, info, bytes, acknowledgedTo: undefined, sinceMs: this.#context.nowMs })
    }
  }

  /** The worker threads have looked at its transactions. @returns whether `id` was one of these. */
  verified(id: string, isValid: boolean): boolean {
    if (!id.startsWith(VERIFY_PREFIX)) return false
    const key = id.slice(VERIFY_PREFIX.length)
    const checking = this.#checking.get(key)
    if (checking === undefined) return true
    if (isValid) this.checks.add(checking.info.author, this.#context.nowMs - checking.sinceMs)
    this.#settle(key, checking, isValid)
    return true
  }

  /**
   * Asks for a batch that a header names.
   * @param isCertified - for order. Otherwise, for a vote, its author's quota holds.
   */
  want(
    key: string,
    { digest, worker, bytes }: PayloadEntry,
    place: { readonly author: Authority; readonly round: number },
    isCertified: boolean,
  ): void {
    if (isCertified) {
      this.#certified.add(key)
      const checking = this.#checking.get(key)
      if (checking !== undefined) this.#settle(key, checking, true)
      if (this.#index.has(key)) return
    }
    if (this.#checking.has(key) || this.#fetcher.has(key)) return
    if (!isCertified && this.#usedBy(place.author) + bytes > UNEXECUTED_BYTES_MAX) return this.#context.count('batchOverQuota')
    if (!isCertified && this.#fetcher.countOf(place.author) >= VOTE_WANTS_MAX) return this.#context.count('batchWantsFull')
    this.#fetcher.want({ key, digest, group: worker, bytes, author: place.author, round: place.round, first: place.author })
  }

  /** Batches wanted for votes are given up with their round; what order needs is not. */
  dropUpTo(round: number): void {
    this.#fetcher.dropUpTo(round, (key) => !this.#certified.has(key))
  }

  advance(): void {
    this.#fetcher.advance()
  }

  #check(key: string, checking: Checking): void {
    if (this.#certified.has(key) || !this.#context.settings.verifiesTransactions) return this.#store(key, checking)
    this.#checking.set(key, checking)
    this.#charge(checking.info.author, checking.bytes.length)
    this.#context.push({ type: 'verify', id: VERIFY_PREFIX + key, transactions: decodeBatch(checking.bytes).transactions })
  }

  #settle(key: string, checking: Checking, isValid: boolean): void {
    this.#checking.delete(key)
    this.#charge(checking.info.author, -checking.bytes.length)
    if (isValid || this.#certified.has(key)) this.#store(key, checking)
    else this.#context.count('batchBadTransaction')
  }

  #store(key: string, { digest, info, bytes, acknowledgedTo }: Checking): void {
    this.#index.add(key, { author: info.author, worker: info.worker, bytes: bytes.length })
    this.#fetcher.arrived(key)
    this.#certified.delete(key)
    this.#arrived.push(key)
    this.#context.persist({ kind: 'batch', key, author: info.author, bytes })
    if (acknowledgedTo !== undefined) this.#acknowledge(acknowledgedTo, info.worker, digest)
  }

  #acknowledge(to: Authority, worker: number, digest: Digest): void {
    this.#context.send(to, { type: 'batchAck', epoch: this.#context.setup.epoch, worker, digest })
  }

  #usedBy(author: Authority): number {
    return this.#index.unexecutedBytesOf(author) + (this.#checkingBytes.get(author) ?? 0)
  }

  #charge(author: Authority, bytes: number): void {
    this.#checkingBytes.set(author, (this.#checkingBytes.get(author) ?? 0) + bytes)
  }

  #rateOf(author: Authority): TokenBucket {
    let rate = this.#rates.get(author)
    if (rate === undefined) this.#rates.set(author, (rate = new TokenBucket(BATCHES_PER_SECOND, BATCHES_AT_ONCE)))
    return rate
  }
}

function infoOf(bytes: Uint8Array): BatchInfo | undefined {
  try {
    return decodeBatchInfo(bytes)
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}
