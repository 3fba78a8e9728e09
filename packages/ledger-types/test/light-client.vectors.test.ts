// Goal: the published vectors are what their generator makes, and the sources pass the script that every runtime runs over them.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generate } from '../vectors/generate.ts'
import run from './environments/conformance.ts'

const published = readFileSync(new URL('../vectors/light-client.json', import.meta.url), 'utf8')

test('are made as they stand, byte for byte', () => {
  expect(generate()).toBe(published)
})

test('are believed and refused by the sources', async () => {
  expect((await run()).epoch).toBe(1)
})
