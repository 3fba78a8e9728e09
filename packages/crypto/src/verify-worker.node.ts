/** A thread of the verify pool: answers each check by the function that answers it everywhere. A script to be started. */
import { parentPort } from 'node:worker_threads'
import { isEd25519Signature } from './ed25519.ts'
import { recoverAddress } from './secp256k1.ts'
import { ANSWER_BYTES, ED25519, RECOVERY, unpackChecks, type VerifyAnswer, type VerifyJob } from './verify-batch.ts'

function answersOf(job: VerifyJob): Uint8Array<ArrayBuffer> {
  const checks = unpackChecks(job)
  const answers = new Uint8Array(checks.length * ANSWER_BYTES)
  for (const [i, { kind, parts }] of checks.entries()) {
    const [signature, signed, publicKey] = parts
    const account = kind === ED25519 ? undefined : recoverAddress(signed, signature, kind - RECOVERY)
    const isGood = kind === ED25519 ? isEd25519Signature(signature, signed, publicKey) : account !== undefined
    answers[i * ANSWER_BYTES] = isGood ? 1 : 0
    if (account !== undefined) answers.set(account, i * ANSWER_BYTES + 1)
  }
  return answers
}

parentPort?.on('message', (job: VerifyJob) => {
  const answers = answersOf(job)
  parentPort?.postMessage({ id: job.id, answers } satisfies VerifyAnswer, [answers.buffer])
})
