/** Access tokens: one form, one maker, and a time that is counted in seconds. */
import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type AccessToken, decodeAccessToken, decodeTokenAsk, encodeTokenAsk, encodeTokenFields, tokenNameOf } from '../src/access-token.ts'
import { createTokenMint } from '../src/token-mint.node.ts'

const NOW = 1_700_000_000
const SESSION = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const ABOUT = { sessionId: SESSION, serviceId: 0x01020304, scope: 'any', serial: 0x0a0b0c0d } as const
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function mintAt(clock: { seconds: number }, first = 0): ReturnType<typeof createTokenMint> {
  let count = first
  return createTokenMint({ nowSeconds: () => clock.seconds, randomBytes: (bytes) => new Uint8Array(bytes).fill(++count) })
}
const codeOf = (act: () => unknown): unknown => {
  try {
    act()
    return 'taken'
  } catch (error) {
    return (error as { laneCode?: number }).laneCode
  }
}

describe('the form', () => {
  test('is 48 bytes: session, service, expiry, scope, serial, zeros, and 16 bytes of an HMAC with the domain before it', () => {
    const token = mintAt({ seconds: NOW }).issue({ ...ABOUT, ttlSeconds: 60 })
    const fields = `0102030405060708090a0b0c0d0e0f10${'04030201'}${'3cf15365'}${'01'}${'0d0c0b0a'}${'00'.repeat(3)}`
    const mac = createHmac('sha256', Buffer.alloc(32, 1))
      .update('selvedge/access-token/1\0')
      .update(Buffer.from(fields, 'hex'))
      .digest('hex')
    expect(hex(token)).toBe(fields + mac.slice(0, 32))
    expect(decodeAccessToken(token)).toEqual({ ...ABOUT, expirySeconds: NOW + 60 })
  })

  test('is the only one: what is decoded encodes to the same bytes, and all else is refused', () => {
    const token = mintAt({ seconds: NOW }).issue({ ...ABOUT, ttlSeconds: 600 })
    expect(hex(encodeTokenFields(decodeAccessToken(token)))).toBe(hex(token.subarray(0, 32)))
    for (let length = 0; length < 48; length++) expect(codeOf(() => decodeAccessToken(token.subarray(0, length)))).toBe(1)
    expect(codeOf(() => decodeAccessToken(Uint8Array.of(...token, 0)))).toBe(1)
    for (let at = 29; at < 32; at++) expect(codeOf(() => decodeAccessToken(token.with(at, 1)))).toBe(1)
    for (const serial of [0, 1, 2 ** 32 - 1]) {
      const fields = encodeTokenFields({ ...ABOUT, expirySeconds: NOW, serial })
      expect(decodeAccessToken(Uint8Array.of(...fields, ...new Uint8Array(16)))).toMatchObject({ serial })
    }
    for (let scope = 2; scope < 256; scope++) expect(codeOf(() => decodeAccessToken(token.with(24, scope)))).toBe(1)
  })

  test('a holder tells under a name that is its token’s and says nothing of its MAC', () => {
    const mint = mintAt({ seconds: NOW })
    const [first, second] = [1, 2].map((serial) => mint.issue({ ...ABOUT, ttlSeconds: 60, serial }))
    expect(tokenNameOf(first!)).toBe(createHash('sha256').update(first!).digest('hex').slice(0, 32))
    expect(tokenNameOf(first!)).not.toBe(tokenNameOf(second!))
  })

  test('TOKEN asks in 9 bytes, for 1 to 600 seconds and one of two scopes', () => {
    for (const scope of ['read', 'any'] as const) {
      for (const ttlSeconds of [1, 59, 600]) {
        const ask = { serviceId: 2 ** 32 - 1, ttlSeconds, scope }
        expect(decodeTokenAsk(encodeTokenAsk(ask))).toEqual(ask)
      }
    }
    const ask = encodeTokenAsk({ serviceId: 5, ttlSeconds: 60, scope: 'any' })
    expect(hex(ask)).toBe('050000003c00000001')
    for (const ttl of [0, 601, 60_000, 2 ** 32 - 1]) {
      const body = ask.slice()
      new DataView(body.buffer).setUint32(4, ttl, true)
      expect(codeOf(() => decodeTokenAsk(body))).toBe(1)
    }
    for (let scope = 2; scope < 256; scope++) expect(codeOf(() => decodeTokenAsk(ask.with(8, scope)))).toBe(1)
  })
})

describe('a node takes its own tokens only', () => {
  test('each bit changed makes it none', () => {
    const mint = mintAt({ seconds: NOW })
    const token = mint.issue({ ...ABOUT, ttlSeconds: 60 })
    for (let bit = 0; bit < 48 * 8; bit++) {
      const changed = token.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(codeOf(() => mint.open(changed))).toBe(6)
    }
    expect(codeOf(() => mint.open(token))).toBe('taken')
  })

  test('cut short, too long, or of another node it is none', () => {
    const mint = mintAt({ seconds: NOW })
    const token = mint.issue({ ...ABOUT, ttlSeconds: 60 })
    for (let length = 0; length < 48; length++) expect(codeOf(() => mint.open(token.subarray(0, length)))).toBe(6)
    expect(codeOf(() => mint.open(Uint8Array.of(...token, 0)))).toBe(6)
    expect(codeOf(() => mintAt({ seconds: NOW }, 100).open(token))).toBe(6)
  })

  test('of the day before it is taken, of the day before that not: its secret is gone', () => {
    const clock = { seconds: NOW }
    const mint = mintAt(clock)
    clock.seconds += 86_399
    const token = mint.issue({ ...ABOUT, ttlSeconds: 600 })
    clock.seconds += 2
    const next = mint.issue({ ...ABOUT, ttlSeconds: 600 })
    expect(hex(next.subarray(32))).not.toBe(hex(token.subarray(32)))
    expect([codeOf(() => mint.open(token)), codeOf(() => mint.open(next))]).toEqual(['taken', 'taken'])
    clock.seconds += 86_400
    expect(codeOf(() => mint.open(token))).toBe(6)
    clock.seconds += 86_400 * 40
    expect(codeOf(() => mint.open(next))).toBe(6)
  })
})

describe('its time is in seconds', () => {
  // Elsewhere a lifetime in minutes was added as so many milliseconds.
  test.each([1, 60, 600])('one of %i s is good in the last of them and not after', (ttlSeconds) => {
    const clock = { seconds: NOW }
    const mint = mintAt(clock)
    const token = mint.issue({ ...ABOUT, ttlSeconds })
    expect(decodeAccessToken(token).expirySeconds).toBe(NOW + ttlSeconds)
    clock.seconds = NOW + ttlSeconds - 1
    expect(codeOf(() => mint.open(token))).toBe('taken')
    expect(mint.secondsLeft(decodeAccessToken(token))).toBe(1)
    clock.seconds = NOW + ttlSeconds
    expect(codeOf(() => mint.open(token))).toBe(5)
    expect(mint.secondsLeft(decodeAccessToken(token))).toBe(0)
  })

  test('a clock that is set back lengthens no life beyond ten minutes', () => {
    const clock = { seconds: NOW }
    const mint = mintAt(clock)
    const token = mint.issue({ ...ABOUT, ttlSeconds: 600 })
    clock.seconds = NOW - 1
    expect(codeOf(() => mint.open(token))).toBe(5)
    const far: AccessToken = { ...ABOUT, expirySeconds: 2 ** 32 - 1 }
    expect(mint.secondsLeft(far)).toBe(0)
  })
})
