/**
 * Signatures checked in worker threads, many in one message, so that the thread that asks goes on meanwhile. Node only.
 *
 * Every answer is that of `isEd25519Signature` or `recoverAddress` for one signature, by an engine that has passed the self-test in its
 * thread. There is no equation over many signatures: it would not agree with libsodium's rule, which decides state
 * (docs/decisions/0029-a-batch-is-no-equation.md).
 */
import { CryptoError } from './errors.ts'
import { accountAt, ANSWER_BYTES, checkOfEd25519, checkOfRecovery, type Ed25519Item, isGoodAt, type RecoveryItem } from './verify-batch.ts'
import { VerifyPoolError } from './verify-pool-errors.ts'
import { VerifyQueue } from './verify-queue.node.ts'

export type { Ed25519Item, RecoveryItem } from './verify-batch.ts'
export { VerifyPoolError, type VerifyPoolErrorCode } from './verify-pool-errors.ts'

export interface VerifyPoolOptions {
  /** Threads, 1 to 64. Each starts when it is needed. @default 2 */
  readonly threads?: number | undefined
  /** Signatures that wait or are being checked, 1 to 2^20. @default 65_536 */
  readonly queueItemsMax?: number | undefined
  /** Octets of all of their parts, 1 to 2^30. @default 64 MiB */
  readonly queueBytesMax?: number | undefined
  /** Milliseconds after which a thread that owes an answer is ended, 1 to 2^31 - 1. @default 60_000 */
  readonly silenceMsMax?: number | undefined
}

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Items are borrowed until the promise settles; nothing is transferred away from the caller.
 *
 * Each method rejects with a `VerifyPoolError`: `VERIFY_POOL_FULL` and `VERIFY_POOL_TOO_LARGE` at once, before anything is copied;
 * `VERIFY_POOL_THREAD_LOST` where nothing is known of some of the items, though they may be asked again; `VERIFY_POOL_CLOSED`. And with the reason of
 * `signal` as soon as it aborts: what is at a thread then is checked for nobody, the rest never.
 */
export interface VerifyPool {
  /**
   * Resolves if every item is a good signature, as `verifyEd25519` would have it.
   * @throws {CryptoError} `CRYPTO_BAD_SIGNATURE` for the first that is not, by its place (`details.index`).
   */
  verifyEd25519(items: readonly Ed25519Item[], options?: VerifyOptions): Promise<void>
  /** What `isEd25519Signature` answers to each item, in their order. */
  judgeEd25519(items: readonly Ed25519Item[], options?: VerifyOptions): Promise<boolean[]>
  /** What `recoverAddress` answers to each item, in their order: the account, 20 bytes, or `undefined` for what is no signature. */
  recoverAddresses(items: readonly RecoveryItem[], options?: VerifyOptions): Promise<(Uint8Array | undefined)[]>
  /** Ends the threads and resolves when they have. What waits is rejected. May be called twice and at any moment. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a pool. Its threads start with the first items, one more where all are busy, and keep no process alive that waits for none of their answers.
 * @throws {VerifyPoolError} `VERIFY_POOL_BAD_ARGUMENT` for an option out of its range.
 * @example
 * const pool = createVerifyPool({ threads: 2 })
 * await pool.verifyEd25519([{ signature, message, publicKey }], { signal })
 * await pool.close()
 */
export function createVerifyPool(options: VerifyPoolOptions = {}): VerifyPool {
  const { threads = 2, queueItemsMax = 65_536, queueBytesMax = 64 * 2 ** 20, silenceMsMax = 60_000 } = options
  assertRange('threads', threads, 64)
  assertRange('queueItemsMax', queueItemsMax, 2 ** 20)
  assertRange('queueBytesMax', queueBytesMax, 2 ** 30)
  assertRange('silenceMsMax', silenceMsMax, 2 ** 31 - 1) // a longer timer would run out at once
  const queue = new VerifyQueue({ threads, queueItemsMax, queueBytesMax, silenceMsMax })

  async function judgeEd25519(items: readonly Ed25519Item[], { signal }: VerifyOptions = {}): Promise<boolean[]> {
    return inOrder(await queue.ask(items, checkOfEd25519, signal), isGoodAt)
  }
  return {
    judgeEd25519,
    async verifyEd25519(items, options) {
      const index = (await judgeEd25519(items, options)).indexOf(false)
      if (index !== -1) throw new CryptoError('CRYPTO_BAD_SIGNATURE', `item ${index} is no valid Ed25519 signature by its key`, { index })
    },
    async recoverAddresses(items, { signal } = {}) {
      return inOrder(await queue.ask(items, checkOfRecovery, signal), accountAt)
    },
    close: () => queue.close(),
    [Symbol.asyncDispose]: () => queue.close(),
  }
}

function assertRange(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return
  throw new VerifyPoolError('VERIFY_POOL_BAD_ARGUMENT', `${name} must be a whole number from 1 to ${max}, got ${value}`)
}

function inOrder<T>(answers: Uint8Array, answerAt: (answers: Uint8Array, index: number) => T): T[] {
  return Array.from({ length: answers.length / ANSWER_BYTES }, (_, index) => answerAt(answers, index))
}
