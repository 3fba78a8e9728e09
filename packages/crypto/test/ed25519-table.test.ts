// The signatures on which the libraries of the field disagree, row by row, and libsodium's answer, which is ours with every engine.
import { ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, test } from 'vitest'
import { isPrimeOrderKey } from '../src/ed25519.ts'
import { portableEngine } from '../src/ed25519-engine.ts'
import { engines as nodeEngines } from '../src/ed25519-engine.node.ts'
import { isAdmissible, isAdmissibleKey } from '../src/ed25519-rules.ts'
import { SELF_TEST, type SelfTestCase } from '../src/ed25519-self-test.ts'
import { EDGE_CASES } from './edge-cases.ts'

interface Row extends SelfTestCase {
  /** What noble's own verifier answers, by default and in its strict mode: why it is not used. */
  readonly zip215: boolean
  readonly strict: boolean
}

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const own: readonly SelfTestCase[] = [
  ...EDGE_CASES.map((each) => ({
    ...each,
    publicKey: fromHex(each.publicKey),
    message: fromHex(each.message),
    signature: fromHex(each.signature),
  })),
  ...SELF_TEST,
]
const row = (name: string, zip215: boolean, strict: boolean): Row => ({ ...own.find((each) => each.name === name)!, zip215, strict })

const TABLE: readonly Row[] = [
  row('A = R = identity, S = 0', true, false),
  row('A = non-canonical identity', true, false),
  row('R = non-canonical identity', true, false), // under A = identity
  row('R with a component of order 8', true, true),
  row('key with a component of order 8, k divisible by 8', true, true),
  row('key with a component of order 8, k not divisible by 8', true, true),
  row('S + L', false, false),
]
const LIBSODIUM = [false, false, false, false, true, false, false]

describe.each([...nodeEngines, portableEngine])('the $name engine', (engine) => {
  test.each(TABLE.map((each, i) => ({ ...each, isValid: LIBSODIUM[i]! })))(
    'answers $isValid to: $name',
    ({ signature, message, publicKey, isValid }) => {
      expect(isAdmissible(signature, publicKey) && engine.isEqual(signature, message, publicKey)).toBe(isValid)
    },
  )

  test('takes a key for registration only when it is of prime order', () => {
    const good = ed25519.getPublicKey(new Uint8Array(32).fill(3))
    const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
    const mixed = ed25519.Point.fromBytes(good).add(torsion).toBytes()
    const answers = [good, mixed, fromHex(`02${'00'.repeat(31)}`)].map((key) => isAdmissibleKey(key) && engine.isPrimeOrder(key))
    expect(answers).toEqual([true, false, false])
  })
})

test.each(TABLE)("noble's own verifier would answer otherwise, in one mode or both: $name", ({ signature, message, publicKey, ...row }) => {
  const answer = (zip215: boolean): boolean => {
    try {
      return ed25519.verify(signature, message, publicKey, { zip215 })
    } catch {
      return false
    }
  }
  expect({ zip215: answer(true), strict: answer(false) }).toEqual({ zip215: row.zip215, strict: row.strict })
})

test('of the keys of the table only those without torsion may be registered', () => {
  const keys = new Set(own.map(({ publicKey }) => toHex(publicKey)))
  const registered = [...keys].filter((key) => isPrimeOrderKey(fromHex(key)))
  expect(registered).toEqual(['17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db'])
  for (const length of [0, 31, 33]) expect(isPrimeOrderKey(new Uint8Array(length).fill(1))).toBe(false)
})
