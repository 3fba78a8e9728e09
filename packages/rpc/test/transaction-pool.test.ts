/** The pool by itself: its rules one by one, and its invariants over seeded lives. */
import { type PoolTransaction, RpcError, TransactionPool } from '@selvedge/rpc'
import { describe, expect, test } from 'vitest'

const A = `0x${'aa'.repeat(20)}`
let made = 0
const transaction = (nonce: bigint, fields: Partial<PoolTransaction> = {}): PoolTransaction => {
  return {
    id: `0x${(++made).toString(16).padStart(64, '0')}`,
    bytes: new Uint8Array(110),
    sender: A,
    nonce,
    feeCapWei: 100n,
    costMicros: 10n,
    ...fields,
  }
}
const ledger = (next: bigint, baseFeeWei = 100n) => ({ nonceOf: () => next, baseFeeWei })
const wordsOf = (run: () => void): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof RpcError && error.code === 'RPC_REFUSED') return error.message
    throw error
  }
  return 'taken'
}

describe('handing on', () => {
  test('an account is handed on in the order of its nonces, each when the one before is executed', () => {
    const pool = new TransactionPool()
    const [zero, one, two] = [transaction(0n), transaction(1n), transaction(2n)]
    for (const each of [two, zero, one]) pool.add(each, 0n, 0)
    expect(pool.due(ledger(0n), 0)).toEqual([zero])
    expect(pool.due(ledger(0n), 100)).toEqual([])
    expect(pool.due(ledger(1n), 200)).toEqual([one])
    expect(pool.due(ledger(3n), 300)).toEqual([]) // two was executed through another node
    expect([pool.size, pool.bytes]).toEqual([0, 0])
  })

  test('what the fee overtook is handed on again when the fee is under its cap, once', () => {
    const pool = new TransactionPool()
    const it = transaction(0n)
    pool.add(it, 0n, 0)
    expect(pool.due(ledger(0n, 100n), 0)).toEqual([it])
    expect(pool.due(ledger(0n, 101n), 500)).toEqual([])
    expect(pool.due(ledger(0n, 99n), 1_000)).toEqual([it])
    expect(pool.due(ledger(0n, 99n), 1_500)).toEqual([])
  })

  test('what consensus had no room for, or did not execute in ten seconds, is handed on again', () => {
    const pool = new TransactionPool()
    const it = transaction(0n)
    pool.add(it, 0n, 0)
    expect(pool.due(ledger(0n), 0)).toEqual([it])
    pool.returned(it.id)
    expect(pool.due(ledger(0n), 1)).toEqual([it])
    expect(pool.due(ledger(0n), 10_000)).toEqual([])
    expect(pool.due(ledger(0n), 10_001)).toEqual([it])
  })

  test('nothing is kept for longer than a minute', () => {
    const pool = new TransactionPool()
    pool.add(transaction(0n), 0n, 0)
    pool.add(transaction(1n), 0n, 1)
    pool.due(ledger(0n, 101n), 60_000)
    expect(pool.size).toBe(1)
    pool.due(ledger(0n, 101n), 60_001)
    expect([pool.size, pool.bytes]).toEqual([0, 0])
  })
})

