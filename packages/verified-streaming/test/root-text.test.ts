// Goal: a root has the two text forms that people paste, and nothing else is taken for one.
import { expect, test } from 'vitest'
import { formatRoot, hash, parseRoot } from '../src/index.ts'

/** Another way to base32: the number's binary digits, five at a time. */
function base32Of(root: Uint8Array): string {
  const bits = `${[...root].map((byte) => byte.toString(2).padStart(8, '0')).join('')}0000`
  return bits.replaceAll(/.{5}/g, (five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]!)
}

test('hexadecimal and base32 of a root are read back, in either case', () => {
  for (let i = 0; i < 64; i++) {
    const root = hash(Uint8Array.of(i))
    expect(parseRoot(formatRoot(root))).toEqual(root)
    expect(parseRoot(formatRoot(root).toUpperCase())).toEqual(root)
    expect(parseRoot(base32Of(root))).toEqual(root)
    expect(parseRoot(` ${base32Of(root).toUpperCase()}\n`)).toEqual(root)
  }
})

test('what is no text is told like what is no root', () => {
  for (const none of [null, undefined, 7, {}])
    expect(() => parseRoot(none as never)).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
  expect(() => parseRoot('bafybeigdyrzt')).toThrow('not "bafybeigdyrzt" (13)')
  expect(() => parseRoot('x\n'.repeat(1000))).toThrow(/^[^\n]{0,200}$/)
})

test.each(['', 'ab', '0'.repeat(63), '0'.repeat(65), 'g'.repeat(64), `${'a'.repeat(51)}b`, '1'.repeat(52)])('"%s" is no root', (text) => {
  expect(() => parseRoot(text)).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
})
