import { bls12_381 } from '@noble/curves/bls12-381.js'
import { describe, expect, test } from 'vitest'
import {
  aggregateBls,
  createBlsKeyPair,
  createBlsKeyring,
  isBlsKey,
  isBlsPossession,
  isBlsSignature,
  verifyBls,
  verifyBlsPossession,
} from '../src/bls.ts'
import { portableEngine } from '../src/bls-engine.ts'
import { engines as nodeEngines } from '../src/bls-engine.node.ts'
import type { BlsEngine } from '../src/bls-rules.ts'
import {
  blsFaultOf,
  KEY_IDENTITY,
  KEY_OUTSIDE,
  PUBLIC_KEY,
  SIGNATURE,
  SIGNATURE_IDENTITY,
  SIGNATURE_OUTSIDE,
} from '../src/bls-self-test.ts'

const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const MESSAGE = new TextEncoder().encode('block 7')
const native = nodeEngines[0]!

test('blst and the portable engine are both under test, blst first', () => {
  expect(nodeEngines.map(({ name }) => name)).toEqual(['blst', 'portable'])
})

describe.each(nodeEngines)('the $name engine', (engine) => {
  test('passes the self-test', () => {
    expect(blsFaultOf(engine)).toBeUndefined()
  })

  test('makes the keys and signatures that the other makes', () => {
    for (const byte of [0, 1, 255]) {
      const [one, other] = [engine, portableEngine].map((each) => each.createSigner(seedOf(byte)))
      expect(one!.publicKey).toEqual(other!.publicKey)
      expect(one!.sign(MESSAGE)).toEqual(other!.sign(MESSAGE))
    }
  })

  test('adds signatures up, and takes the sum for exactly the keys that signed', () => {
    const signers = [1, 2, 3].map((byte) => engine.createSigner(seedOf(byte)))
    const keys = signers.map(({ publicKey }) => engine.parseKey(publicKey)!)
    const parts = signers.map(({ sign }) => engine.parseSignature(sign(MESSAGE))!)
    const sum = engine.parseSignature(engine.sum(parts))!
    expect(engine.sum(parts)).toEqual(portableEngine.sum(parts.map((part) => portableEngine.parseSignature(part.toBytes())!)))
    expect(engine.isEqual(sum, MESSAGE, keys)).toBe(true)
    expect(engine.isEqual(sum, MESSAGE, keys.slice(1))).toBe(false)
    expect(engine.isEqual(sum, MESSAGE, [...keys, keys[0]!])).toBe(false)
    expect(engine.isEqual(sum, new Uint8Array(), keys)).toBe(false)
  })

  test('says no when the keys add up to the identity', () => {
    const { publicKey, sign } = engine.createSigner(seedOf(1))
    const opposite = bls12_381.G1.Point.fromBytes(publicKey).negate().toBytes()
    const keys = [publicKey, opposite].map((bytes) => engine.parseKey(bytes)!)
    expect(engine.isEqual(engine.parseSignature(sign(MESSAGE))!, MESSAGE, keys)).toBe(false)
  })

  test.each([
    ['the identity', KEY_IDENTITY, SIGNATURE_IDENTITY],
    ['a point outside the subgroup', KEY_OUTSIDE, SIGNATURE_OUTSIDE],
    ['zeros', new Uint8Array(48), new Uint8Array(96)],
    ['ones', new Uint8Array(48).fill(255), new Uint8Array(96).fill(255)],
    ['an identity with a sign', KEY_IDENTITY.with(0, 0xe0), SIGNATURE_IDENTITY.with(0, 0xe0)],
    ['an identity with bits behind it', KEY_IDENTITY.with(47, 1), SIGNATURE_IDENTITY.with(95, 1)],
    ['uncompressed flags', PUBLIC_KEY.with(0, PUBLIC_KEY[0]! & 0x7f), SIGNATURE.with(0, SIGNATURE[0]! & 0x7f)],
  ])('takes %s neither for a key nor for a signature', (_, key, signature) => {
    expect([engine.parseKey(key), engine.parseSignature(signature)]).toEqual([undefined, undefined])
  })

  test('decides of every first byte and of many flipped ones as blst does', () => {
    const variants = Array.from({ length: 256 }, (_, byte) => byte).flatMap((byte) => [
      [PUBLIC_KEY.with(0, byte), SIGNATURE.with(0, byte)] as const,
    ])
    for (let i = 1; i < 48; i += 5) variants.push([PUBLIC_KEY.with(i, PUBLIC_KEY[i]! ^ 1), SIGNATURE.with(2 * i, SIGNATURE[2 * i]! ^ 1)])
    const answers = (by: BlsEngine): boolean[][] =>
      variants.map(([key, signature]) => [by.parseKey(key) !== undefined, by.parseSignature(signature) !== undefined])
    expect(answers(engine)).toEqual(answers(native))
  })
})

