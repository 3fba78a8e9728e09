/** BLS in a worker thread of its own: a signature costs a third of a millisecond, a check a whole one, and consensus waits for neither. */
import { ThreadPool } from './driver/thread-pool.ts'
import type { CheckpointSigner } from './ports.ts'

export type BlsJob =
  | { readonly type: 'sign'; readonly message: Uint8Array }
  | {
      readonly type: 'check'
      readonly message: Uint8Array
      readonly keys: readonly Uint8Array[]
      readonly signatures: readonly Uint8Array[]
    }
  | {
      readonly type: 'checkAggregate'
      readonly message: Uint8Array
      readonly keys: readonly Uint8Array[]
      readonly aggregate: Uint8Array
    }

export type BlsResult =
  | { readonly type: 'signed'; readonly signature: Uint8Array }
  | { readonly type: 'checked'; readonly bad: readonly number[]; readonly aggregate: Uint8Array | undefined }
  | { readonly type: 'isValid'; readonly isValid: boolean }

/**
 * Makes the signer of checkpoints from a BLS seed. Its worker starts with the first job.
 * @param seed - 32 secret bytes (`createBlsKeyPair` of `@selvedge/crypto/bls` makes the same key of it).
 */
export function createCheckpointSigner(seed: Uint8Array): CheckpointSigner {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js' // sources run as they are
  const script = new URL(`./bls-worker.node.${extension}`, import.meta.url)
  const pool = new ThreadPool<BlsJob, BlsResult>({ script, workerData: { seed: seed.slice() }, threads: 1 })
  const run = async <T extends BlsResult['type']>(job: BlsJob, type: T): Promise<Extract<BlsResult, { type: T }>> => {
    const result = await pool.run(job)
    if (result.type !== type) throw new TypeError(`the worker answered ${result.type} where ${type} was due`)
    return result as Extract<BlsResult, { type: T }>
  }
  return {
    sign: async (message) => (await run({ type: 'sign', message: message.slice() }, 'signed')).signature,
    async check(message, keys, signatures) {
      const { bad, aggregate } = await run(
        { type: 'check', message: message.slice(), keys: copies(keys), signatures: copies(signatures) },
        'checked',
      )
      return { bad, aggregate }
    },
    checkAggregate: async (message, keys, aggregate) =>
      (await run({ type: 'checkAggregate', message: message.slice(), keys: copies(keys), aggregate: aggregate.slice() }, 'isValid'))
        .isValid,
    stop: () => pool.stop(),
  }
}

/** A view would take the whole buffer behind it along. */
const copies = (parts: readonly Uint8Array[]): Uint8Array[] => parts.map((part) => part.slice())
