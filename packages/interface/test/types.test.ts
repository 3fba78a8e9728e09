import type { CID } from 'multiformats/cid'
import { readdirSync } from 'node:fs'
import { expect, expectTypeOf, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import type { Cid } from '../src/index.ts'

test('a CID of multiformats fits', () => {
  expectTypeOf<CID>().toExtend<Cid>()
})

test('each file has its subpath, and nothing runs', async () => {
  const files = readdirSync(new URL('../src', import.meta.url)).map((name) => name.replace(/\.ts$/, ''))
  const subpaths = Object.keys(manifest.exports).map((subpath) => subpath.slice(2))
  expect(subpaths.filter((subpath) => subpath !== '' && subpath !== 'package.json').sort()).toEqual(
    files.filter((file) => file !== 'index').sort(),
  )
  for (const file of files) expect(Object.keys(await import(`../src/${file}.ts`))).toEqual([])
})
