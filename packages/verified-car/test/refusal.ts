import type { CID } from 'multiformats/cid'
import { expect } from 'vitest'
import { CarError, type CarErrorCode, verifyBlocks, verifyCar, type WalkOptions, writeCar } from '../src/index.ts'
import { type Blocks, carOf, chunked, collect, joinParts } from './support.ts'

/** The code with which every reader and writer refuses `root`; they must agree. */
export async function refusal(root: CID, blocks: Blocks, options: WalkOptions = {}): Promise<CarErrorCode> {
  const codes = await Promise.all([
    codeOf(() => collect(verifyBlocks(root, blocks, options))),
    codeOf(() => joinParts(writeCar(root, blocks, options))),
    codeOf(async () => await collect(verifyCar(chunked(carOf(root, await honestOrder(root, blocks, options)), 100_000), root, options))),
  ])
  expect(new Set(codes).size).toBe(1)
  return codes[0]!
}

/** What a source would send that checks nothing: blocks in the order in which our walk asks for them, until it refuses. */
async function honestOrder(root: CID, blocks: Blocks, options: WalkOptions): Promise<{ cid: CID; bytes: Uint8Array }[]> {
  const sections: { cid: CID; bytes: Uint8Array }[] = []
  const port = {
    get: async (cid: CID) => {
      const bytes = await blocks.get(cid)
      sections.push({ cid, bytes })
      return bytes
    },
  }
  await collect(verifyBlocks(root, port, options)).catch(() => undefined)
  return sections
}

export async function codeOf(run: () => Promise<unknown>): Promise<CarErrorCode> {
  try {
    await run()
  } catch (error) {
    if (error instanceof CarError) return error.code
    throw error
  }
  throw new Error('it should have been refused')
}
