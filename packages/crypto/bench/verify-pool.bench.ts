// Signatures by the pool beside the same function in turn on the thread that asks: how many a second, and what that thread is busy for each.
import { createKeyPair, isEd25519Signature } from '@selvedge/crypto/ed25519'
import { createVerifyPool, type Ed25519Item } from '@selvedge/crypto/verify-pool'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const COUNT = 4_096
const RUNS = 8

const keys = Array.from({ length: 64 }, (_, i) => createKeyPair(new Uint8Array(32).fill(i)))

/** Messages of 200 bytes, as long as a transaction. */
const items: readonly Ed25519Item[] = Array.from({ length: COUNT }, (_, i) => {
  const message = new Uint8Array(200)
  new DataView(message.buffer).setUint32(0, i)
  const { sign, publicKey } = keys[i % keys.length]!
  return { signature: sign(message), message, publicKey }
})

const inTurn = (): boolean => items.every(({ signature, message, publicKey }) => isEd25519Signature(signature, message, publicKey))

type Check = () => unknown

/** Signatures a second, the best of some runs after one to warm up. */
const rate = (check: Check, close?: () => unknown): Prepared => ({
  figure: async () => {
    let fastest = Number.POSITIVE_INFINITY
    for (let run = 0; run <= RUNS; run++) {
      const started = performance.now()
      await check()
      if (run > 0) fastest = Math.min(fastest, performance.now() - started)
    }
    return (COUNT / fastest) * 1_000
  },
  close: () => close?.(),
})

/** Nanoseconds of processor time of the asking thread alone for a signature: what a busy machine does not change much. */
const busy = (check: Check, close?: () => unknown): Prepared => ({
  figure: async () => {
    await check()
    const before = process.threadCpuUsage()
    for (let run = 0; run < RUNS; run++) await check()
    const { user, system } = process.threadCpuUsage(before)
    return ((user + system) * 1_000) / (COUNT * RUNS)
  },
  close: () => close?.(),
})

function byPool(measure: (check: Check, close?: () => unknown) => Prepared): Prepared {
  const pool = createVerifyPool({ threads: 2 })
  return measure(
    () => pool.verifyEd25519(items),
    () => pool.close(),
  )
}

export const benches: readonly Bench[] = [
  {
    name: `${COUNT} Ed25519 signatures over 200 bytes, two threads`,
    unit: '/s',
    subjects: { ours: () => byPool(rate), 'isEd25519Signature in turn': () => rate(inTurn) },
    note: 'Both are the same function of libsodium for each signature; on two cores a second thread of checks has a core of its own only where nothing else runs.',
  },
  {
    name: 'processor time of the asking thread, one signature of them',
    unit: 'ns',
    subjects: { ours: () => byPool(busy), 'isEd25519Signature in turn': () => busy(inTurn) },
    note: 'Packing, sending, and reading the answers; the checks themselves are on the other threads.',
  },
]
