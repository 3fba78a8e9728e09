// Goal: what wallets write the ledger reads, what the ledger writes wallets read, and nothing that they read twice is read twice.
// Method: viem as the other side, both ways, over arbitrary transactions; then the edges that viem lets pass and the ledger does not.
import { keccak256 as keccak } from '@selvedge/crypto/secp256k1'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import fc from 'fast-check'
import { keccak256, parseTransaction, recoverTransactionAddress, serializeTransaction, type TransactionSerializable } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, test } from 'vitest'
import {
  type AccountTransaction,
  accountSigningDigest,
  CODES,
  concatBytes,
  decodeRlp,
  decodeTransaction,
  encodeRlp,
  encodeRlpInteger,
  encodeTransaction,
  isSignedByNode,
  leafHash,
  nodeSigningBytes,
  NODE_KINDS,
  recordSystemMessage,
  decodeSystemTransaction,
  encodeSystemMessage,
  type RlpItem,
  senderOf,
  signAccountTransaction,
  signNodeTransaction,
  toHex,
  TRANSACTION_BYTES_MAX,
  transactionId,
} from '../src/index.ts'
import { accountTransactions, big, bytes, someBytes, u32 } from './values.ts'

const RUNS = Number(process.env.RUNS ?? 60)
const SECRET_KEY = new Uint8Array(32).fill(7)
const hex = (input: Uint8Array): `0x${string}` => `0x${toHex(input)}`
const wallet = privateKeyToAccount(hex(SECRET_KEY))
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

/** The same transaction in viem's words. */
function forViem(transaction: Omit<AccountTransaction, 'signature' | 'v'>): TransactionSerializable {
  const { form, chainId, nonce, gasLimit, to, value, data, maxFeePerGas, maxPriorityFeePerGas } = transaction
  const common = { chainId, nonce: Number(nonce), gas: gasLimit, to: hex(to), value, data: hex(data) }
  return form === 'legacy'
    ? { ...common, type: 'legacy', gasPrice: maxFeePerGas }
    : { ...common, type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas }
}

/** What viem can express: nonces are numbers, the tip is not above the fee, the fee at most 2^256 - 1. */
const shared = fc
  .record({
    form: fc.constantFrom('eip1559' as const, 'legacy' as const),
    chainId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    nonce: fc.maxSafeNat().map(BigInt),
    fees: fc.tuple(big(128), big(128)),
    gasLimit: big(64),
    to: bytes(20),
    value: big(256),
    data: someBytes(200),
  })
  .map(({ fees, form, ...rest }) => {
    const [low, high] = fees[0] < fees[1] ? fees : [fees[1], fees[0]]
    return { ...rest, form, maxFeePerGas: high, maxPriorityFeePerGas: form === 'legacy' ? 0n : low }
  })

test('what a wallet signs is read as it was meant, and its sender known', async () => {
  await fc.assert(
    fc.asyncProperty(shared, async (unsigned) => {
      const serialized = await wallet.signTransaction(forViem(unsigned))
      const decoded = decodeTransaction(bytesOf(serialized))
      expect(decoded).toMatchObject({ ok: true, transaction: unsigned })
      const transaction = (decoded as { transaction: AccountTransaction }).transaction
      expect(hex(senderOf(transaction)!)).toBe(wallet.address.toLowerCase())
      expect(hex(transactionId(bytesOf(serialized)))).toBe(keccak256(serialized))
      expect(hex(encodeTransaction(transaction))).toBe(serialized)
    }),
    { numRuns: RUNS },
  )
})

test('what is signed here a wallet reads as it was meant, byte for byte its own', async () => {
  await fc.assert(
    fc.asyncProperty(shared, async (unsigned) => {
      const serialized = hex(signAccountTransaction(unsigned, SECRET_KEY))
      expect(serialized).toBe(await wallet.signTransaction(forViem(unsigned)))
      expect(hex(accountSigningDigest(unsigned))).toBe(keccak256(serializeTransaction(forViem(unsigned))))
      const parsed = parseTransaction(serialized)
      expect(parsed).toMatchObject({ type: unsigned.form, chainId: unsigned.chainId, to: hex(unsigned.to) })
      expect([parsed.nonce, parsed.gas ?? 0n, parsed.value ?? 0n, parsed.data ?? '0x']).toEqual([
        Number(unsigned.nonce),
        unsigned.gasLimit,
        unsigned.value,
        hex(unsigned.data),
      ])
      const sender = await recoverTransactionAddress({ serializedTransaction: serialized as never })
      expect(sender).toBe(wallet.address)
    }),
    { numRuns: RUNS },
  )
})