test.each([
  ['key', (engine: BlsEngine): BlsEngine => ({ ...engine, parseKey: (bytes) => engine.parseKey(bytes) ?? engine.parseKey(PUBLIC_KEY) })],
  [
    'signature',
    (engine: BlsEngine): BlsEngine => ({
      ...engine,
      parseSignature: (bytes) => engine.parseSignature(bytes) ?? engine.parseSignature(SIGNATURE),
    }),
  ],
  ['answer', (engine: BlsEngine): BlsEngine => ({ ...engine, isEqual: () => true })],
])('an engine that is wrong in its %s does not pass the self-test', (_, broken) => {
  expect(blsFaultOf(broken(native))).toBeTypeOf('string')
})

test('what a key pair signs verifies, and every flipped byte of it does not', () => {
  const keys = createBlsKeyPair(seedOf(9))
  const signature = keys.sign(MESSAGE)
  expect([keys.publicKey.length, signature.length]).toEqual([48, 96])
  verifyBls(signature, MESSAGE, keys.publicKey)
  const parts = [signature, MESSAGE.slice(), keys.publicKey] as const
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      part[i]! ^= 4
      expect(() => verifyBls(...parts)).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_SIGNATURE' }))
      part[i]! ^= 4
    }
  }
  verifyBls(...parts)
})

test('a seed gives its key again, none gives a fresh one, and another length is refused', () => {
  expect(createBlsKeyPair(seedOf(9)).publicKey).toEqual(createBlsKeyPair(seedOf(9)).publicKey)
  expect(createBlsKeyPair().publicKey).not.toEqual(createBlsKeyPair().publicKey)
  for (const length of [0, 31, 33]) {
    expect(() => createBlsKeyPair(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
  }
})

test.each([0, 47, 49, 95, 97])('%i bytes are neither a key nor a signature', (length) => {
  const keys = createBlsKeyPair(seedOf(1))
  expect(isBlsKey(new Uint8Array(length))).toBe(false)
  expect(isBlsSignature(new Uint8Array(length), MESSAGE, keys.publicKey)).toBe(false)
  expect(isBlsSignature(keys.sign(MESSAGE), MESSAGE, new Uint8Array(length))).toBe(false)
})

test('possession is proven for the key itself and for no other, and is no signature over the key', () => {
  const [mine, other] = [createBlsKeyPair(seedOf(1)), createBlsKeyPair(seedOf(2))]
  verifyBlsPossession(mine.provePossession(), mine.publicKey)
  expect(isBlsPossession(other.provePossession(), mine.publicKey)).toBe(false)
  expect(isBlsPossession(mine.sign(mine.publicKey), mine.publicKey)).toBe(false)
  expect(() => verifyBlsPossession(other.provePossession(), mine.publicKey)).toThrow(
    expect.objectContaining({ code: 'CRYPTO_BAD_SIGNATURE' }),
  )
})

test('a key made from others signs for them, and has no proof of possession', () => {
  const [victim, attacker] = [createBlsKeyPair(seedOf(1)), createBlsKeyPair(seedOf(2))]
  const { Point } = bls12_381.G1
  const rogue = Point.fromBytes(attacker.publicKey).subtract(Point.fromBytes(victim.publicKey)).toBytes()
  const keyring = createBlsKeyring([victim.publicKey, rogue])
  expect(keyring.isAggregate(attacker.sign(MESSAGE), MESSAGE, [0, 1])).toBe(true) // why possession must be proven
  expect(isBlsPossession(attacker.provePossession(), rogue)).toBe(false)
})

test('an aggregate stands for exactly its signers, ascending, and for nobody else', () => {
  const members = [1, 2, 3, 4].map((byte) => createBlsKeyPair(seedOf(byte)))
  const keyring = createBlsKeyring(members.map(({ publicKey }) => publicKey))
  const aggregate = aggregateBls([0, 2, 3].map((i) => members[i]!.sign(MESSAGE)))
  const signers = [[0, 2, 3], [2, 0, 3], [0, 2], [0, 1, 2, 3], [0, 2, 2, 3], [], [0, 2, 4], [-1], [0.5]]
  expect(keyring.size).toBe(4)
  expect(signers.map((each) => keyring.isAggregate(aggregate, MESSAGE, each))).toEqual([true, ...signers.slice(1).map(() => false)])
  expect(keyring.isSigned(members[1]!.sign(MESSAGE), MESSAGE, 1)).toBe(true)
  expect(keyring.isSigned(members[1]!.sign(MESSAGE), MESSAGE, 0)).toBe(false)
  expect(keyring.isAggregate(SIGNATURE_IDENTITY, MESSAGE, [0, 1])).toBe(false)
})

test('what is no signature is not added up, and what is no key joins no keyring', () => {
  const keys = createBlsKeyPair(seedOf(1))
  const good = keys.sign(MESSAGE)
  expect(aggregateBls([good])).toEqual(good)
  expect(() => aggregateBls([])).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
  for (const bad of [SIGNATURE_OUTSIDE, SIGNATURE_IDENTITY, new Uint8Array(95)]) {
    expect(() => aggregateBls([good, bad])).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_SIGNATURE', details: { index: 1 } }))
  }
  for (const bad of [KEY_OUTSIDE, KEY_IDENTITY, new Uint8Array(47)]) {
    expect(() => createBlsKeyring([keys.publicKey, bad])).toThrow(
      expect.objectContaining({ code: 'CRYPTO_BAD_KEY', details: { index: 1 } }),
    )
  }
})
