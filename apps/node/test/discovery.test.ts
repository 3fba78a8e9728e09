// Goal: from a ledger to content with nothing but the discovery key: `discovery write` signs what the ledger proves and never goes back, and
// `get --discovery` takes that list and no other.
// Method: the state machine with real proofs and certificates behind a real RPC door, two real nodes, and the command line in this process.
import { decodeField, encodeField, nodes as nodesTable, type NodeRow } from '@selvedge/application'
import { decodeDiscovery, discoverySigningBytes, encodeDiscovery, type DiscoveryDocument } from '@selvedge/client/discovery'
import { createKeyPair } from '@selvedge/crypto'
import { readKeyFile } from '@selvedge/crypto/keyfile'
import type { NetworkAddress } from '@selvedge/ledger-types'
import { copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { nodesByDiscovery } from '../src/commands/discovery-nodes.ts'
import { listedOf } from '../src/ledger-tools/discovery-registry.ts'
import { createWorld, openLedger, type DiscoveryWorld } from './discovery-world.ts'
import { parseLine, scratchFolder, type Ran } from './harness.ts'
import { startRpcProxy } from './rpc-proxy.ts'
import { runHere } from './run-here.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }) // how long a busy machine takes is not what is tested

let world: DiscoveryWorld
/** The door of a ledger in epoch 1. */
let rpc: string
/** Of the files that were written from it, to be copied. */
let signed: { readonly path: string; readonly key: string; readonly keyFile: string; readonly document: DiscoveryDocument }
/** What the run that wrote them said. */
let written: Readonly<Record<string, unknown>>
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  world = await createWorld()
  stops.push(() => world.stop())
  const door = await openLedger(world.genesis, 1)
  stops.push(() => door.stop())
  rpc = door.url
  const [path, keyFile] = [join(world.folder, 'network.json'), join(world.folder, 'discovery.key')]
  const ran = await write(path, keyFile)
  written = parseLine(ran)
  signed = { path, keyFile, key: String(written.discoveryKey), document: decodeDiscovery(await readFile(path)) }
})

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

async function write(output: string, keyFile: string, ...more: readonly string[]): Promise<Ran> {
  const words = ['--genesis', world.genesisFile, '--rpc', rpc, '--name', 'tiny', '--key', keyFile, '-o', output]
  return await runHere(['discovery', 'write', ...words, ...more, '--json'])
}

/** Copies of the two files, to be spoilt. */
async function copies(): Promise<{ readonly folder: string; readonly path: string }> {
  const folder = await scratchFolder()
  const path = join(folder, 'network.json')
  await copyFile(signed.path, path)
  await copyFile(`${signed.path}.sig`, `${path}.sig`)
  return { folder, path }
}

interface Got extends Ran {
  readonly output: string
  readonly data: string
}

async function get(source: string, folder: string, key = signed.key): Promise<Got> {
  const [output, data] = [join(folder, 'film'), join(folder, 'data')]
  const ran = await runHere(['get', world.cid, '-o', output, '--discovery', source, '--discovery-key', key, '--data', data, '--json'])
  return { ...ran, output, data }
}

/** A document of the discovery key, as nobody's ledger has it. */
async function signAnew(path: string, document: DiscoveryDocument): Promise<void> {
  const bytes = encodeDiscovery(document)
  const { secret } = await readKeyFile(signed.keyFile)
  await writeFile(path, bytes)
  await writeFile(`${path}.sig`, createKeyPair(secret).sign(discoverySigningBytes(bytes)))
}

const codeOf = (ran: Ran): unknown => (parseLine(ran).error as { code: string } | undefined)?.code

