/** Scope `all`: a whole tree in one request, and gateways that fail it in the middle. */
import { CID } from 'multiformats/cid'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { afterEach, expect, test } from 'vitest'
import type { VerifiedBlock } from '@selvedge/verified-car'
import { type Behaviour, Blocks, bytesOf, CAR_TYPE, carFor, keyOf, RAW_TYPE, write } from './support.ts'
import { closeAll, failure, originOf, start } from './world.ts'

afterEach(closeAll)

const blocks = new Blocks()
const FILES: Record<string, Uint8Array> = {
  'a/one': bytesOf(100, 1),
  'a/two': bytesOf(45_000, 2),
  'b/one': bytesOf(100, 1),
  c: bytesOf(0),
  d: bytesOf(30_000, 4),
}
const root = await importTree()
const car = await carFor(root, blocks, { range: undefined, scope: 'all' })

async function importTree(): Promise<CID> {
  const candidates = Object.entries(FILES).map(([path, content]) => ({ path, content }))
  const options = { rawLeaves: true, cidVersion: 1, wrapWithDirectory: true, chunker: fixedSize({ chunkSize: 10_000 }) } as const
  let last: CID | undefined
  for await (const { cid } of importer(candidates, blocks as unknown as Parameters<typeof importer>[1], options)) last = cid
  return CID.decode(last!.bytes)
}

async function filesOf(parts: AsyncIterable<VerifiedBlock>): Promise<Record<string, Uint8Array>> {
  const out: Record<string, Uint8Array> = {}
  for await (const { kind, path, parts: own } of parts) {
    if (kind !== 'file') continue
    const name = path!.join('/')
    out[name] = new Uint8Array(Buffer.concat([out[name] ?? new Uint8Array(0), ...own]))
  }
  return out
}

const honest: Behaviour = (_, response) => void response.writeHead(200, { 'content-type': CAR_TYPE }).end(car)
const sending =
  (bytes: Uint8Array): Behaviour =>
  (_, response) =>
    void response.writeHead(200, { 'content-type': CAR_TYPE }).end(bytes)

test('a tree is one request with dag-scope=all, and comes with everything below it', async () => {
  const gateway = await start(honest)
  expect(await filesOf(originOf([gateway]).fetch(root, { scope: 'all' }))).toEqual(FILES)
  expect(gateway.asked.map(({ scope, isRaw }) => [scope, isRaw])).toEqual([['all', false]])
})

/** The place of `bytes` in the CAR. */
const placeOf = (bytes: Uint8Array): number => Buffer.from(car).indexOf(bytes)

function changed(at: number, bytes: readonly number[]): Uint8Array {
  const out = car.slice()
  out.set(bytes, at)
  return out
}

const faults: readonly (readonly [string, string, Behaviour])[] = [
  ['is cut after a whole file', 'CAR_TRUNCATED', sending(car.subarray(0, placeOf(FILES['a/one']!) + 100))],
  ['is cut inside a leaf', 'CAR_TRUNCATED', sending(car.subarray(0, placeOf(FILES['a/two']!.subarray(0, 50)) + 5_000))],
  ['lies in a leaf', 'CAR_BAD_HASH', sending(changed(placeOf(FILES['a/two']!.subarray(0, 50)) + 9, [1, 2, 3]))],
  ['claims a block that is too large', 'CAR_TOO_LARGE', sending(changed(placeOf(FILES['a/one']!) + 100, [0xff, 0xff, 0xff, 0x7f]))],
  [
    'breaks its connection',
    'CAR_TRUNCATED',
    async (_, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, car.subarray(0, 30_000))
      response.destroy()
    },
  ],
]

test.each(faults)(
  'where a gateway %s, it is told as %s, and the next one goes on: nothing twice, nothing left out',
  async (_, code, behaviour) => {
    const bad = await start(behaviour)
    expect(await failure(originOf([bad]).fetch(root, { scope: 'all' }))).toMatchObject({
      code: 'ORIGIN_BAD_CONTENT',
      cause: { code },
      attempts: [{ code }],
    })
    const good = await start(honest)
    expect(await filesOf(originOf([bad, good]).fetch(root, { scope: 'all' }))).toEqual(FILES)
    expect(good.asked.map(({ scope }) => scope)).toEqual(['all'])
  },
)

test('a gateway without CARs is asked for single blocks, each once a place', async () => {
  const gateway = await start(async (asked, response) => {
    if (!asked.isRaw) return void response.writeHead(406).end()
    const cid = CID.parse(asked.url.pathname.split('/').at(-1)!)
    response.writeHead(200, { 'content-type': RAW_TYPE }).end(blocks.map.get(keyOf(cid)))
  })
  expect(await filesOf(originOf([gateway]).fetch(root, { scope: 'all' }))).toEqual(FILES)
})

test('a gateway that goes on from another one’s cut by single blocks asks for what is missing only', async () => {
  const cut = await start(sending(car.subarray(0, placeOf(FILES['a/two']!.subarray(0, 50)) + 25_000)))
  const single = await start(async (asked, response) => {
    if (!asked.isRaw) return void response.writeHead(406).end()
    const cid = CID.parse(asked.url.pathname.split('/').at(-1)!)
    response.writeHead(200, { 'content-type': RAW_TYPE }).end(blocks.map.get(keyOf(cid)))
  })
  expect(await filesOf(originOf([cut, single]).fetch(root, { scope: 'all' }))).toEqual(FILES)
  const asked = single.asked.filter(({ isRaw }) => isRaw).map(({ url }) => url.pathname.split('/').at(-1))
  expect(asked).not.toContain(String(root))
})

test('a gateway that stalls in the middle of a tree is left within its deadline, and an abort ends it with its reason', async () => {
  const stalling = await start(async (_, response) => {
    response.writeHead(200, { 'content-type': CAR_TYPE })
    await write(response, car.subarray(0, 20_000))
  })
  const good = await start(honest)
  const timeouts = { idleMs: 3_000 }
  expect(await filesOf(originOf([stalling, good], { timeouts }).fetch(root, { scope: 'all' }))).toEqual(FILES)
  const controller = new AbortController()
  const iterator = originOf([stalling]).fetch(root, { scope: 'all', signal: controller.signal })[Symbol.asyncIterator]()
  await iterator.next()
  controller.abort(new Error('enough'))
  await expect(
    (async () => {
      for (;;) if ((await iterator.next()).done === true) return
    })(),
  ).rejects.toThrow('enough')
})
