import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type BlockstoreComponents, type BlockstoreOptions, type Blockstore, createBlockstore } from '../../src/index.ts'

/** A folder for each test, and stores in it that are stopped after it. */
export function useStoreFolder(): {
  path: () => string
  open: (options?: Partial<BlockstoreOptions>, components?: BlockstoreComponents) => Promise<Blockstore>
} {
  let path = ''
  let stores: Blockstore[] = []
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'selvedge-blockstore-'))
  })
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.stop()))
    stores = []
    await rm(path, { recursive: true })
  })
  return {
    path: () => path,
    open: async (options = {}, components = {}) => {
      const store = createBlockstore(components, { path, ...options })
      stores.push(store)
      await store.start()
      return store
    },
  }
}
