// The pool answers what the thread that asks would answer by itself, to whatever bytes, each in its place; and it holds no more than it says.
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { SELF_TEST } from '../src/ed25519-self-test.ts'
import { createVerifyPool, type Ed25519Item, type RecoveryItem, type VerifyPool, type VerifyPoolOptions } from '../src/verify-pool.node.ts'
import { EDGE_CASES } from './edge-cases.ts'
import { accountOf, answerTo, manySigned, signed, signedByAccount, spoilt } from './verify-pool-items.ts'

const pools: VerifyPool[] = []

function poolOf(options: VerifyPoolOptions = {}): VerifyPool {
  const pool = createVerifyPool(options)
  pools.push(pool)
  return pool
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const bounds = { numRuns: Number(process.env.RUNS ?? 60), seed: Number(process.env.SEED ?? 1) }

test('every row on which libraries disagree is answered as libsodium does', async () => {
  const edges = EDGE_CASES.map(({ publicKey, message, signature, isValid }) => {
    return { publicKey: fromHex(publicKey), message: fromHex(message), signature: fromHex(signature), isValid }
  })
  const rows = [...edges, ...SELF_TEST]
  expect(await poolOf().judgeEd25519(rows)).toEqual(rows.map(({ isValid }) => isValid))
})

/** A flipped bit, another length, or neither. */
type Change = { readonly flip: number } | { readonly length: number } | undefined
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constant(undefined),
  fc.record({ flip: fc.nat(8 * 64 - 1) }),
  fc.record({ length: fc.nat(70) }),
)

function changed(bytes: Uint8Array, how: Change): Uint8Array {
  if (how === undefined) return bytes
  if ('flip' in how) return bytes.map((byte, i) => (i === how.flip >> 3 ? byte ^ (1 << (how.flip & 7)) : byte))
  const resized = new Uint8Array(how.length)
  resized.set(bytes.subarray(0, how.length))
  return resized
}

test('whatever is changed in an Ed25519 signature, its message or its key, the answer is that of isEd25519Signature', async () => {
  const pool = poolOf()
  const item = fc.tuple(fc.nat(99), fc.constantFrom('signature', 'message', 'publicKey'), change).map(([index, part, how]): Ed25519Item => {
    const good = signed(index)
    return { ...good, [part]: changed(good[part], how) }
  })
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 80 }), async (items) => {
      expect(await pool.judgeEd25519(items)).toEqual(items.map(answerTo))
    }),
    bounds,
  )
})

test('whatever is changed in a signature of an account, the answer is that of recoverAddress', async () => {
  const pool = poolOf()
  const otherV = fc.option(fc.constantFrom(0, 1, 2, 3, -1, 0.5, 256, Number.NaN), { nil: undefined })
  const item = fc.tuple(fc.nat(99), fc.constantFrom('signature', 'digest'), change, otherV).map(([index, part, how, v]): RecoveryItem => {
    const good = signedByAccount(index)
    return { ...good, [part]: changed(good[part], how), v: v ?? good.v }
  })
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 80 }), async (items) => {
      expect(await pool.recoverAddresses(items)).toEqual(items.map(accountOf))
    }),
    bounds,
  )
})

test.each([1, 2, 3])('each of many calls gets its own answers, in the order of its items, %i threads', async (threads) => {
  const pool = poolOf({ threads })
  const calls = Array.from({ length: 40 }, (_, call) => {
    return manySigned((call * 37) % 150).map((each, i) => (i % (call + 2) === 1 ? spoilt(each) : each))
  })
  const accounts = Array.from({ length: 40 }, (_, call) => [signedByAccount(call), { ...signedByAccount(call), v: 2 }])
  const asked = calls.map((items, i) => Promise.all([pool.judgeEd25519(items), pool.recoverAddresses(accounts[i]!)]))
  expect(await Promise.all(asked)).toEqual(calls.map((items, i) => [items.map(answerTo), accounts[i]!.map(accountOf)]))
})

test('verifyEd25519 resolves when all are good, and names the first that is not', async () => {
  const pool = poolOf()
  const items = manySigned(300)
  await pool.verifyEd25519(items)
  const wrong = items.with(123, spoilt(items[123]!)).with(299, spoilt(items[299]!))
  const refused = { name: 'CryptoError', code: 'CRYPTO_BAD_SIGNATURE', details: { index: 123 } }
  await expect(pool.verifyEd25519(wrong)).rejects.toMatchObject(refused)
})

