import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DOMAINS, hashTranscript, LEDGER_TAGS, sessionIdOf, transcriptOf, type SessionIdInputs } from '../src/transcript.ts'

test('no domain is a prefix of another', () => {
  const all = [...Object.values(DOMAINS), ...Object.values(LEDGER_TAGS).map((tag) => String.fromCharCode(tag))]
  const clashes = all.flatMap((a, i) => all.filter((b, j) => i !== j && b.startsWith(a)).map((b) => [a, b]))
  expect(clashes).toEqual([])
  expect(new Set(all).size).toBe(all.length)
})

test('every domain is selvedge/<what>/<version> and one NUL, or the acknowledgement tag', () => {
  for (const domain of Object.values(DOMAINS)) expect(domain).toMatch(/^(selvedge\/[a-z-]+(\/[a-z-]+)?\/[1-9][0-9]*\0|SLVDACK1)$/)
})

test("the ledger's tags are bytes below 0x20, which begin no domain", () => {
  for (const tag of Object.values(LEDGER_TAGS)) expect(tag < 0x20 && Number.isInteger(tag)).toBe(true)
  for (const domain of Object.values(DOMAINS)) expect(domain.charCodeAt(0)).toBeGreaterThanOrEqual(0x20)
})

test('a transcript is the domain and then its parts, byte for byte', () => {
  expect(Buffer.from(transcriptOf('sessionHello', new Uint8Array([1, 2]), new Uint8Array(), new Uint8Array([3]))).toString('latin1')).toBe(
    'selvedge/session-hello/1\0\x01\x02\x03',
  )
  const expected = createHash('sha256').update('selvedge/discovery/1\0').update('x').digest('hex')
  expect(Buffer.from(hashTranscript('discovery', new TextEncoder().encode('x'))).toString('hex')).toBe(expected)
})

const INPUTS: SessionIdInputs = {
  chainId: 1337,
  account: new Uint8Array(20),
  sessionKey: new Uint8Array(32).fill(1),
  nodeKey: new Uint8Array(32).fill(2),
  laneNonce: 3n,
  epoch: 4n,
  clientRand: new Uint8Array(16).fill(5),
  nodeRand: new Uint8Array(16).fill(6),
}

test('a session id is the first 16 bytes of SHA-256 over the layout of the specification', () => {
  const preimage = `${'00'.repeat(20)}${'01'.repeat(32)}${'02'.repeat(32)}0300000000000000${'0400000000000000'}${'05'.repeat(16)}${'06'.repeat(16)}`
  const expected = createHash('sha256')
    .update('selvedge/dack/session/1\0')
    .update(Buffer.from(`39050000${preimage}`, 'hex'))
    .digest('hex')
  expect(Buffer.from(sessionIdOf(INPUTS)).toString('hex')).toBe(expected.slice(0, 32))
})

test.each([
  { account: new Uint8Array(19) },
  { sessionKey: new Uint8Array(33) },
  { nodeKey: new Uint8Array(0) },
  { clientRand: new Uint8Array(15) },
  { nodeRand: new Uint8Array(17) },
  { chainId: 2 ** 32 },
  { chainId: -1 },
  { laneNonce: -1n },
  { epoch: 2n ** 64n },
])('a part of another width is refused: %o', (part) => {
  expect(() => sessionIdOf({ ...INPUTS, ...part })).toThrow(expect.objectContaining({ code: 'CRYPTO_BAD_LENGTH' }))
})
