import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { fromHex } from '../src/address.ts'
import { encodeDiscovery, verifyDiscovery } from '../src/discovery.ts'
import { generate } from '../vectors/generate.ts'

interface Vectors {
  readonly key: string
  readonly cases: readonly {
    readonly name: string
    readonly file: string
    readonly signature: string
    readonly rules: { readonly chainId: number; readonly epochSeen: number; readonly nowMs: number }
    readonly code?: string
  }[]
}

const text = await readFile(new URL('../vectors/discovery.json', import.meta.url), 'utf8')
const { key, cases } = JSON.parse(text) as Vectors

test.each(cases)('published discovery document: $name', ({ file, signature, rules, code }) => {
  const bytes = new TextEncoder().encode(file)
  const verify = (): unknown => encodeDiscovery(verifyDiscovery(bytes, fromHex(signature), { ...rules, key: fromHex(key) }))
  if (code === undefined) expect(verify()).toEqual(bytes)
  else expect(verify).toThrow(expect.objectContaining({ code }))
})

test('the published data is what its generator makes', () => {
  expect(generate()).toBe(text)
})
