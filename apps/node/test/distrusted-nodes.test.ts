// Goal: `selvedge get` asks a node that lied last, in the next run too, whatever became of the files that say so.
// Method: real nodes of which one lies, and the command line in this process; and the files themselves, spoilt.
import type { DistrustedNode } from '@selvedge/client'
import { type ContentSourcePort, createContentServer } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createOutboard } from '@selvedge/verified-streaming'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keepDistrusted, readDistrusted } from '../src/download/distrusted-nodes.ts'
import { sampleBytes, scratchFolder } from './harness.ts'
import { runHere } from './run-here.ts'

const DATA = sampleBytes(200_000)
const NOW_MS = 1_700_000_000_000
const nodeOf = (byte: string, untilMs = NOW_MS + 1): DistrustedNode => ({ nodeKey: byte.repeat(32), finer: 'VERIFY_MISMATCH', untilMs })

interface ServingNode {
  readonly key: string
  readonly address: string
  asked: number
}

/** One that has DATA, or says so and sends something else. */
async function startNode(isHonest: boolean): Promise<ServingNode> {
  const { root, size, outboard } = await createOutboard(DATA)
  const data = new Uint8Array(DATA)
  if (!isHonest) data[1_000]! ^= 1
  const openRoot: ContentSourcePort['openRoot'] = async () => ({ root, size, data, outboard, close: async () => {} })
  const content = createContentServer({ source: { openRoot, openCid: async () => Promise.reject(new Error('none')) } })
  const identity = createKeyPair()
  const key = Buffer.from(identity.publicKey).toString('hex')
  const server = createSessionServer(
    {
      identity,
      onLane: async (request) => {
        node.asked++
        const { answer, body } = await content.serve(request.metadata)
        const lane = request.accept(answer)
        for await (const bytes of body) await lane.write(bytes)
        await lane.end()
      },
    },
    { chainId: 1337 },
  )
  onTestFinished(() => server.stop())
  const { host, port } = await server.start()
  const node = { key, address: `selvedge://${host}:${port}/${key}`, asked: 0 }
  return node
}

test('who lied to one run is asked last by the next one, and by no run that has another data folder', async () => {
  const { root } = await createOutboard(DATA)
  const [liar, honest] = [await startNode(false), await startNode(true)]
  const folder = await scratchFolder()
  const get = async (data: string, output: string): Promise<void> => {
    const words = ['get', Buffer.from(root).toString('hex'), '-o', join(folder, output), '--data', join(folder, data), '--json']
    expect(await runHere([...words, '--node', liar.address, '--node', honest.address])).toMatchObject({ code: 0, stderr: '' })
    expect((await readFile(join(folder, output))).equals(DATA)).toBe(true)
  }
  await get('data', 'first')
  const file = join(folder, 'data', 'distrusted', `${liar.key}.json`)
  expect([liar.asked, (await stat(file)).mode & 0o777, await readdir(join(file, '..'))]).toEqual([1, 0o600, [`${liar.key}.json`]])
  const said = await readFile(file, 'utf8')
  await get('data', 'second')
  expect([liar.asked, honest.asked, await readFile(file, 'utf8')]).toEqual([1, 2, said]) // its hour runs from its own last lie
  await get('elsewhere', 'third')
  expect(liar.asked).toBe(2)
})

test('what cannot be kept is said, and what was fetched is there all the same', async () => {
  const { root } = await createOutboard(DATA)
  const [liar, honest] = [await startNode(false), await startNode(true)]
  const folder = await scratchFolder()
  await writeFile(join(folder, 'data'), 'a file where the folder is to be')
  const words = ['get', Buffer.from(root).toString('hex'), '-o', join(folder, 'out'), '--data', join(folder, 'data')]
  const ran = await runHere([...words, '--node', liar.address, '--node', honest.address])
  expect(ran).toMatchObject({ code: 0, stderr: expect.stringMatching(/^selvedge: cannot keep in .* which node lied: .*\n$/) })
  expect((await readFile(join(folder, 'out'))).equals(DATA)).toBe(true)
})

test('what is kept is read again, who lied last last; what is past or spoilt names nobody and is removed', async () => {
  const data = await scratchFolder()
  const [late, early, past] = [nodeOf('aa', NOW_MS + 9), nodeOf('bb', NOW_MS + 5), nodeOf('cc', NOW_MS)]
  await keepDistrusted(data, [late, early, past, { ...late, nodeKey: '../../elsewhere' }], [])
  const folder = join(data, 'distrusted')
  const outside = join(data, 'outside.json')
  await writeFile(outside, JSON.stringify(nodeOf('11')))
  const spoilt: readonly (readonly [string, string])[] = [
    ['dd', ''],
    ['ee', JSON.stringify(nodeOf('ff'))], // another's name
    ['22', JSON.stringify({ ...nodeOf('22'), untilMs: 'soon' })],
    ['33', JSON.stringify({ ...nodeOf('33'), finer: 'x'.repeat(2_000) })],
    ['44', 'null'],
  ]
  for (const [byte, text] of spoilt) await writeFile(join(folder, `${byte.repeat(32)}.json`), text)
  await symlink(outside, join(folder, `${'11'.repeat(32)}.json`))
  await mkdir(join(folder, 'left-alone'))
  await writeFile(join(folder, 'torn.part'), '{')
  expect(await readDistrusted(data, NOW_MS)).toEqual([early, late])
  expect((await readdir(folder)).toSorted()).toEqual(
    [late, early].map(({ nodeKey }) => `${nodeKey}.json`).concat('left-alone', 'torn.part'),
  )
  expect(await readFile(outside, 'utf8')).toBe(JSON.stringify(nodeOf('11')))
  expect(await readDistrusted(join(data, 'nowhere'))).toEqual([])
})

test('of two runs neither takes anything from the other; what a run knew already is not written again', async () => {
  const data = await scratchFolder()
  const [a, b] = [nodeOf('aa'), nodeOf('bb')]
  await keepDistrusted(data, [a], [])
  await keepDistrusted(data, [b], [])
  expect(await readDistrusted(data, NOW_MS)).toHaveLength(2)
  const file = join(data, 'distrusted', `${a.nodeKey}.json`)
  await chmod(file, 0o400)
  const { mtimeMs } = await stat(file)
  await keepDistrusted(data, [a, b], [a, b])
  expect((await stat(file)).mtimeMs).toBe(mtimeMs)
  await keepDistrusted(data, [{ ...a, untilMs: NOW_MS + 7 }], [a])
  expect((await readDistrusted(data, NOW_MS)).at(-1)).toEqual({ ...a, untilMs: NOW_MS + 7 })
})
