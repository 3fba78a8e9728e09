import { murmur364 } from '@multiformats/murmur3'
import { expect, test } from 'vitest'
import { murmur3Of } from '../src/murmur3.ts'
import { bytesOf } from './support.ts'

test('names of every length up to 300 bytes hash as those of the field do', async () => {
  for (let length = 0; length <= 300; length++) {
    for (const bytes of [bytesOf(length), new Uint8Array(length), new Uint8Array(length).fill(0xff)])
      expect([length, murmur3Of(bytes)]).toEqual([length, new Uint8Array(await murmur364.encode(bytes))])
  }
})
