/** Gateways that lie: each lie has its code, nothing wrong is handed on, and the next gateway goes on. */
import { type CarError, encodeCarHeader, encodeSectionHead } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { afterEach, describe, expect, test } from 'vitest'
import { type Behaviour, bytesOf, CAR_TYPE, carFor, flat, keyOf, write } from './support.ts'
import { blocks, closeAll, CONTENT, failure, flipped, honest, LEAF, originOf, other, root, start } from './world.ts'

afterEach(closeAll)

const lies: [string, string, Behaviour][] = [
  ['a bit in a leaf', 'CAR_BAD_HASH', flipped(150_000)],
  ['a bit in an interior node', 'CAR_BAD_NODE', flipped(120)],
  [
    'another file, valid in itself',
    'CAR_WRONG_ROOT',
    async (asked, response) =>
      void response.writeHead(200, { 'content-type': CAR_TYPE }).end(await carFor(other, blocks, { ...asked, range: undefined })),
  ],
  [
    'a CAR that is cut after a whole block',
    'CAR_TRUNCATED',
    async (asked, response) => {
      const whole = await carFor(root, blocks, asked)
      const upTo = await carFor(root, blocks, { ...asked, range: { start: 0, end: 5 * LEAF } })
      response.writeHead(200, { 'content-type': CAR_TYPE }).end(whole.subarray(0, upTo.length))
    },
  ],
  [
    'a connection that breaks',
    'CAR_TRUNCATED',
    async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, (await carFor(root, blocks, asked)).subarray(0, 100_000))
      response.destroy()
    },
  ],
  [
    'a body shorter than it said',
    'CAR_TRUNCATED',
    async (asked, response) => {
      const car = await carFor(root, blocks, asked)
      response.writeHead(200, { 'content-type': CAR_TYPE, 'content-length': car.length })
      await write(response, car.subarray(0, -10))
      response.destroy()
    },
  ],
  ['a page with status 200', 'CAR_NOT_A_CAR', (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  [
    'a page that says it is a CAR',
    'CAR_NOT_A_CAR',
    (_, response) => void response.writeHead(200, { 'content-type': CAR_TYPE }).end('<html>not found</html>'),
  ],
  ['no type at all', 'CAR_NOT_A_CAR', async (asked, response) => void response.writeHead(200).end(await carFor(root, blocks, asked))],
]

describe('a lying gateway', () => {
  test.each(lies)('that sends %s is refused with %s, and nothing wrong was handed on', async (_, code, behaviour) => {
    const gateway = await start(behaviour)
    const handedOn: Uint8Array[] = []
    const error = await failure(
      (async function* () {
        for await (const block of originOf([gateway]).fetch(root)) {
          handedOn.push(block.block.slice(block.dataStart, block.dataEnd))
          yield block
        }
      })(),
    )
    const bytes = new Uint8Array(Buffer.concat(handedOn))
    expect(bytes).toEqual(CONTENT.subarray(0, bytes.length))
    expect(bytes.length).toBeLessThan(CONTENT.length)
    expect([error.code, (error.cause as CarError).code]).toEqual(['ORIGIN_BAD_CONTENT', code])
    expect(error.attempts).toMatchObject([{ gateway: gateway.url, code, status: 200 }])
    expect(error.attempts[0]!.url).toContain(`/ipfs/${root}`)
  })

  test.each(lies)(
    'that sends %s is followed by the next one from the verified offset, and no block comes twice',
    async (_, code, behaviour) => {
      const [liar, second] = [await start(behaviour), await start(honest)]
      const seen: string[] = []
      const fetched = originOf([liar, second]).fetch(root)
      const content = await flat(
        (async function* () {
          for await (const block of fetched) {
            seen.push(`${block.depth}:${block.fileOffset}`)
            yield block
          }
        })(),
      )
      expect(content).toEqual(CONTENT)
      expect(new Set(seen).size).toBe(seen.length)
      const from = second.asked[0]!.range?.start ?? 0
      const isLate = code === 'CAR_BAD_HASH' || code === 'CAR_TRUNCATED'
      expect(from > 0).toBe(isLate)
    },
  )

  test('is out for ten minutes after a bad hash, then twenty, and not at all after a cut', async () => {
    let nowMs = 0
    const components = { nowMs: () => nowMs }
    const liar = await start(flipped(150_000))
    const origin = originOf([liar], {}, components)
    const codeAt = async (minutes: number): Promise<string> => {
      nowMs = minutes * 60_000
      return (await failure(origin.fetch(root))).code
    }
    expect([await codeAt(0), await codeAt(9.9), await codeAt(10), await codeAt(29.9), await codeAt(30)]).toEqual([
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_NO_GATEWAY',
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_NO_GATEWAY',
      'ORIGIN_BAD_CONTENT',
    ])
    expect(liar.asked.length).toBe(3)
    const cutter = await start(lies[3]![2])
    const second = originOf([cutter], {}, components)
    expect([(await failure(second.fetch(root))).code, (await failure(second.fetch(root))).code]).toEqual([
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_BAD_CONTENT',
    ])
  })
})

test('a DAG that is wrong by its own hashes ends the fetch: nobody else is asked, nobody is punished', async () => {
  const { encode, prepare } = await import('@ipld/dag-pb')
  const { UnixFS } = await import('ipfs-unixfs')
  const { sha256 } = await import('multiformats/hashes/sha2')
  const leaf = bytesOf(LEAF)
  const leafCid = CID.createV1(0x55, await sha256.digest(leaf))
  const node = encode(
    prepare({ Data: new UnixFS({ type: 'file', blockSizes: [9_999n] }).marshal(), Links: [{ Hash: leafCid, Name: '', Tsize: LEAF }] }),
  )
  const wrong = CID.createV1(0x70, await sha256.digest(node))
  const sections = [wrong, leafCid].flatMap((cid, index) => {
    const bytes = index === 0 ? node : leaf
    return [encodeSectionHead(cid, bytes.length), bytes]
  })
  const serve: Behaviour = (_, response) =>
    void response.writeHead(200, { 'content-type': CAR_TYPE }).end(Buffer.concat([encodeCarHeader([wrong]), ...sections]))
  const [first, second] = [await start(serve), await start(serve)]
  const origin = originOf([first, second])
  for (let count = 1; count <= 2; count++) {
    const error = await failure(origin.fetch(wrong))
    expect([error.code, (error.cause as CarError).code, error.attempts.length]).toEqual(['ORIGIN_BAD_CONTENT', 'CAR_BAD_SIZE', 1])
    expect([first.asked.length, second.asked.length]).toEqual([count, 0])
  }
  expect(keyOf(wrong)).not.toBe(keyOf(root))
})
