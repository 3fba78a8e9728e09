import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeCertificate, encodePrivateKey } from '../src/certificate.node.ts'
import { encodeElement } from '../src/der.node.ts'
import { createKeyPair } from '../src/ed25519.ts'

const keys = createKeyPair(new Uint8Array(32).fill(5))

test('the certificate carries the Ed25519 key, signed by itself', () => {
  const certificate = new X509Certificate(encodeCertificate(keys))
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.publicKey.export({ format: 'jwk' }).x).toBe(Buffer.from(keys.publicKey).toString('base64url'))
  expect(certificate.subject).toBe('CN=selvedge')
})

test('equal keys have equal certificates, others have others', () => {
  expect(encodeCertificate(createKeyPair(keys.seed))).toEqual(encodeCertificate(keys))
  expect(encodeCertificate(createKeyPair())).not.toEqual(encodeCertificate(keys))
})

test('the private key signs for the certificate', () => {
  const key = createPrivateKey({ key: Buffer.from(encodePrivateKey(keys)), format: 'der', type: 'pkcs8' })
  const message = Buffer.from('hello')
  expect(verify(null, message, createPublicKey(key), sign(null, message, key))).toBe(true)
  expect(createPublicKey(key).export({ format: 'jwk' }).x).toBe(Buffer.from(keys.publicKey).toString('base64url'))
})

/** What stands at `offset`: its tag, where its content begins and ends. Throws where a length is not in as few bytes as it takes. */
function elementAt(bytes: Uint8Array, offset: number): { readonly tag: number; readonly start: number; readonly end: number } {
  const [tag, first] = [bytes[offset]!, bytes[offset + 1]!]
  const octets = first < 0x80 ? [] : [...bytes.subarray(offset + 2, offset + 2 + first - 0x80)]
  const length = first < 0x80 ? first : octets.reduce((value, octet) => value * 256 + octet, 0)
  const isMinimal = first < 0x80 || (octets.length === first - 0x80 && octets[0] !== 0 && length >= 0x80)
  if (!isMinimal) throw new Error(`the length at ${offset} is no DER`)
  const start = offset + 2 + octets.length
  return { tag, start, end: start + length }
}

/** Counts the elements from `offset` to `end`, those inside of them too. */
function elementsIn(bytes: Uint8Array, offset: number, end: number): number {
  let count = 0
  for (let at = offset; at < end; ) {
    const { tag, start, end: next } = elementAt(bytes, at)
    if (next > end) throw new Error(`the element at ${at} is longer than what it is in`)
    const isConstructed = (tag & 0x20) !== 0
    count += 1 + (isConstructed ? elementsIn(bytes, start, next) : 0)
    at = next
  }
  return count
}

test('every length in the certificate is in as few bytes as it takes, whatever the key', () => {
  for (let seed = 0; seed < 200; seed++) {
    const bytes = encodeCertificate(createKeyPair(new Uint8Array(32).fill(seed)))
    expect(bytes.length).toBe(215)
    expect(elementsIn(bytes, 0, bytes.length)).toBe(27)
    expect(new X509Certificate(bytes).raw.equals(bytes)).toBe(true)
  }
})

test('an element of any size is minimal: one, two, three and four bytes of length, and both sides of where they change', () => {
  const heads = (size: number): string =>
    Buffer.from(encodeElement(0x04, new Uint8Array(size)))
      .subarray(0, -size || undefined)
      .toString('hex')
  expect([0, 1, 127, 128, 255, 256, 65_535, 65_536].map(heads)).toEqual([
    '0400',
    '0401',
    '047f',
    '048180',
    '0481ff',
    '04820100',
    '0482ffff',
    '0483010000',
  ])
  for (let size = 0; size < 70_000; size += 1 + (size >> 6)) {
    const element = encodeElement(0x30, encodeElement(0x04, new Uint8Array(size)))
    expect(elementsIn(element, 0, element.length)).toBe(2)
  }
})
