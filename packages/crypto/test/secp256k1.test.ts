import { secp256k1 as noble } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { hashTypedData, keccak256 as viemKeccak } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { addressOf, keccak256, recoverAddress, secp256k1PublicKeyOf, signSecp256k1, typedDataDigest, word } from '../src/secp256k1.ts'
import { portableEngine } from '../src/secp256k1-engine.ts'
import { engines as nodeEngines } from '../src/secp256k1-engine.node.ts'
import { isAdmissibleSignature, type Secp256k1Engine } from '../src/secp256k1-rules.ts'
import { secp256k1FaultOf } from '../src/secp256k1-self-test.ts'

const ORDER = noble.Point.CURVE().n
const RUNS = Number(process.env.RUNS ?? 100)
const wide = (value: bigint): Uint8Array => word(value)
const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString('hex')}`
const signatureOf = (r: bigint, s: bigint): Uint8Array => Uint8Array.of(...wide(r), ...wide(s))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const secretKeys = fc.bigInt({ min: 1n, max: ORDER - 1n }).map(wide)

test('libsecp256k1 and the portable engine are both under test, the native one first', () => {
  expect(nodeEngines.map(({ name }) => name)).toEqual(['native', 'portable'])
})

describe.each(nodeEngines)('the $name engine', (engine) => {
  test('passes the self-test', () => {
    expect(secp256k1FaultOf(engine)).toBeUndefined()
  })

  test('makes the keys and signatures that the other makes, and recovers them', () => {
    fc.assert(
      fc.property(secretKeys, bytes32, (secretKey, digest) => {
        const publicKey = engine.publicKeyOf(secretKey)!
        expect(publicKey).toEqual(portableEngine.publicKeyOf(secretKey))
        const { signature, recovery } = engine.sign(digest, secretKey)
        expect({ signature, recovery }).toEqual(portableEngine.sign(digest, secretKey))
        expect(isAdmissibleSignature(signature)).toBe(true)
        expect(engine.recover(digest, signature, recovery as 0 | 1)).toEqual(publicKey)
        expect(engine.recover(digest, signature, recovery === 0 ? 1 : 0)).not.toEqual(publicKey)
      }),
      { numRuns: RUNS },
    )
  })

  test('recovers from arbitrary admissible r and s what the other recovers, or nothing alike', () => {
    fc.assert(
      fc.property(
        bytes32,
        fc.bigInt({ min: 1n, max: ORDER - 1n }),
        fc.bigInt({ min: 1n, max: ORDER / 2n }),
        fc.constantFrom(0, 1),
        (digest, r, s, v) => {
          const signature = signatureOf(r, s)
          expect(engine.recover(digest, signature, v as 0 | 1)).toEqual(portableEngine.recover(digest, signature, v as 0 | 1))
        },
      ),
      { numRuns: RUNS },
    )
  })

  test.each([
    ['zero', 0n],
    ['the order', ORDER],
    ['all ones', 2n ** 256n - 1n],
  ])('takes %s for no secret key', (_, value) => {
    expect(engine.publicKeyOf(wide(value))).toBeUndefined()
  })

  test('recovers nothing where the key would be the identity', () => {
    // With R = k·G, digest e and s = e / k the key is (s·R − e·G) / r = 0.
    const digest = wide(12345n)
    const { x, y } = noble.Point.BASE.toAffine()
    const s = 12345n > ORDER / 2n ? ORDER - 12345n : 12345n
    expect(engine.recover(digest, signatureOf(x, s), Number(y & 1n) as 0 | 1)).toBeUndefined()
  })
})

test('an engine that is wrong on one answer does not pass', () => {
  const wrong: Secp256k1Engine = { ...portableEngine, recover: (...args) => portableEngine.recover(...args) ?? new Uint8Array(64) }
  expect(secp256k1FaultOf(wrong)).toBe('a point that is none')
  expect(secp256k1FaultOf({ ...portableEngine, publicKeyOf: () => new Uint8Array(64) })).toBe('a known key')
})

test('the signer is who a wallet says it is', async () => {
  for (let byte = 1; byte < 20; byte++) {
    const secretKey = new Uint8Array(32).fill(byte)
    const account = privateKeyToAccount(hex(secretKey))
    expect(hex(addressOf(secp256k1PublicKeyOf(secretKey)))).toBe(account.address.toLowerCase())
    const digest = keccak256(secretKey)
    const { signature, v } = signSecp256k1(digest, secretKey)
    expect(`${hex(signature)}${v === 0 ? '1b' : '1c'}`).toBe(await account.sign({ hash: hex(digest) }))
    expect(hex(recoverAddress(digest, signature, v)!)).toBe(account.address.toLowerCase())
  }
})

test('a signature that is turned over, out of range or of another length is nobody’s', () => {
  const digest = new Uint8Array(32).fill(1)
  const { signature, v } = signSecp256k1(digest, new Uint8Array(32).fill(2))
  const r = BigInt(hex(signature.subarray(0, 32)))
  const s = BigInt(hex(signature.subarray(32)))
  const half = ORDER / 2n
  expect(isAdmissibleSignature(signatureOf(r, half))).toBe(true)
  const wrong = [signatureOf(r, ORDER - s), signatureOf(r, half + 1n), signatureOf(0n, s), signatureOf(r, 0n), signatureOf(ORDER, s)]
  for (const bytes of [...wrong, signature.slice(0, 63), Uint8Array.of(...signature, 0), new Uint8Array()]) {
    expect(recoverAddress(digest, bytes, v)).toBeUndefined()
  }
  for (const bit of [2, 3, -1, 0.5, Number.NaN]) expect(recoverAddress(digest, signature, bit)).toBeUndefined()
  expect(recoverAddress(digest.slice(1), signature, v)).toBeUndefined()
})

test('lengths and keys are checked when signing', () => {
  expect(() => signSecp256k1(new Uint8Array(31), new Uint8Array(32).fill(1))).toThrow(
    expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }),
  )
  expect(() => signSecp256k1(new Uint8Array(32), new Uint8Array(31).fill(1))).toThrow(
    expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }),
  )
  expect(() => signSecp256k1(new Uint8Array(32), new Uint8Array(32))).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_KEY' }))
  expect(() => addressOf(new Uint8Array(65))).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
})

test('typed data has the digest that wallets sign', () => {
  const types = {
    Mint: [
      { name: 'token', type: 'uint32' },
      { name: 'sourceId', type: 'bytes32' },
      { name: 'to', type: 'address' },
      { name: 'prepaid', type: 'bool' },
      { name: 'amount', type: 'uint256' },
    ],
  } as const
  fc.assert(
    fc.property(
      fc.nat({ max: 2 ** 32 - 1 }),
      bytes32,
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      fc.boolean(),
      fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
      (chainId, sourceId, to, prepaid, amount) => {
        const message = { token: 7, sourceId: hex(sourceId), to: hex(to), prepaid, amount }
        const expected = hashTypedData({ domain: { name: 'Selvedge', version: '1', chainId }, types, primaryType: 'Mint', message })
        const type = 'Mint(uint32 token,bytes32 sourceId,address to,bool prepaid,uint256 amount)'
        expect(hex(typedDataDigest(chainId, type, [word(7), word(sourceId), word(to), word(prepaid), word(amount)]))).toBe(expected)
      },
    ),
    { numRuns: RUNS },
  )
})

test('a word holds 32 bytes and no negative or fractional number', () => {
  for (const value of [-1, 1.5, -1n, 2n ** 256n, new Uint8Array(33)]) {
    expect(() => word(value)).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
  }
  expect(() => typedDataDigest(1, 'A(bytes32 b)', [new Uint8Array(31)])).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
})

test('Keccak-256 is Ethereum’s', () => {
  for (const size of [0, 1, 135, 136, 137, 1000]) {
    const bytes = new Uint8Array(size).map((_, i) => i)
    expect(hex(keccak256(bytes))).toBe(viemKeccak(bytes))
  }
})
