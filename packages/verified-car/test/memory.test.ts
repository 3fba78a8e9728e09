import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { encodeCarHeader, encodeSectionHead, flatBytes, verifyCar } from '../src/index.ts'
import { FILE, putNode, putRaw } from './nodes.ts'
import { Blocks, bytesOf } from './support.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const MIB = 2 ** 20

async function heldMib(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve)) // buffers that died in this turn are counted until it ends
  collectGarbage()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return (heapUsed + external + arrayBuffers) / MIB
}

test.each([65_536, 1_000])('a large file passes through in the memory of one block, in chunks of %i bytes', async (chunkBytes) => {
  const count = chunkBytes === 65_536 ? 384 : 48
  const blocks = new Blocks()
  const leaf = bytesOf(MIB)
  const cid = await putRaw(blocks, leaf)
  const root = await putNode(
    blocks,
    { type: FILE, blockSizes: Array<number>(count).fill(MIB) },
    Array.from({ length: count }, () => ({ cid })),
  )
  const car = async function* (): AsyncGenerator<Uint8Array> {
    const node = await blocks.get(root)
    yield* [encodeCarHeader([root]), encodeSectionHead(root, node.length), node]
    for (let index = 0; index < count; index++) {
      yield encodeSectionHead(cid, MIB)
      for (let offset = 0; offset < MIB; offset += chunkBytes) yield leaf.slice(offset, offset + chunkBytes) // fresh memory, as from a socket
    }
  }
  const samples: number[] = []
  for await (const { offset, bytes } of flatBytes(verifyCar(car(), root))) {
    if (offset % (count * (MIB / 8)) < bytes.length) samples.push(await heldMib())
  }
  expect(samples.length).toBeGreaterThanOrEqual(8)
  const half = samples.length >> 1 // what is kept raises the floor; what is on its way to the collector does not
  expect(Math.min(...samples.slice(half)) - Math.min(...samples.slice(0, half))).toBeLessThan(4)
})
