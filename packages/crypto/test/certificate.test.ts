import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeCertificate, encodePrivateKey } from '../src/certificate.node.ts'
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
