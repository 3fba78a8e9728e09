import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBlockstore } from '../src/conformance.ts'
import { createBlockstore } from '../src/index.ts'
import { createMemoryBlockstore } from '../src/memory.ts'

let folder: string
let count = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-blockstore-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('on disk', () => {
  checkBlockstore({ test, expect, create: (options) => createBlockstore({}, { path: join(folder, String(count++)), ...options }) })
})

describe('in memory', () => {
  checkBlockstore({ test, expect, create: (options) => createMemoryBlockstore({}, options) })
})
