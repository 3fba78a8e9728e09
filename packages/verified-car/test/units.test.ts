/** Where a CAR or a proof may be cut without leaving its reader with bytes that it cannot verify, and how far a reader has verified it. */
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createVerifiedWalk, type VerifiedBlock, verifyBlocks, verifyCar, verifyProof, writeCar, writeProof } from '../src/index.ts'
import { identityCid } from './nodes.ts'
import { Blocks, bytesOf, carOf, chunked, collect, concat, importDirectory, importFile, joinParts } from './support.ts'

const blocks = new Blocks()
const FILE = await importFile(bytesOf(30_000), blocks, { chunker: fixedSize({ chunkSize: 5_000 }) })
/** Leaves that are dag-pb nodes: their length stands before them in a proof too. */
const WRAPPED = await importFile(bytesOf(30_000, 5), blocks, { chunker: fixedSize({ chunkSize: 5_000 }), rawLeaves: false })
const TREE = await importDirectory({ 'a/b': bytesOf(20), 'a/c': bytesOf(9_000, 3), d: bytesOf(1, 4) }, blocks)

interface Form {
  readonly name: string
  write(onUnitEnd: (offset: number) => void): AsyncIterable<Uint8Array>
  read(bytes: Uint8Array, chunkBytes: number): AsyncIterable<VerifiedBlock>
}

function carForm(name: string, cid: CID, scope: 'entity' | 'all', header: boolean): Form {
  return {
    name,
    write: (onUnitEnd) => writeCar(cid, blocks, { header, scope, onUnitEnd }),
    read: (bytes, chunkBytes) => verifyCar(chunked(bytes, chunkBytes), cid, { header, scope, onlyAsked: true }),
  }
}

function proofForm(name: string, cid: CID): Form {
  return {
    name,
    write: (onUnitEnd) => writeProof(cid, blocks, { onUnitEnd }),
    read: (bytes, chunkBytes) => verifyProof(chunked(bytes, chunkBytes), cid),
  }
}

const FORMS = [
  carForm('a CAR', FILE, 'entity', true),
  carForm('the CAR of a tree', TREE, 'all', false),
  proofForm('a proof', FILE),
  proofForm('a proof of wrapped leaves', WRAPPED),
]

async function written(form: Form): Promise<{ bytes: Uint8Array; ends: number[] }> {
  const ends: number[] = []
  const pieces: Uint8Array[] = []
  let handedOut = 0
  for await (const piece of form.write((offset) => ends.push(offset))) {
    handedOut += piece.length
    pieces.push(piece.slice())
    expect(ends.filter((end) => end > handedOut)).toEqual([]) // told with the last piece of its block
  }
  return { bytes: concat(pieces), ends }
}

test.each(FORMS)('$name: a unit ends with each block, and up to there all is verified', async (form) => {
  const { bytes, ends } = await written(form)
  expect(ends.length).toBeGreaterThan(4)
  expect(ends.at(-1)).toBe(bytes.length)
  for (const chunkBytes of [1, 700, bytes.length]) {
    const streamEnds: number[] = []
    for await (const { streamEnd } of form.read(bytes, chunkBytes)) streamEnds.push(streamEnd)
    expect(streamEnds).toEqual(ends)
  }
})

test.each(FORMS)('$name that is cut at the end of a unit leaves nothing unverified', async (form) => {
  const { bytes, ends } = await written(form)
  for (const end of ends) {
    let verified = 0
    try {
      for await (const { streamEnd } of form.read(bytes.subarray(0, end), 512)) verified = streamEnd
    } catch (error) {
      expect(error).toMatchObject({ code: 'CAR_TRUNCATED' })
    }
    expect(verified).toBe(end)
  }
})

test('what is asked of single blocks has no stream', async () => {
  for await (const { streamEnd } of verifyBlocks(FILE, blocks)) expect(streamEnd).toBe(0)
})

test('an inline section that nobody asked for is refused where each byte is paid for', async () => {
  const sections: { cid: CID; bytes: Uint8Array }[] = []
  for await (const { cid, block } of verifyBlocks(FILE, blocks)) sections.push({ cid, bytes: block.slice() })
  const padding = { cid: identityCid(bytesOf(5)), bytes: bytesOf(5) }
  const padded = carOf(FILE, [...sections.slice(0, 2), padding, ...sections.slice(2)])
  expect((await collect(verifyCar(chunked(padded, 700), FILE))).length).toBe(sections.length)
  await expect(collect(verifyCar(chunked(padded, 700), FILE, { onlyAsked: true }))).rejects.toMatchObject({ code: 'CAR_MALFORMED' })
})

test.each([
  ['of a tree, which is sent again from the start', TREE, 'all'],
  ['of a file, whose outer nodes are sent again', FILE, 'entity'],
] as const)('what a second source repeats %s is hashed again before it is counted', async (_, cid, scope) => {
  const all = await joinParts(writeCar(cid, blocks, { scope }))
  const sections: { cid: CID; bytes: Uint8Array }[] = []
  for await (const { cid: each, block } of verifyBlocks(cid, blocks, { scope })) sections.push({ cid: each, bytes: block.slice() })
  const ofFirst = carOf(cid, sections.slice(0, 3))

  const walk = createVerifiedWalk(cid, { scope })
  const seen: string[] = []
  const readAll = async (bytes: Uint8Array, onRepeated?: (streamEnd: number) => void): Promise<void> => {
    const source = chunked(bytes, 300)
    for await (const block of walk.readCar(source, onRepeated === undefined ? {} : { onRepeated })) seen.push(block.cid.toString())
  }
  await expect(readAll(ofFirst)).rejects.toMatchObject({ code: 'CAR_TRUNCATED' })
  const range = walk.resumeRange
  const repeats = range === undefined ? sections.slice(0, 3) : sections.slice(0, 1)

  for (const [index, repeat] of repeats.entries()) {
    const wrong = repeats.map((each) => (each === repeat ? { cid: each.cid, bytes: each.bytes.map((byte) => byte ^ 1) } : each))
    const told: number[] = []
    await expect(readAll(carOf(cid, wrong), (streamEnd) => told.push(streamEnd))).rejects.toMatchObject({
      code: expect.stringMatching(/^CAR_BAD_(HASH|NODE)$/),
    })
    expect(told).toEqual(repeats.slice(0, index).map((_each, place) => carOf(cid, repeats.slice(0, place + 1)).length))
  }

  const told: number[] = []
  await readAll(range === undefined ? all : await joinParts(writeCar(cid, blocks, { range })), (streamEnd) => told.push(streamEnd))
  expect(told).toEqual(repeats.map((_each, place) => carOf(cid, repeats.slice(0, place + 1)).length))
  expect(seen).toEqual(sections.map((each) => each.cid.toString())) // each once, whoever sent it
  expect(walk.isComplete).toBe(true)
})