test('the list is what the ledger proves: Active nodes with an address, their keys, records and scores, of its epoch and network', async () => {
  const { document } = signed
  const { chainId, hash, nodes } = world.genesis
  expect(written).toMatchObject({ ok: true, epoch: 1, nodes: 3, withoutAddress: 1, withoutRecord: 0, beyond: 0 })
  expect(document).toMatchObject({ name: 'tiny', chainId, genesisHash: hash, epoch: 1, rpc: '', explorer: '' })
  expect(document.nodes.map(({ nodeIndex, score }) => [nodeIndex, score])).toEqual([0, 1, 2].map((index) => [index, 20_000_000]))
  for (const { nodeIndex, nodeKey, noiseRecord } of document.nodes) expect({ nodeKey, noiseRecord }).toMatchObject(pick(nodes[nodeIndex]!))
  for (const i of [0, 1]) expect(document.nodes[i]!.addresses).toEqual([`tls://127.0.0.1:${world.serving[i]!.port}`])
  expect((await stat(signed.keyFile)).mode & 0o777).toBe(0o600)
})
const pick = ({ nodeKey, noiseRecord }: Pick<NodeRow, 'nodeKey' | 'noiseRecord'>): object => ({ nodeKey, noiseRecord })

test('a file comes from the nodes of the list, one of which is not there; over http and from a file', async () => {
  const { folder } = await copies()
  const server = createServer((request, response) => {
    void readFile(join(world.folder, request.url!.slice(1))).then((bytes) => response.end(bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/network.json`
  const got = await get(url, folder)
  expect(got).toMatchObject({ code: 0 })
  expect((await readFile(got.output)).equals(world.file)).toBe(true)
  expect(await readdir(join(got.data, 'discovery', signed.key))).toEqual(['1'])
  const again = await get(signed.path, await scratchFolder())
  expect(again).toMatchObject({ code: 0 })
  expect((await readFile(again.output)).equals(world.file)).toBe(true)
})

test('a list of another key, cut short, or changed in one byte is refused, and nothing is remembered of it', async () => {
  const { folder, path } = await copies()
  const other = Buffer.from(createKeyPair().publicKey).toString('hex')
  expect(codeOf(await get(path, folder, other))).toBe('CLIENT_BAD_SIGNATURE')
  const whole = await readFile(path)
  await truncate(path, whole.length - 1)
  expect(codeOf(await get(path, folder))).toBe('CLIENT_BAD_SIGNATURE')
  await writeFile(
    path,
    whole.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
  )
  expect(codeOf(await get(path, folder))).toBe('CLIENT_BAD_SIGNATURE')
  await writeFile(path, whole)
  await truncate(`${path}.sig`, 63)
  const got = await get(path, folder)
  expect(codeOf(got)).toBe('CLIENT_BAD_SIGNATURE')
  expect(await readdir(join(got.data, 'discovery', signed.key))).toEqual([])
})

test('once a list was seen an older one is refused, also where no node of the newer one could be reached', async () => {
  const { folder, path } = await copies()
  const nobody = signed.document.nodes.slice(2) // the one that is not there
  await signAnew(path, { ...signed.document, epoch: 5, nodes: nobody })
  expect(codeOf(await get(path, folder))).toBe('CLIENT_UNREACHABLE')
  expect(codeOf(await get(signed.path, folder))).toBe('CLIENT_OLD_DISCOVERY')
  await signAnew(path, { ...signed.document, epoch: 6 })
  const got = await get(path, folder)
  expect(got).toMatchObject({ code: 0 })
  expect(await readdir(join(got.data, 'discovery', signed.key))).toEqual(['6'])
  await signAnew(path, { ...signed.document, epoch: 6, notAfterMs: Date.now() - 1 })
  expect(codeOf(await get(path, folder))).toBe('CLIENT_OLD_DISCOVERY')
})

test('several nodes are asked at once where more than one was reached, and of the list the ones that were reached come first', async () => {
  const { folder, path } = await copies()
  const [near, , gone] = signed.document.nodes
  const found = async (
    nodes: DiscoveryDocument['nodes'],
  ): Promise<{ readonly first: unknown; readonly isSpread: boolean; readonly line: string }> => {
    await signAnew(path, { ...signed.document, nodes })
    let line = ''
    const options = { discovery: path, discoveryKey: signed.key, data: join(folder, 'data') }
    const client = await nodesByDiscovery(options, (said) => (line = said), new AbortController().signal)
    return { first: client.nodes[0], isSpread: client.downloads !== undefined, line }
  }
  const { line, isSpread } = await found(signed.document.nodes)
  expect(line).toMatch(/^tiny, epoch 1: [12] of 3 nodes were reached$/) // a machine may be so busy that one of its own is not
  expect(isSpread).toBe(line.includes(': 2 of'))
  expect(await found([near!, gone!])).toMatchObject({ first: { nodeIndex: 0 }, isSpread: false })
})

test('a node that answers from an earlier epoch does not bring the list back; the same epoch renews it', async () => {
  const { path } = await copies()
  const before = await Promise.all([readFile(path), readFile(`${path}.sig`)])
  const past = await openLedger(world.genesis, 0)
  onTestFinished(() => past.stop())
  const older = await write(path, signed.keyFile, '--rpc', past.url)
  expect([older.code, codeOf(older)]).toEqual([1, 'NODE_DISCOVERY'])
  expect(await Promise.all([readFile(path), readFile(`${path}.sig`)])).toEqual(before)
  expect(await write(path, signed.keyFile, '--days', '30')).toMatchObject({ code: 0 })
  expect(decodeDiscovery(await readFile(path)).notAfterMs).toBeGreaterThan(signed.document.notAfterMs)
  expect((await readdir(join(path, '..'))).toSorted()).toEqual(['network.json', 'network.json.sig'])
})

test('a torn pair, as a run leaves it that was killed between its two names, is mended by the next', async () => {
  const { folder, path } = await copies()
  await writeFile(`${path}.sig`, new Uint8Array(64))
  expect(codeOf(await get(path, folder))).toBe('CLIENT_BAD_SIGNATURE')
  expect(await write(path, signed.keyFile)).toMatchObject({ code: 0 })
  expect(await get(path, folder)).toMatchObject({ code: 0 })
})

test('what is no list, or of another network, is left alone; no new key is made under a list that was signed before', async () => {
  const { folder, path } = await copies()
  await signAnew(path, { ...signed.document, chainId: 7 })
  expect(codeOf(await write(path, signed.keyFile))).toBe('NODE_OUTPUT')
  await writeFile(path, 'film')
  expect(codeOf(await write(path, signed.keyFile))).toBe('NODE_OUTPUT')
  expect(await readFile(path, 'utf8')).toBe('film')
  await copyFile(signed.path, path)
  const typo = join(folder, 'discovry.key')
  expect(codeOf(await write(path, typo))).toBe('NODE_KEY_FILE')
  expect(await readdir(folder)).not.toContain('discovry.key')
})

test('a node that names an address of its own for another node proves nothing, and nothing is signed', async () => {
  const { path } = await copies()
  const proxy = await startRpcProxy(rpc)
  onTestFinished(() => proxy.stop())
  proxy.lies = {
    selvedge_proof: (result, [table]) => {
      const { value } = result as { value: string | null }
      if (table !== nodesTable.id || value === null) return result
      const row = decodeField(nodesTable.value, new Uint8Array(Buffer.from(value.slice(2), 'hex')))
      const moved = row.addresses.map((address) => ({ ...address, sessions: 9 }))
      return {
        ...(result as object),
        value: `0x${Buffer.from(encodeField(nodesTable.value, { ...row, addresses: moved })).toString('hex')}`,
      }
    },
  }
  expect(codeOf(await write(path, signed.keyFile, '--rpc', proxy.url))).toBe('NODE_UNPROVEN')
  expect(await readFile(path)).toEqual(await readFile(signed.path))
})

test('a node that answers few requests at once is waited for', async () => {
  const slow = await openLedger(world.genesis, 1, 20)
  onTestFinished(() => slow.stop())
  const { path } = await copies()
  expect(parseLine(await write(path, signed.keyFile, '--rpc', slow.url))).toMatchObject({ ok: true, nodes: 3 })
})

test.each([
  [['get', 'CID', '--discovery', 'x'], '--discovery-key'],
  [['get', 'CID', '--discovery-key', '00'.repeat(32)], '--discovery names'],
  [['get', 'CID', '--discovery', 'x', '--discovery-key', '00'], '64 hex digits'],
  [['get', 'CID', '--discovery', 'x', '--discovery-key', '00'.repeat(32), '--node', 'y'], 'not both'],
  [['get', 'CID', '--discovery', 'http://192.0.2.1/x', '--discovery-key', '00'.repeat(32)], 'over https'],
  [['discovery', 'write', '--name', 'x', '--key', 'x', '-o', 'x'], '--genesis'],
] as const)('wrong use is one line: %j', async (args, words) => {
  const data = args[0] === 'get' ? ['--data', await scratchFolder()] : []
  const ran = await runHere([...args.map((arg) => (arg === 'CID' ? world.cid : arg)), ...data])
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(words) as string })
})

// What no ledger of a test's size has.
test('nodes are listed as clients can use them: the first address of each kind first, IPv6 too; without one, or a good record, not at all', () => {
  const [own, other] = [world.genesis.nodes[0]!, world.genesis.nodes[1]!]
  const [ip, six] = [Uint8Array.of(192, 0, 2, 1), Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x20 : i))]
  const none = { ip, pool: 1, sessions: 0, websocket: 0, pinger: 1 }
  const { nodeKey, noiseRecord } = own
  const at = { chainId: world.genesis.chainId, epoch: 1 }
  const listed = (addresses: readonly NetworkAddress[], record = noiseRecord, where = at): ReturnType<typeof listedOf> =>
    listedOf([{ nodeIndex: 3, row: { nodeKey, noiseRecord: record, addresses }, score: 5 }], where)
  const many = [
    none,
    { ...none, sessions: 1 },
    { ...none, sessions: 2 },
    { ...none, ip: six, sessions: 3, websocket: 4 },
    { ...none, sessions: 5 },
  ]
  expect(listed(many).nodes[0]!.addresses).toEqual([
    'tls://192.0.2.1:1',
    'ws://[2001:203:405:607:809:a0b:c0d:e0f]:4',
    'tls://192.0.2.1:2',
    'tls://[2001:203:405:607:809:a0b:c0d:e0f]:3',
  ])
  expect(() => encodeDiscovery({ ...signed.document, nodes: listed(many).nodes })).not.toThrow()
  expect(listed([none])).toMatchObject({ nodes: [], withoutAddress: 1, withoutRecord: 0 })
  const good = [{ ...none, sessions: 1 }]
  for (const [record, where] of [
    [other.noiseRecord, at],
    [noiseRecord.with(80, noiseRecord[80]! ^ 1), at],
    [noiseRecord.subarray(1), at],
    [noiseRecord, { ...at, chainId: 7 }],
    [noiseRecord, { ...at, epoch: 101 }],
  ] as const)
    expect(listed(good, record, where)).toMatchObject({ nodes: [], withoutAddress: 0, withoutRecord: 1 })
  expect(listed(good, noiseRecord, { ...at, epoch: 100 }).nodes).toHaveLength(1)
})

test('of more nodes than a document holds the best are in it, by their index', () => {
  const row = {
    ...world.genesis.nodes[0]!,
    addresses: [{ ip: Uint8Array.of(192, 0, 2, 1), pool: 1, sessions: 1, websocket: 0, pinger: 1 }],
  }
  const active = Array.from({ length: 2_050 }, (_, nodeIndex) => ({ nodeIndex, row, score: nodeIndex === 2_049 ? 9 : 10_000 - nodeIndex }))
  const { nodes, beyond } = listedOf(active, { chainId: world.genesis.chainId, epoch: 1 })
  expect([nodes.length, beyond, nodes[0]!.nodeIndex, nodes.at(-1)!.nodeIndex]).toEqual([2_048, 2, 0, 2_047])
})