const GOOD: Omit<AccountTransaction, 'signature' | 'v'> = {
  form: 'eip1559',
  chainId: 1337,
  nonce: 1n,
  maxPriorityFeePerGas: 0n,
  maxFeePerGas: 10n ** 11n,
  gasLimit: 21_000n,
  to: new Uint8Array(20).fill(9),
  value: 10n ** 18n,
  data: new Uint8Array(),
}
const signed = signAccountTransaction(GOOD, SECRET_KEY)
const legacy = signAccountTransaction({ ...GOOD, form: 'legacy' }, SECRET_KEY)
const fieldsOf = (transaction: Uint8Array): RlpItem[] => [
  ...(decodeRlp(transaction[0] === 2 ? transaction.subarray(1) : transaction) as RlpItem[]),
]
const typed = (fields: RlpItem[]): Uint8Array => concatBytes(Uint8Array.of(2), encodeRlp(fields))
const codeOf = (input: Uint8Array): number => {
  const decoded = decodeTransaction(input)
  return decoded.ok ? 0 : decoded.code
}
/** With one field replaced. */
const edited = (at: number, field: RlpItem, base: Uint8Array = signed): Uint8Array => {
  const fields = fieldsOf(base)
  fields[at] = field
  return base === legacy ? encodeRlp(fields) : typed(fields)
}
const NONE = new Uint8Array()
const ACCESS_LIST: RlpItem = [[new Uint8Array(20), [new Uint8Array(32)]]]

test.each<[string, Uint8Array, number]>([
  ['as it stands', signed, CODES.ok],
  ['as it stands, legacy', legacy, CODES.ok],
  ['nothing', NONE, CODES.malformed],
  ['a system transaction', recordSystemMessage(1, 0, encodeSystemMessage({ kind: 'readyToClose', epoch: 1 })), CODES.malformed],
  ['a blob transaction', concatBytes(Uint8Array.of(3), signed.subarray(1)), CODES.malformed],
  ['an EIP-2930 transaction', concatBytes(Uint8Array.of(1), signed.subarray(1)), CODES.malformed],
  ['a byte behind it', concatBytes(signed, Uint8Array.of(0)), CODES.malformed],
  ['a byte behind it, legacy', concatBytes(legacy, Uint8Array.of(0)), CODES.malformed],
  ['a leading zero in the nonce', edited(1, Uint8Array.of(0, 1)), CODES.malformed],
  ['a zero nonce as a byte', edited(1, Uint8Array.of(0)), CODES.malformed],
  ['a nonce above u64', edited(1, new Uint8Array(9).fill(1)), CODES.malformed],
  ['a gas limit above u64', edited(4, new Uint8Array(9).fill(1)), CODES.malformed],
  ['a value above 256 bits', edited(6, new Uint8Array(33).fill(1)), CODES.malformed],
  ['a receiver of 19 bytes', edited(5, new Uint8Array(19)), CODES.malformed],
  ['no receiver', edited(5, NONE), CODES.type],
  ['no receiver, legacy', edited(3, NONE, legacy), CODES.type],
  ['an access list', edited(8, ACCESS_LIST), CODES.type],
  ['bytes for an access list', edited(8, NONE), CODES.malformed],
  ['a parity of 2', edited(9, Uint8Array.of(2)), CODES.malformed],
  ['a list for the data', edited(7, []), CODES.malformed],
  ['a leading zero in r', edited(10, Uint8Array.of(0, 1)), CODES.malformed],
  ['a chain id above u32', edited(0, Uint8Array.of(1, 0, 0, 0, 0)), CODES.chainId],
  ['v before EIP-155', edited(6, Uint8Array.of(27), legacy), CODES.type],
  ['v of nothing', edited(6, Uint8Array.of(29), legacy), CODES.malformed],
  ['v of no chain', edited(6, Uint8Array.of(35), legacy), CODES.ok],
  ['one field less', typed(fieldsOf(signed).slice(0, 11)), CODES.malformed],
  ['one field more', typed([...fieldsOf(signed), NONE]), CODES.malformed],
  ['a list that is nested too deep', typed([[[[[[]]]]]]), CODES.malformed],
  ['too many bytes', signAccountTransaction({ ...GOOD, data: new Uint8Array(TRANSACTION_BYTES_MAX) }, SECRET_KEY), CODES.malformed],
])('of a transaction with %s the code is right', (_, input, code) => {
  expect(codeOf(input)).toBe(code)
})

test('lists within lists as deep as the bytes allow cost no stack', () => {
  const heads: number[] = []
  for (let length = 0; length < 60_000; length = heads.length) {
    const bytes = encodeRlpInteger(BigInt(length))
    heads.unshift(...(length < 56 ? [0xc0 + length] : [0xf7 + bytes.length, ...bytes]))
  }
  const nested = Uint8Array.from(heads)
  expect(codeOf(nested)).toBe(CODES.malformed)
  expect(() => decodeRlp(nested)).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
})

test('as many bytes as may be are taken', () => {
  const spare = signAccountTransaction({ ...GOOD, data: new Uint8Array(65_000) }, SECRET_KEY).length - 65_000
  const most = signAccountTransaction({ ...GOOD, data: new Uint8Array(TRANSACTION_BYTES_MAX - spare) }, SECRET_KEY)
  expect([most.length, codeOf(most)]).toEqual([TRANSACTION_BYTES_MAX, CODES.ok])
})

