import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSha256, sha256 } from '../src/sha256.ts'
import * as nodeEngine from '../src/sha256-engine.node.ts'
import * as portableEngine from '../src/sha256-engine.ts'

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('the hash of abc is the published one', () => {
  expect(toHex(sha256(new TextEncoder().encode('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(toHex(sha256(new Uint8Array()))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

test('native and portable agree, whole and in pieces, views into larger buffers included', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
      const padded = new Uint8Array(bytes.length + 9)
      padded.set(bytes, 5)
      const view = padded.subarray(5, 5 + bytes.length)
      const pieces = createSha256().update(view.subarray(0, at)).update(view.subarray(at)).digest()
      const portable = portableEngine.createHash()
      portable.update(view)
      const answers = [sha256(view), pieces, portableEngine.hashBytes(view), nodeEngine.hashBytes(view), portable.digest()].map(toHex)
      expect(new Set(answers).size).toBe(1)
    }),
  )
})

test('the digest is a plain Uint8Array, so that slice copies', () => {
  const digest = sha256(new Uint8Array(1))
  expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype)
  expect(Object.getPrototypeOf(createSha256().digest())).toBe(Uint8Array.prototype)
})

test('a finished hash refuses further use', () => {
  const hash = createSha256()
  hash.digest()
  const refused = expect.objectContaining({ code: 'CRYPTO_FINISHED' })
  expect(() => hash.digest()).toThrow(refused)
  expect(() => hash.update(new Uint8Array(1))).toThrow(refused)
})
