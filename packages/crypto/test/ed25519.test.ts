import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createKeyPair, isEd25519Signature, verifyEd25519 } from '../src/ed25519.ts'
import { portableEngine } from '../src/ed25519-engine.ts'
import { engines as nodeEngines } from '../src/ed25519-engine.node.ts'
import { isAdmissible, type Ed25519Engine } from '../src/ed25519-rules.ts'
import { checkedEngine, SELF_TEST } from '../src/ed25519-self-test.ts'
import { EDGE_CASES } from './edge-cases.ts'

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const accepts = (engine: Ed25519Engine, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean =>
  isAdmissible(signature, publicKey) && engine.isEqual(signature, message, publicKey)
const engines = [...nodeEngines, portableEngine]

test('libsodium, OpenSSL and the portable engine are all under test', () => {
  expect(engines.map((engine) => engine.name)).toEqual(['sodium', 'node', 'portable'])
})

describe.each(engines)('the $name engine', (engine) => {
  test.each(EDGE_CASES)('answers as libsodium does: $name', ({ signature, message, publicKey, isValid }) => {
    expect(accepts(engine, fromHex(signature), fromHex(message), fromHex(publicKey))).toBe(isValid)
  })

  test.each(SELF_TEST)('passes the self-test: $name', ({ signature, message, publicKey, isValid }) => {
    expect(engine.isEqual(signature, message, publicKey)).toBe(isValid)
  })

  test('signs as RFC 8032 test 3 does, byte for byte', () => {
    const seed = fromHex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7')
    const publicKey = engine.publicKeyOf(seed)
    expect(toHex(publicKey)).toBe('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025')
    expect(toHex(engine.createSigner(seed, publicKey)(fromHex('af82')))).toBe(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    )
  })
})

test('an engine that multiplies by the cofactor does not pass the self-test', () => {
  const isEqual: Ed25519Engine['isEqual'] = (...about) => ed25519.verify(...about, { zip215: false })
  expect(() => checkedEngine({ ...portableEngine, isEqual })).toThrow(expect.objectContaining({ code: 'CRYPTO_SELF_TEST' }))
  for (const engine of engines) expect(checkedEngine(engine)).toBe(engine)
})

test('all engines answer alike on signatures built from arbitrary torsion, and on flipped bits', () => {
  const { Point } = ed25519
  const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  const scalar = fc.bigInt(1n, Point.Fn.ORDER - 1n)
  const order = fc.nat(7)
  const flip = fc.option(fc.nat(511))
  fc.assert(
    fc.property(scalar, scalar, order, order, fc.uint8Array({ maxLength: 40 }), flip, (a, r, orderA, orderR, message, bit) => {
      const publicKey = Point.BASE.multiply(a)
        .add(torsion.multiplyUnsafe(BigInt(orderA)))
        .toBytes()
      const encodedR = Point.BASE.multiply(r)
        .add(torsion.multiplyUnsafe(BigInt(orderR)))
        .toBytes()
      const k = littleEndian(sha512(Buffer.concat([encodedR, publicKey, message])))
      const s = Point.Fn.toBytes((r + k * a) % Point.Fn.ORDER)
      const signature = new Uint8Array(Buffer.concat([encodedR, s]))
      if (bit !== null) signature[bit >> 3]! ^= 1 << (bit & 7)
      const answers = engines.map((engine) => accepts(engine, signature, message, publicKey))
      // S·B − k·A = R without cofactor holds when the torsion of R cancels that of k·A.
      const isValid = bit === null && (BigInt(orderR) + (k % Point.Fn.ORDER) * BigInt(orderA)) % 8n === 0n
      expect(answers).toEqual(engines.map(() => isValid))
    }),
    { numRuns: Number(process.env.RUNS ?? 60) },
  )
})

test('a key pair signs what verifies, and its seed gives the same key again', () => {
  const keys = createKeyPair()
  const message = new TextEncoder().encode('hello')
  const signature = keys.sign(message)
  expect(signature).toHaveLength(64)
  verifyEd25519(signature, message, keys.publicKey)
  expect(createKeyPair(keys.seed).publicKey).toEqual(keys.publicKey)
  expect(createKeyPair().publicKey).not.toEqual(keys.publicKey)
})

test.each([
  ['bytes', new Uint8Array(32)],
  ['a Buffer, whose slice is a view', Buffer.alloc(32)],
])('a key pair does not follow what happens to the seed that it was made from: %s', (_, seed) => {
  seed.fill(7)
  const keys = createKeyPair(seed)
  const before = keys.sign(seed.slice())
  seed.fill(0)
  expect(keys.sign(new Uint8Array(32).fill(7))).toEqual(before)
  expect(keys.seed).toEqual(new Uint8Array(32).fill(7))
})

test('every flipped bit of signature, key or message is refused with CRYPTO_BAD_SIGNATURE', () => {
  const keys = createKeyPair(new Uint8Array(32).fill(1))
  const message = new Uint8Array([1, 2, 3])
  const parts = [keys.sign(message), message, keys.publicKey] as const
  for (const part of parts) {
    for (let bit = 0; bit < part.length * 8; bit++) {
      part[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => verifyEd25519(...parts)).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_SIGNATURE' }))
      part[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
  verifyEd25519(...parts)
})

test.each([0, 31, 33, 63, 65, 128])('a signature or key of %i bytes is refused, never read past', (length) => {
  const keys = createKeyPair(new Uint8Array(32).fill(1))
  const message = new Uint8Array([1])
  const signature = keys.sign(message)
  const resized = new Uint8Array(length)
  resized.set(signature.subarray(0, length))
  expect(isEd25519Signature(resized, message, keys.publicKey)).toBe(false)
  const resizedKey = new Uint8Array(length)
  resizedKey.set(keys.publicKey.subarray(0, length))
  expect(isEd25519Signature(signature, message, resizedKey)).toBe(false)
  expect(() => createKeyPair(resized)).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
})

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