test('a head that is not the shortest is refused', () => {
  const body = signed.subarray(2 + (signed[1]! - 0xf7)) // behind type and list head
  const length = encodeRlpInteger(BigInt(body.length))
  const longer = concatBytes(Uint8Array.of(2, 0xf7 + length.length + 1, 0), length, body)
  expect(codeOf(longer)).toBe(CODES.malformed)
  expect(codeOf(concatBytes(Uint8Array.of(2, 0xf7 + length.length), length, body))).toBe(CODES.ok)
})

test('a high s or a signature of nobody has no sender', () => {
  const { transaction } = decodeTransaction(signed) as { transaction: AccountTransaction }
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = order - BigInt(hex(transaction.signature.slice(32)))
  const turned = concatBytes(transaction.signature.slice(0, 32), bytesOf(`0x${s.toString(16).padStart(64, '0')}`))
  expect(senderOf({ ...transaction, signature: turned, v: transaction.v === 0 ? 1 : 0 })).toBeUndefined()
  expect(senderOf({ ...transaction, signature: new Uint8Array(64) })).toBeUndefined()
})

test('any other field gives another sender, or none', () => {
  fc.assert(
    fc.property(accountTransactions, (other) => {
      const { transaction } = decodeTransaction(signed) as { transaction: AccountTransaction }
      const forged = { ...other, signature: transaction.signature, v: transaction.v }
      const sender = senderOf(forged)
      expect(sender === undefined || hex(sender) !== wallet.address.toLowerCase()).toBe(true)
    }),
    { numRuns: RUNS },
  )
})

test('a node signs for its chain, index, nonce, kind and body, and nobody else does', () => {
  const keys = createKeyPair(new Uint8Array(32).fill(3))
  const fields = { chainId: 7, nodeIndex: 5, nonce: 2n ** 63n, kind: NODE_KINDS.version.id, body: Uint8Array.of(1, 0, 0, 0) }
  const encoded = signNodeTransaction(fields, keys.sign)
  const decoded = decodeTransaction(encoded)
  if (!decoded.ok || decoded.transaction.form !== 'node') throw new Error('not a node transaction')
  const { transaction } = decoded
  expect(transaction).toMatchObject(fields)
  expect(isSignedByNode(transaction, keys.publicKey)).toBe(true)
  expect(isSignedByNode(transaction, createKeyPair(new Uint8Array(32).fill(4)).publicKey)).toBe(false)
  for (const change of [{ chainId: 8 }, { nodeIndex: 4 }, { nonce: 0n }, { kind: 1 }, { body: new Uint8Array(4) }]) {
    expect(isSignedByNode({ ...transaction, ...change }, keys.publicKey)).toBe(false)
  }
  expect(nodeSigningBytes(fields)).toEqual(concatBytes(Uint8Array.of(0x15), encoded.slice(0, -64)))
  expect(transactionId(encoded)).toEqual(sha256(concatBytes(Uint8Array.of(0x08), encoded)))
  expect(codeOf(signNodeTransaction({ ...fields, kind: 0x77 }, keys.sign))).toBe(CODES.type)
})

test('equal words of two members, or heights, are two leaves; one of an account is named as wallets name it', () => {
  const words = encodeSystemMessage({ kind: 'readyToClose', epoch: 4 })
  const records = [recordSystemMessage(9, 1, words), recordSystemMessage(9, 2, words), recordSystemMessage(10, 1, words)]
  expect(new Set(records.map((record) => toHex(transactionId(record)))).size).toBe(3)
  expect(transactionId(records[0]!)).toEqual(leafHash(records[0]!))
  expect(decodeSystemTransaction(records[0]!)).toEqual({ form: 'system', height: 9, author: 1, kind: 0, body: words.slice(1) })
  expect(transactionId(signed)).toEqual(keccak(signed))
})

test('an encoder refuses what does not fit', () => {
  const wrong = [{ to: new Uint8Array(19) }, { nonce: 2n ** 64n }, { nonce: -1n }, { value: 2n ** 256n }, { chainId: 2 ** 32 }]
  for (const change of wrong) {
    expect(() => signAccountTransaction({ ...GOOD, ...change }, SECRET_KEY)).toThrow(
      expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }),
    )
  }
  const tipped = { ...GOOD, form: 'legacy' as const, maxPriorityFeePerGas: 1n }
  expect(() => signAccountTransaction(tipped, SECRET_KEY)).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
  fc.assert(
    fc.property(u32, (nodeIndex) => {
      const fields = { chainId: 1, nodeIndex, nonce: 2n ** 64n, kind: 1, body: NONE }
      expect(() => nodeSigningBytes(fields)).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
    }),
    { numRuns: 5 },
  )
})
