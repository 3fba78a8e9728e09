// Goal: a head says what was written, and nothing else passes for one.
import { expect, test } from 'vitest'
import { encodeFileHead, FILE_HEAD_BYTES, fileVersionOf } from '../src/file-head.ts'

test('a head says its version, whatever follows and wherever it lies', () => {
  for (const version of [1, 2, 2 ** 32 - 1]) {
    const file = new Uint8Array([9, 9, ...encodeFileHead({ magic: 'SVAK', version }), 1, 2, 3])
    expect(fileVersionOf(file.subarray(2), 'SVAK')).toBe(version)
    expect(fileVersionOf(file.subarray(2), 'SVNC')).toBeUndefined()
  }
  expect(Buffer.from(encodeFileHead({ magic: 'SVAK', version: 1 })).toString('hex')).toBe('5356414b010000005723b470fe91a697')
})

test('a changed, short or impossible head is damaged, and what has no magic is none', () => {
  const head = encodeFileHead({ magic: 'SVAK', version: 7 })
  for (let at = 0; at < FILE_HEAD_BYTES; at++) {
    const changed = head.slice()
    changed[at]! ^= 1
    expect(fileVersionOf(changed, 'SVAK')).toBe(at < 4 ? undefined : 'damaged')
  }
  for (let length = 0; length < FILE_HEAD_BYTES; length++)
    expect(fileVersionOf(head.subarray(0, length), 'SVAK')).toBe(length < 4 ? undefined : 'damaged')
  expect(fileVersionOf(encodeFileHead({ magic: 'SVAK', version: 0 }), 'SVAK')).toBe('damaged')
})