describe('admission', () => {
  test('sixteen nonces ahead, no further, none behind', () => {
    const pool = new TransactionPool()
    expect(wordsOf(() => pool.add(transaction(20n), 4n, 0))).toBe('taken')
    expect(wordsOf(() => pool.add(transaction(21n), 4n, 0))).toBe('nonce too high')
    expect(wordsOf(() => pool.add(transaction(3n), 4n, 0))).toBe('nonce too low')
  })

  test('the same one is already known, another of its nonce must pay a tenth more', () => {
    const pool = new TransactionPool()
    const first = transaction(0n, { feeCapWei: 1_000n })
    pool.add(first, 0n, 0)
    expect(wordsOf(() => pool.add(first, 0n, 0))).toBe('already known')
    expect(wordsOf(() => pool.add(transaction(0n, { feeCapWei: 1_099n }), 0n, 0))).toBe('replacement transaction underpriced')
    const second = transaction(0n, { feeCapWei: 1_100n })
    expect(wordsOf(() => pool.add(second, 0n, 0))).toBe('taken')
    expect([pool.find(first.id), pool.find(second.id), pool.size]).toEqual([undefined, second, 1])
    expect(pool.due(ledger(0n), 0)).toEqual([second])
  })

  test('a nonce is replaced at most eight times', () => {
    const pool = new TransactionPool()
    for (let i = 0; i <= 8; i++) pool.add(transaction(0n, { feeCapWei: 100n * 2n ** BigInt(i) }), 0n, 0)
    expect(wordsOf(() => pool.add(transaction(0n, { feeCapWei: 100n * 2n ** 20n }), 0n, 0))).toBe('replacement transaction underpriced')
  })

  test('it is full at its count and at its bytes, for what waits behind a hole at half of them', () => {
    const from = (i: number): string => `0x${i.toString(16).padStart(40, '0')}`
    const byCount = new TransactionPool({ transactionsMax: 10 })
    for (let i = 0; i < 5; i++) byCount.add(transaction(1n, { sender: from(i) }), 0n, 0)
    expect(wordsOf(() => byCount.add(transaction(1n, { sender: from(9) }), 0n, 0))).toBe('txpool is full')
    for (let i = 10; i < 15; i++) byCount.add(transaction(0n, { sender: from(i) }), 0n, 0)
    expect(wordsOf(() => byCount.add(transaction(0n, { sender: from(20) }), 0n, 0))).toBe('txpool is full')
    const byBytes = new TransactionPool({ bytesMax: 300 })
    byBytes.add(transaction(0n), 0n, 0)
    byBytes.add(transaction(1n), 0n, 0)
    expect(wordsOf(() => byBytes.add(transaction(2n), 0n, 0))).toBe('txpool is full')
    expect(wordsOf(() => byBytes.add(transaction(1n, { feeCapWei: 200n }), 0n, 0))).toBe('taken') // in place of the other
  })

  test('the next nonce is the first that nothing uses, and costs add up below a nonce', () => {
    const pool = new TransactionPool()
    for (const nonce of [5n, 6n, 8n]) pool.add(transaction(nonce), 5n, 0)
    expect([pool.nonceAfter(A, 5n), pool.nonceAfter(A, 4n), pool.nonceAfter('0x', 0n)]).toEqual([7n, 4n, 0n])
    expect([pool.costBefore(A, 5n, 8n), pool.costBefore(A, 6n, 9n)]).toEqual([20n, 20n])
  })
})

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 100)

test.each(Array.from({ length: RUNS }, (_, i) => FIRST + i))('its bounds hold and nothing is handed on out of turn, seed %i', (seed) => {
  let x = seed * 2_654_435_761
  const random = (below: number): number => {
    x = (Math.imul(x ^ (x >>> 15), 2_246_822_519) + 0x9e3779b9) | 0
    return (x >>> 0) % below
  }
  const pool = new TransactionPool({ transactionsMax: 12, bytesMax: 1_500 })
  const nonces = new Map<string, bigint>()
  const senders = ['0x01', '0x02', '0x03', '0x04']
  let nowMs = 0
  let handed = 0
  for (let step = 0; step < 300; step++) {
    const sender = senders[random(4)] ?? ''
    const next = nonces.get(sender) ?? 0n
    const fields = { sender, feeCapWei: BigInt(90 + random(30)), bytes: new Uint8Array(80 + random(80)) }
    wordsOf(() => pool.add(transaction(next + BigInt(random(20)), fields), next, nowMs))
    nowMs += random(3_000)
    const baseFeeWei = BigInt(90 + random(30))
    const due = pool.due({ nonceOf: (each) => nonces.get(each) ?? 0n, baseFeeWei }, nowMs)
    expect(new Set(due.map((each) => each.sender)).size).toBe(due.length)
    for (const { sender: from, nonce, feeCapWei, id } of due) {
      handed++
      expect([nonce, feeCapWei >= baseFeeWei]).toEqual([nonces.get(from) ?? 0n, true])
      if (random(3) > 0) nonces.set(from, nonce + 1n)
      else if (random(2) === 0) pool.returned(id)
    }
    expect(pool.size).toBeLessThanOrEqual(12)
    expect(pool.bytes).toBeLessThanOrEqual(1_500)
  }
  expect(handed).toBeGreaterThan(0)
  pool.due({ nonceOf: () => 2n ** 60n, baseFeeWei: 0n }, nowMs)
  expect([pool.size, pool.bytes]).toEqual([0, 0])
})
