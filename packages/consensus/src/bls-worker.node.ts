/** The worker of checkpoint-signer.node.ts: keys, pairings and sums. A script to be started. */
import { parentPort, workerData } from 'node:worker_threads'
import { aggregateBls, createBlsKeyPair, createBlsKeyring, isBlsKey, isBlsSignature } from '@selvedge/crypto/bls'
import type { BlsJob, BlsResult } from './checkpoint-signer.node.ts'
import type { Answer } from './driver/thread-pool.ts'

const keyPair = createBlsKeyPair((workerData as { seed: Uint8Array }).seed)

function resultOf(job: BlsJob): BlsResult {
  switch (job.type) {
    case 'sign':
      return { type: 'signed', signature: keyPair.sign(job.message) }
    case 'check':
      return { type: 'checked', ...check(job) }
    case 'checkAggregate':
      return { type: 'isValid', isValid: isAggregate(job.message, job.keys, job.aggregate) }
  }
}

function isAggregate(message: Uint8Array, keys: readonly Uint8Array[], aggregate: Uint8Array): boolean {
  return keys.every(isBlsKey) && createBlsKeyring(keys).isAggregate(aggregate, message, [...keys.keys()])
}

/** One pairing for all of them; one by one only when that fails. */
function check({ message, keys, signatures }: Extract<BlsJob, { type: 'check' }>): { bad: number[]; aggregate: Uint8Array | undefined } {
  try {
    const aggregate = aggregateBls(signatures)
    if (isAggregate(message, keys, aggregate)) return { bad: [], aggregate }
  } catch {
    // one is no signature at all, or there is none
  }
  const bad = [...signatures.keys()].filter((i) => !isBlsSignature(signatures[i] as Uint8Array, message, keys[i] as Uint8Array))
  return { bad, aggregate: undefined }
}

parentPort?.on('message', ({ id, job }: { id: number; job: BlsJob }) => {
  parentPort?.postMessage({ id, result: resultOf(job) } satisfies Answer<BlsResult>)
})