test('nothing is asked, nothing is answered, and no thread starts for it', async () => {
  using send = vi.spyOn(Worker.prototype, 'postMessage')
  const pool = poolOf()
  expect(await pool.judgeEd25519([])).toEqual([])
  expect(await pool.recoverAddresses([])).toEqual([])
  await pool.verifyEd25519([])
  expect(send).not.toHaveBeenCalled()
})

test('what waits goes to a thread together, whoever asked', async () => {
  using send = vi.spyOn(Worker.prototype, 'postMessage')
  const pool = poolOf({ threads: 1 })
  const items = manySigned(200)
  expect(await Promise.all(items.map((item) => pool.judgeEd25519([item])))).toEqual(items.map(() => [true]))
  expect(send).toHaveBeenCalledTimes(2 + Math.ceil(198 / 64)) // the first two found a place
})

test('one call is the work of all threads', async () => {
  using send = vi.spyOn(Worker.prototype, 'postMessage')
  await poolOf({ threads: 2 }).verifyEd25519(manySigned(80))
  expect(send).toHaveBeenCalledTimes(2) // 40 each
  expect(new Set(send.mock.contexts).size).toBe(2)
})

test('views of larger buffers and of shared memory are read as they are, and stay with the caller', async () => {
  const padded = (bytes: Uint8Array): Uint8Array => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 9)).fill(255)
    shared.set(bytes, 5)
    return shared.subarray(5, 5 + bytes.length)
  }
  const items = manySigned(3).map(({ signature, message, publicKey }) => {
    const view = new Uint8Array([9, ...signature, 9]).subarray(1, 65)
    return { signature: view, message: padded(message), publicKey: padded(publicKey) }
  })
  expect(await poolOf().judgeEd25519(items)).toEqual([true, true, true])
  for (const { signature, message } of items) expect([signature.buffer.byteLength, message.length]).toEqual([66, 4])
})

test('large messages go by themselves, small ones beside them are answered all the same', async () => {
  const large = new Uint8Array(3 * 2 ** 19).fill(7)
  const items = [signed(0, large), signed(1), spoilt(signed(2, large)), signed(3, large), signed(4)]
  expect(await poolOf({ threads: 1 }).judgeEd25519(items)).toEqual([true, true, false, true, true])
})

test.each([
  ['VERIFY_POOL_TOO_LARGE', 'more items than the pool holds', { queueItemsMax: 9 }, 0, 10],
  ['VERIFY_POOL_TOO_LARGE', 'more bytes than the pool holds', { queueBytesMax: 999 }, 0, 10],
  ['VERIFY_POOL_FULL', 'an item beside as many as the pool holds', { queueItemsMax: 10 }, 10, 1],
  ['VERIFY_POOL_FULL', 'more bytes than the pool has room for', { queueBytesMax: 1_000 }, 9, 2],
])('%s: %s are refused at once, and disturb nothing', async (code, _, options, held, asked) => {
  const pool = poolOf(options)
  const before = pool.judgeEd25519(manySigned(held)) // 100 bytes each
  await expect(pool.judgeEd25519(manySigned(asked))).rejects.toMatchObject({ name: 'VerifyPoolError', code, details: { items: asked } })
  expect(await before).toEqual(manySigned(held).map(() => true))
  expect(await pool.judgeEd25519(manySigned(9))).toHaveLength(9) // there is room again
})

test('what is no bytes at all is a mistake of the caller’s, which costs the pool nothing', async () => {
  const pool = poolOf({ queueItemsMax: 1 })
  const none = [{ ...signed(1), signature: 'signature' }] as unknown as Ed25519Item[]
  await expect(pool.judgeEd25519(none)).rejects.toThrow(TypeError)
  expect(await pool.judgeEd25519([signed(1)])).toEqual([true])
})

test.each([
  { threads: 0 },
  { threads: 65 },
  { threads: 1.5 },
  { queueItemsMax: 0 },
  { queueItemsMax: 2 ** 20 + 1 },
  { queueBytesMax: Number.NaN },
  { queueBytesMax: 2 ** 30 + 1 },
  { silenceMsMax: 2 ** 31 },
])('no pool is made of %o', (options) => {
  expect(() => createVerifyPool(options)).toThrow(expect.objectContaining({ code: 'VERIFY_POOL_BAD_ARGUMENT' }))
})
